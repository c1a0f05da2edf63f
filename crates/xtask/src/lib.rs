//! What the commands of this repository share: running programs, and installing what they need.
#![allow(clippy::print_stdout, reason = "talking to the terminal is its work")]

pub mod needs;
pub mod page;
pub mod shell;
pub mod tools;
