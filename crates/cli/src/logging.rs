//! The log: text or JSON on standard error. `[log] level` rules it, `PRIVET_LOG` overrides it.

use std::fmt::Write as _;

use privet_config::LogFormat;
use privet_control::logs::{WatchLayer, escape};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Overrides the file's `[log] level`.
pub const LEVEL_VARIABLE: &str = "PRIVET_LOG";
/// It logs passwords at debug level: nothing of it is ever written.
const SILENCED: &str = "fast_socks5=off";

/// Starts the log. A level that cannot be read becomes "info" and is said.
pub fn start(level: &str, format: LogFormat) {
    let wanted = std::env::var(LEVEL_VARIABLE)
        .ok()
        .filter(|level| !level.is_empty());
    let wanted = wanted.as_deref().unwrap_or(level);
    let (filter, complaint) = match EnvFilter::try_new(wanted) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error.to_string())),
    };
    // Later directives win, so that no level of the user's brings it back.
    let filter = match SILENCED.parse() {
        Ok(silence) => filter.add_directive(silence),
        Err(_) => filter,
    };
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
        .with(lines)
        .with(WatchLayer)
        .with(filter)
        .try_init();
    if let Err(error) = started {
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("privet: no log: {error}\n"),
        );
    }
    if let Some(complaint) = complaint {
        tracing::warn!(level = wanted, %complaint, "the log level is not understood; using info");
    }
}
