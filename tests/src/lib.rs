//! Whole-program tests: real clients and servers against the built `privet`.
//!
//! The built program is expected beside the test (`cargo build` makes it; `cargo xtask test` does both) or taken from
//! `PRIVET_BIN`. Everything runs on loopback or in network namespaces made here, on ports reserved across processes, and
//! ends with the test. A test whose programs are not installed is skipped and reported; where `CI` is set it fails.

/// The value of an `Option` that is `None` where a program is missing (which [`missing`] has then reported); otherwise the
/// test returns here.
#[macro_export]
macro_rules! require {
    ($needed:expr) => {
        match $needed {
            Some(present) => present,
            None => return,
        }
    };
}

pub mod backend;
pub mod chromium;
pub mod client;
pub mod desktop;
pub mod h2;
pub mod https;
pub mod keyring;
pub mod list_server;
pub mod login_upstream;
pub mod namespace;
pub mod origin;
pub mod panel;
pub mod peers;
pub mod pixels;
pub mod port;
pub mod portal;
pub mod privet;
pub mod process;
mod sandbox;
pub mod screen;
pub mod skip;
pub mod terminal;
mod timeout;
pub mod wait;
pub mod webdriver;

pub use backend::{Backend, SiteClient};
pub use client::{CommandOutput, curl, python};
pub use login_upstream::LoginUpstream;
pub use origin::{Origin, UdpEcho};
pub use port::{await_port, reserve};
pub use privet::Privet;
pub use process::{Running, program};
pub use skip::missing;
pub use timeout::TIMEOUT;
