//! The HTTP proxy: requests, responses, tunnels.

mod requests;
mod responses;
mod support;
mod tunnels;
