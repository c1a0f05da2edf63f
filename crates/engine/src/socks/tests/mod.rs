//! SOCKS from the first byte to the last, over real loopback sockets; only the gateway behind it is made up.

mod associate;
mod bind;
mod handshake;
mod parsers;
mod server;
