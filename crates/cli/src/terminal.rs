//! Output: tables for people, JSON for programs. Colour only on terminals; control characters in text from outside
//! are escaped.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use privet_api::escape;
use serde::Serialize;

use crate::exit::Failure;

/// Standard output, with or without colour and JSON.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    pub json: bool,
    colour: bool,
    tty: bool,
}

/// Style of a text, shown as a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Success,
    Error,
    Warning,
    Dim,
}

impl Terminal {
    /// Colour needs a terminal, no `NO_COLOR` (<https://no-color.org>) and a `TERM` other than "dumb".
    pub fn new(json: bool) -> Self {
        let tty = io::stdout().is_terminal();
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            json,
            colour: tty && !refused,
            tty,
        }
    }

    pub const fn is_tty(&self) -> bool {
        self.tty
    }

    /// Prints text as whole lines. Escaping is up to the caller, see [`Terminal::paint`].
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    }

    /// Writes bytes unchanged.
    pub fn print_bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }

    /// Writes `value` as JSON: indented on a terminal, one line for a program.
    pub fn json<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        let text = if self.tty {
            serde_json::to_string_pretty(value)
        } else {
            serde_json::to_string(value)
        };
        self.print(&text.map_err(|error| Failure::failed(error.to_string()))?)
    }

    /// `text` with control characters escaped, in the colour of `style`.
    pub fn paint(&self, text: &str, style: Style) -> String {
        let text = escape(text);
        let code = match style {
            Style::Plain => return text,
            Style::Success => "32",
            Style::Error => "31",
            Style::Warning => "33",
            Style::Dim => "2",
        };
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text
        }
    }

    /// A table with these headings.
    pub fn table(&self, headings: &[&str]) -> TableBuilder {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if self.tty {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        if self.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(headings.iter().map(|heading| {
            let cell = Cell::new(heading.to_uppercase());
            if self.colour {
                cell.add_attribute(Attribute::Bold)
            } else {
                cell
            }
        }));
        TableBuilder {
            table,
            colour: self.colour,
        }
    }
}

/// A table under construction.
pub struct TableBuilder {
    table: Table,
    colour: bool,
}

impl TableBuilder {
    pub fn row<I: IntoIterator<Item = (String, Style)>>(&mut self, cells: I) {
        let colour = self.colour;
        self.table.add_row(cells.into_iter().map(|(text, style)| {
            let cell = Cell::new(escape(&text));
            match style {
                _ if !colour => cell,
                Style::Plain => cell,
                Style::Success => cell.fg(Color::Green),
                Style::Error => cell.fg(Color::Red),
                Style::Warning => cell.fg(Color::Yellow),
                Style::Dim => cell.add_attribute(Attribute::Dim),
            }
        }));
    }

    pub fn text(&self) -> String {
        self.table.trim_fmt()
    }
}

/// A plain cell.
pub fn plain(text: impl Into<String>) -> (String, Style) {
    (text.into(), Style::Plain)
}

/// Formats a byte count: "1.2 MiB".
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{count} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// Formats milliseconds: "12s", "3m 4s", "5h 6m", "2d 3h".
pub fn span(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0 if ms > 0 => format!("{ms}ms"),
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m {}s", s / 60, s % 60),
        3600..86400 => format!("{}h {}m", s / 3600, s % 3600 / 60),
        _ => format!("{}d {}h", s / 86400, s % 86400 / 3600),
    }
}

/// How long before `now` it was, both in Unix milliseconds: "3m 4s ago".
pub fn ago(now: u64, at: u64) -> String {
    format!("{} ago", span(now.saturating_sub(at)))
}

/// A measured time in milliseconds, or "-".
pub fn millis(ms: Option<f64>) -> String {
    ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1} ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_formatted_for_people() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(u64::MAX), "16384.0 PiB");
        assert_eq!(span(0), "0s");
        assert_eq!(span(20), "20ms");
        assert_eq!(span(61_000), "1m 1s");
        assert_eq!(span(90_000_000), "1d 1h");
    }

    #[test]
    fn a_foreign_value_cannot_control_the_terminal() {
        let quiet = Terminal {
            json: false,
            colour: false,
            tty: false,
        };
        let mut rows = quiet.table(&["host"]);
        rows.row([plain("evil\u{1b}]0;x\u{7}\nb")]);
        let text = rows.text();
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{7}'),
            "{text:?}"
        );
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn without_colour_no_escape_is_written() {
        let quiet = Terminal {
            json: false,
            colour: false,
            tty: false,
        };
        assert_eq!(quiet.paint("ok", Style::Success), "ok");
        let mut rows = quiet.table(&["a"]);
        rows.row([("x".to_owned(), Style::Error)]);
        assert!(!rows.text().contains('\u{1b}'));
    }
}
