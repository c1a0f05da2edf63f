//! FTP by GET through the HTTP proxy: real clients, and a real server on loopback.

mod clients;
mod decisions;
mod support;
mod transfers;
