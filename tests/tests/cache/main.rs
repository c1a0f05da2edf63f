//! The HTTP cache in the built program: for the forward proxy, and for sites.

mod api;
mod disk;
mod forward;
mod peers;
mod privacy;
mod sites;
mod support;
