//! A task that panics is logged and dies alone; the process goes on.

use std::panic::{self, PanicHookInfo};

/// Puts the hook in place: one log line with the place and the message, nothing on standard output.
pub fn hook() {
    panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let thread = std::thread::current();
        tracing::error!(
            thread = thread.name().unwrap_or("unnamed"),
            "a task panicked at {place}: {}; the others go on. This is a fault of Privet's own: please report it",
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
