//! The desktop's proxy settings: read, switched, and restored exactly, however this process ends.
//!
//! `settings` holds a desktop's keys and values, `desktop` their meaning, `switch` the decisions (pure), `journal` the
//! former values on disk, `system_proxy_session` carries out, `guardian` and `restore_at_login` restore after a kill. The
//! stores are `gnome`, `kde`, `macos`, `windows` and, for tests, `memory_store`.

mod desktop;
pub mod detect;
pub mod gnome;
pub mod guardian;
pub mod journal;
pub mod kde;
pub mod leftover;
pub mod macos;
pub mod memory_store;
pub mod proxy_target;
mod report;
mod restore;
mod restore_at_login;
pub mod settings;
pub mod store;
pub mod switch;
pub mod system_proxy_session;
pub mod windows;

pub use crate::command::{CommandError, ParentPipe};
pub use detect::detect;
pub use journal::{Journal, JournalFile};
pub use proxy_target::{DesiredProxy, ProxyEndpoint, ProxyScheme, ProxyTarget};
pub use report::{SystemProxyReport, SystemProxyState};
pub use restore::ProxyError;
pub use settings::{Change, DesktopKind, KeyRole, ProxySettings, Value};
pub use store::{ProxyStore, StoreError};
pub use system_proxy_session::SystemProxySession;
