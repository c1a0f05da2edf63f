//! Real proxies as upstreams, each with its own configuration folder and port; they are ended on drop.

pub mod certificate;
pub mod dante;
mod folder;
pub mod haproxy;
pub mod microsocks;
pub mod squid;
pub mod tor;

pub use certificate::Certificate;
pub use dante::Dante;
pub use folder::{open_folder, write};
pub use haproxy::Haproxy;
pub use microsocks::Microsocks;
pub use squid::Squid;
pub use tor::Tor;
