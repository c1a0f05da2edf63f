//! The operating system: the process behind a socket, the keyring, socket activation and readiness notification, limits,
//! interface addresses, the desktop's proxy settings and applications, the clipboard, starting at login.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod activation;
pub mod apps;
pub mod clipboard;
mod command;
mod detached;
mod hidden_input;
pub mod interfaces;
mod invoking_user;
pub mod keyring;
pub mod limits;
pub mod login;
pub mod memory;
pub mod notify;
mod own_names;
mod own_program;
pub mod process;
pub mod proxy;
pub mod proxy_environment;
pub mod proxy_login;
pub mod trust;
pub mod window;

pub use hidden_input::HiddenInput;
pub use interfaces::Interfaces;
pub use invoking_user::invoking_user;
pub use keyring::SystemKeyring;
pub use own_names::is_this_machine;
pub use own_program::own_program;
pub use process::{
    ProcessLookup, Processes, ProgramFinder, ProgramLookup, ProgramState,
    SUPPORTED as PROGRAMS_SUPPORTED, user_behind, who_listens,
};
