//! The SOCKS protocols byte by byte.

mod tcp;
mod udp;
