//! Real proxies and scanners, each with its own configuration folder and port; they are ended on drop.

pub mod c_icap;
pub mod certificate;
pub mod clamd;
pub mod dante;
mod folder;
pub mod haproxy;
pub mod microsocks;
pub mod redis_server;
pub mod squid;
pub mod tor;

pub use c_icap::CIcap;
pub use certificate::Certificate;
pub use clamd::Clamd;
pub use dante::Dante;
pub use folder::{open_folder, write};
pub use haproxy::Haproxy;
pub use microsocks::Microsocks;
pub use redis_server::RedisServer;
pub use squid::Squid;
pub use tor::Tor;
