//! Logging to standard error as text or JSON. `[log] level` sets the level, `PRIVET_LOG` overrides it.

use std::fmt::Write as _;

use privet_api::escape;
use privet_config::LogFormat;
use privet_control::logs::LogLayer;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

/// Overrides the file's `[log] level`.
pub const LEVEL_VARIABLE: &str = "PRIVET_LOG";
/// Libraries that are always silenced: the first logs passwords at debug level; the second says at error level, in words of
/// its own, what is wrong with a certificate, which Privet says itself.
const SILENCED: [&str; 2] = ["fast_socks5=off", "rustls_platform_verifier=off"];

/// Changes the level of the running log.
pub struct LogLevel {
    handle: reload::Handle<EnvFilter, Registry>,
    /// The configured level.
    now: String,
}

impl LogLevel {
    /// Applies the configured level after a reload; `PRIVET_LOG` still overrides it.
    pub fn set(&mut self, level: &str) {
        if self.now != level {
            self.now = level.to_owned();
            let (filter, complaint) = filter(level);
            // Fails only if the subscriber is gone, and it lives as long as the program.
            let _ = self.handle.reload(filter);
            complain(complaint);
        }
    }
}

/// The filter for a level. If the level is invalid: "info" and the error.
fn filter(level: &str) -> (EnvFilter, Option<String>) {
    let wanted = std::env::var(LEVEL_VARIABLE)
        .ok()
        .filter(|level| !level.is_empty());
    let wanted = wanted.as_deref().unwrap_or(level);
    let (filter, complaint) = match EnvFilter::try_new(wanted) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(format!("{wanted:?}: {error}"))),
    };
    // Added last: later directives win over the user's.
    let silences = SILENCED.iter().filter_map(|silence| silence.parse().ok());
    let filter = silences.fold(filter, EnvFilter::add_directive);
    (filter, complaint)
}

fn complain(complaint: Option<String>) {
    if let Some(complaint) = complaint {
        tracing::warn!("invalid log level, using info: {complaint}");
    }
}

/// Starts logging. An invalid level becomes "info" with a warning.
pub fn start(level: &str, format: LogFormat) -> LogLevel {
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
        .with(LogLayer)
        .try_init();
    if let Err(error) = started {
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("privet: no log: {error}\n"),
        );
    }
    complain(complaint);
    LogLevel {
        handle,
        now: level.to_owned(),
    }
}
