//! What is shown: tables for people, JSON for programs. Colour only on a terminal that wants it; text from outside never
//! speaks to the terminal.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use privet_control::logs::escape;
use serde::Serialize;

use crate::exit::Failure;

/// Where a command's answer goes.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    pub json: bool,
    colour: bool,
    tty: bool,
}

/// What a cell means; said by colour besides its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Bad,
    Warn,
    Dim,
}

impl Terminal {
    /// Looks at the terminal and at NO_COLOR (<https://no-color.org>), TERM.
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

    /// Writes whole lines; control characters but the newline are escaped unless they are our own colours.
    pub fn say(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    }

    /// Writes a file's bytes as they are.
    pub fn raw(&self, bytes: &[u8]) -> Result<(), Failure> {
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
        self.say(&text.map_err(|error| Failure::failed(error.to_string()))?)
    }

    /// `text`, safe for a terminal, in the colour of `tone`.
    pub fn paint(&self, text: &str, tone: Tone) -> String {
        let text = escape(text);
        let code = match tone {
            Tone::Plain => return text,
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Warn => "33",
            Tone::Dim => "2",
        };
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text
        }
    }

    /// A table with these headings.
    pub fn table(&self, headings: &[&str]) -> Rows {
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
        Rows {
            table,
            colour: self.colour,
        }
    }
}

/// A table being filled.
pub struct Rows {
    table: Table,
    colour: bool,
}

impl Rows {
    pub fn row<I: IntoIterator<Item = (String, Tone)>>(&mut self, cells: I) {
        let colour = self.colour;
        self.table.add_row(cells.into_iter().map(|(text, tone)| {
            let cell = Cell::new(escape(&text));
            match tone {
                _ if !colour => cell,
                Tone::Plain => cell,
                Tone::Good => cell.fg(Color::Green),
                Tone::Bad => cell.fg(Color::Red),
                Tone::Warn => cell.fg(Color::Yellow),
                Tone::Dim => cell.add_attribute(Attribute::Dim),
            }
        }));
    }

    pub fn text(&self) -> String {
        self.table.trim_fmt()
    }
}

/// A plain cell.
pub fn plain(text: impl Into<String>) -> (String, Tone) {
    (text.into(), Tone::Plain)
}

/// Bytes as people read them: "1.2 MiB".
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

/// A span as people read it: "12s", "3m 4s", "5h 6m", "2d 3h".
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans_read_like_a_person_writes_them() {
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
    fn a_cell_from_outside_cannot_speak_to_the_terminal() {
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
        assert_eq!(quiet.paint("ok", Tone::Good), "ok");
        let mut rows = quiet.table(&["a"]);
        rows.row([("x".to_owned(), Tone::Bad)]);
        assert!(!rows.text().contains('\u{1b}'));
    }
}
