//! Sites: hosts, balancing, health, routes, limits, rewriting, retries, TLS and reloads.
#![allow(clippy::print_stdout, reason = "measurements are printed")]

mod balancing;
mod changes;
mod floods;
mod grpc;
mod hostile;
mod http2;
mod https_backends;
mod large_bodies;
mod messages;
mod requests;
mod retries;
mod shared_connections;
mod support;
mod tls;
mod translation;
