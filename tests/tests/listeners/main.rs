//! Listeners: ports in use, access beyond loopback, users, loops to the proxy itself, protocol detection.

mod access;
mod protocols;
mod sockets;
