//! HTTPS inspection through the built program: real clients, real origins with good and bad certificates.

mod clients;
mod exceptions;
mod origins;
mod policy;
mod requests;
mod stores;
mod support;
