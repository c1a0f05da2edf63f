//! Panic hook: logs the panic of a task; the process continues.

use std::panic::{self, PanicHookInfo};

/// Installs the hook: one log line with location and message, nothing on standard output.
pub fn hook() {
    panic::set_hook(Box::new(|info| {
        let location = info
            .location()
            .map_or_else(|| "an unknown location".to_owned(), ToString::to_string);
        let thread = std::thread::current();
        tracing::error!(
            thread = thread.name().unwrap_or("unnamed"),
            "a task panicked at {location}: {}; the other tasks continue. This is a bug in Privet: please report it",
            message(info)
        );
    }));
}

fn message<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    info.payload()
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| info.payload().downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
