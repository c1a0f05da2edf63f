//! The HTTP cache in the built program: for the forward proxy, and for sites.

mod api;
mod browsers;
mod changes;
mod conformance;
mod disk;
mod forward;
mod hostile;
mod large;
mod offline;
mod peers;
mod privacy;
mod redis;
mod sites;
mod support;
