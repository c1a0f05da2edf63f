//! The log as it runs, for whoever watches: a `tracing` layer that costs nothing while nobody does.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use utoipa::ToSchema;

/// Lines that wait for a slow watcher; past it the oldest are dropped, and the watcher is told how many.
pub const WAITING: usize = 512;
/// Longest value kept of one field, in bytes.
const MAX_VALUE: usize = 4096;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// "error", "warn", "info", "debug" or "trace".
    pub level: String,
    /// The part of the program that speaks.
    pub target: String,
    pub message: String,
    /// What else the line says. Control characters are escaped.
    pub fields: BTreeMap<String, String>,
}

fn sender() -> &'static broadcast::Sender<LogLine> {
    static SENDER: OnceLock<broadcast::Sender<LogLine>> = OnceLock::new();
    SENDER.get_or_init(|| broadcast::channel(WAITING).0)
}

/// Watches the log from now on.
pub fn watch() -> broadcast::Receiver<LogLine> {
    sender().subscribe()
}

/// The layer to put on the program's subscriber.
pub struct WatchLayer;

impl<S: Subscriber> Layer<S> for WatchLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let sender = sender();
        if sender.receiver_count() == 0 {
            return;
        }
        let mut line = LogLine {
            at_ms: now_ms(),
            level: event.metadata().level().as_str().to_ascii_lowercase(),
            target: event.metadata().target().to_owned(),
            message: String::new(),
            fields: BTreeMap::new(),
        };
        event.record(&mut Reader(&mut line));
        let _ = sender.send(line);
    }
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

struct Reader<'a>(&'a mut LogLine);

impl Visit for Reader<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, escape(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep(field, escape(&format!("{value:?}")));
    }
}

impl Reader<'_> {
    fn keep(&mut self, field: &Field, mut value: String) {
        if value.len() > MAX_VALUE {
            let end = value.floor_char_boundary(MAX_VALUE);
            value.truncate(end);
            value.push('…');
        }
        if field.name() == "message" {
            self.0.message = value;
        } else {
            self.0.fields.insert(field.name().to_owned(), value);
        }
    }
}

/// Text as one line: control characters, and those that turn the direction of writing, become escapes, so that a host
/// name can forge neither a second line nor a terminal's command.
pub fn escape(text: &str) -> String {
    if !text.chars().any(is_hostile) {
        return text.to_owned();
    }
    text.chars().fold(String::new(), |mut out, c| {
        if is_hostile(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        out
    })
}

fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn a_host_name_cannot_start_a_line_or_speak_to_the_terminal() {
        assert_eq!(escape("a.test\nINFO fine"), "a.test\\nINFO fine");
        assert_eq!(escape("\u{1b}[2J"), "\\u{1b}[2J");
        assert_eq!(escape("\u{9b}2J\u{202e}"), "\\u{9b}2J\\u{202e}");
        assert_eq!(escape("bücher.example"), "bücher.example");
    }

    #[test]
    fn a_watcher_sees_lines_and_is_told_how_many_it_was_too_slow_for() {
        let mut watcher = watch();
        let subscriber = tracing_subscriber::registry().with(WatchLayer);
        tracing::subscriber::with_default(subscriber, || {
            for n in 0..WAITING + 10 {
                tracing::info!(n, host = "a\nb", "line");
            }
        });
        let Err(broadcast::error::TryRecvError::Lagged(missed)) = watcher.try_recv() else {
            panic!("a full queue did not say so");
        };
        assert_eq!(missed, 10);
        let line = watcher.try_recv().unwrap();
        assert_eq!(
            (line.level.as_str(), line.message.as_str()),
            ("info", "line")
        );
        assert_eq!(line.fields["host"], "a\\nb");
    }
}
