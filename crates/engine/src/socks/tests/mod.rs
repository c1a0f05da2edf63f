//! SOCKS from the first byte to the last, over real loopback sockets; only the gateway behind it is a fake.

mod associate;
mod bind;
mod client;
mod fake_gateway;
mod fast_socks5;
mod handshake;
mod parsers;
mod server;
