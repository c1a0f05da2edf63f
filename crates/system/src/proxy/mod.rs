//! The operating system's proxy: measured, switched, and put back exactly, whatever ends us.
//!
//! Read in this order: [`settings`] is what a desktop keeps, [`layout`] what its keys mean, [`switch`] decides (pure),
//! [`journal`] remembers on disk what was there before, [`hold`] carries out, [`guardian`] puts back what a killed
//! process could not. The stores are [`gnome`], [`kde`], [`macos`], [`windows`] and, for tests, [`memory`].

pub mod desired_proxy;
pub mod desktop;
pub mod detect;
pub mod gnome;
pub mod guardian;
pub mod journal;
pub mod kde;
pub mod leftover;
pub mod macos;
pub mod memory_store;
mod restore_at_login;
pub mod settings;
pub mod store;
pub mod switch;
pub mod system_proxy_session;
pub mod windows;

pub use desired_proxy::DesiredProxy;
pub use desktop::{DesktopKind, ProxyEndpoint, ProxyScheme, ProxyTarget};
pub use detect::detect;
pub use journal::{Journal, JournalFile};
pub use settings::{Change, ProxySettings, Value};
pub use store::{ParentPipe, ProxyStore, StoreError};
pub use system_proxy_session::{
    ProxyError, SystemProxyReport, SystemProxySession, SystemProxyState,
};
