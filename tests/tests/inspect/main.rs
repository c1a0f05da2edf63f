//! HTTPS inspection through the built program: real clients, real origins with good and bad certificates.

mod authority_end;
mod clients;
mod exceptions;
mod grpc;
mod hostile;
mod identity;
mod messages;
mod origins;
mod policy;
mod refusals;
mod requests;
mod revocation;
mod silent;
mod stores;
mod support;
