//! Sites: hosts, balancing, health, routes, limits, rewriting, retries, TLS and reloads.

mod balancing;
mod changes;
mod hostile;
mod messages;
mod requests;
mod support;
mod tls;
