//! Shared by the commands of this repository: running programs, and installing their dependencies.
#![allow(clippy::print_stdout, reason = "a command line tool prints")]

pub mod needs;
pub mod page;
pub mod shell;
pub mod tools;
