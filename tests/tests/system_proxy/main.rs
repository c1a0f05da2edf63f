//! The system proxy on a real GNOME session: however Privet ends, the user's settings are restored.
#![allow(clippy::print_stdout, reason = "measurements are printed")]

mod ended;
mod killed;
mod support;
mod switching;
