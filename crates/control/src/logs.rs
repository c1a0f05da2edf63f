//! Passes log lines on to event streams: a `tracing` layer that does nothing while no stream is open.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use privet_api::escape;
use privet_api::events::LogLine;
use privet_config::unix_time::now_ms;
use tokio::sync::broadcast;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Most lines that wait for a slow reader. Beyond it the oldest are dropped, and the reader learns how many.
pub const MAX_WAITING: usize = 512;
/// Longest value of a field, in bytes; the rest is cut off.
const MAX_VALUE: usize = 4096;

fn sender() -> &'static broadcast::Sender<LogLine> {
    static SENDER: OnceLock<broadcast::Sender<LogLine>> = OnceLock::new();
    SENDER.get_or_init(|| broadcast::channel(MAX_WAITING).0)
}

/// Receives the lines that are logged from now on.
pub fn subscribe() -> broadcast::Receiver<LogLine> {
    sender().subscribe()
}

/// The layer to add to the program's subscriber.
pub struct LogLayer;

impl<S: Subscriber> Layer<S> for LogLayer {
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
        event.record(&mut FieldVisitor(&mut line));
        let _ = sender.send(line);
    }
}

struct FieldVisitor<'a>(&'a mut LogLine);

impl Visit for FieldVisitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, escape(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep(field, escape(&format!("{value:?}")));
    }
}

impl FieldVisitor<'_> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn a_subscriber_gets_lines_and_the_number_of_dropped_ones() {
        let mut lines = subscribe();
        let subscriber = tracing_subscriber::registry().with(LogLayer);
        tracing::subscriber::with_default(subscriber, || {
            for n in 0..MAX_WAITING + 10 {
                tracing::info!(n, host = "a\nb", "line");
            }
        });
        let Err(broadcast::error::TryRecvError::Lagged(missed)) = lines.try_recv() else {
            panic!("a full queue did not say so");
        };
        assert_eq!(missed, 10);
        let line = lines.try_recv().unwrap();
        assert_eq!(
            (line.level.as_str(), line.message.as_str()),
            ("info", "line")
        );
        assert_eq!(line.fields["host"], "a\\nb");
    }
}
