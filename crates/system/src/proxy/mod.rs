//! The operating system's proxy: measured, switched, and put back exactly, whatever ends us.
//!
//! Read in this order: [`settings`] is what a desktop keeps, [`layout`] what its keys mean, [`switch`] decides (pure),
//! [`journal`] remembers on disk what was there before, [`hold`] carries out, [`guardian`] puts back what a killed
//! process could not. The stores are [`gnome`], [`kde`], [`macos`], [`windows`] and, for tests, [`memory`].

pub mod detect;
pub mod gnome;
pub mod guardian;
pub mod hold;
pub mod journal;
pub mod kde;
pub mod layout;
pub mod leftover;
pub mod macos;
pub mod memory;
mod net;
pub mod settings;
pub mod store;
pub mod switch;
pub mod target;
pub mod windows;

pub use detect::detect;
pub use hold::{Holder, ProxyError, Report, State};
pub use journal::{Journal, JournalFile};
pub use layout::{Layout, Pointing, ProxyAt, Serves};
pub use settings::{Change, ProxySettings, Value};
pub use store::{Leash, ProxyStore, StoreError};
pub use target::Target;
