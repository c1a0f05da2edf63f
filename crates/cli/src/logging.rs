//! The log: text or JSON on standard error. `[log] level` rules it, `PRIVET_LOG` overrides it.

use std::fmt::Write as _;

use privet_config::LogFormat;
use privet_control::logs::{WatchLayer, escape};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

/// Overrides the file's `[log] level`.
pub const LEVEL_VARIABLE: &str = "PRIVET_LOG";
/// It logs passwords at debug level: nothing of it is ever written.
const SILENCED: &str = "fast_socks5=off";

/// Changes the level of a log that runs.
pub struct Level {
    handle: reload::Handle<EnvFilter, Registry>,
    /// As the configuration says it.
    now: String,
}

impl Level {
    /// Takes another level, as a reload brings it; `PRIVET_LOG` still overrides it.
    pub fn follow(&mut self, level: &str) {
        if self.now != level {
            self.now = level.to_owned();
            let (filter, complaint) = filter(level);
            // The log lives as long as the program.
            let _ = self.handle.reload(filter);
            complain(complaint);
        }
    }
}

/// The filter for a level, and what is wrong with it: then it is "info".
fn filter(level: &str) -> (EnvFilter, Option<String>) {
    let wanted = std::env::var(LEVEL_VARIABLE)
        .ok()
        .filter(|level| !level.is_empty());
    let wanted = wanted.as_deref().unwrap_or(level);
    let (filter, complaint) = match EnvFilter::try_new(wanted) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(format!("{wanted:?}: {error}"))),
    };
    // Later directives win, so that no level of the user's brings it back.
    let filter = match SILENCED.parse() {
        Ok(silence) => filter.add_directive(silence),
        Err(_) => filter,
    };
    (filter, complaint)
}

fn complain(complaint: Option<String>) {
    if let Some(complaint) = complaint {
        tracing::warn!("the log level is not understood, using info: {complaint}");
    }
}

/// Starts the log. A level that cannot be read becomes "info" and is said.
pub fn start(level: &str, format: LogFormat) -> Level {
    let (filter, complaint) = filter(level);
    let (filter, handle) = reload::Layer::new(filter);
    let lines = match format {
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(
                std::io::IsTerminal::is_terminal(&std::io::stderr())
                    && std::env::var_os("NO_COLOR").is_none(),
            )
            .fmt_fields(
                debug_fn(|writer, field, value| {
                    let mut text = String::new();
                    write!(text, "{value:?}")?;
                    match field.name() {
                        "message" => write!(writer, "{}", escape(&text)),
                        name => write!(writer, "{name}={}", escape(&text)),
                    }
                })
                .delimited(" "),
            )
            .boxed(),
    };
    let started = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(WatchLayer)
        .try_init();
    if let Err(error) = started {
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("privet: no log: {error}\n"),
        );
    }
    complain(complaint);
    Level {
        handle,
        now: level.to_owned(),
    }
}
