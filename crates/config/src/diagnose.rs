//! What is wrong in a file, where, and how to fix it.

use std::fmt;

use serde::Serialize;

/// An error keeps the file from being used, a warning does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Error,
    Warning,
}

/// The kind of problem. Stable, for programs that read diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiagnosticCode {
    /// The file could not be read at all.
    File,
    /// Not TOML.
    Syntax,
    UnknownKey,
    WrongType,
    BadValue,
    /// A required key is missing.
    Missing,
    /// A name that nothing in the file defines.
    Undefined,
    Duplicate,
    /// Upstreams that reach each other through each other.
    Circle,
    /// Two settings that contradict each other.
    Conflict,
    /// Two listeners on one address.
    Clash,
    /// A listener that other machines can reach without users or allowed clients.
    Exposed,
    /// A secret is written in the file itself.
    PlainSecret,
    /// Valid, but not implemented in this version.
    NotServed,
    /// Valid, but without effect.
    Unreached,
}

/// One problem of a file. Contains no secret: `source` is redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// From 1; 0 where the problem has no position in the text (the file cannot be read).
    pub line: usize,
    /// In characters, from 1; 0 as for `line`.
    pub column: usize,
    /// How many characters of `source` are meant, from `mark` on; at least 1.
    pub width: usize,
    pub severity: Severity,
    pub code: DiagnosticCode,
    /// What is wrong, in one sentence without a full stop.
    pub cause: String,
    /// How to fix it.
    pub help: Option<String>,
    /// The line of the file, clipped when it is very long, with secrets redacted.
    pub source: String,
    /// The character of `source`, from 0, under which the caret goes.
    pub mark: usize,
}

impl Diagnostic {
    /// A problem of the file as a whole.
    pub(crate) fn of_file(cause: String, help: Option<String>) -> Self {
        Self {
            help,
            ..Self::without_place(Severity::Error, DiagnosticCode::File, cause, String::new())
        }
    }

    /// A problem with what the file names, such as another file.
    pub fn without_place(
        severity: Severity,
        code: DiagnosticCode,
        cause: String,
        help: String,
    ) -> Self {
        Self {
            line: 0,
            column: 0,
            width: 1,
            severity,
            code,
            cause,
            help: Some(help),
            source: String::new(),
            mark: 0,
        }
    }

    /// The diagnostic for people: `privet.toml:12:5: cause — help`, then the line and a caret.
    pub fn in_file<'a>(&'a self, file: &'a str) -> impl fmt::Display + 'a {
        InFile {
            diagnostic: self,
            file,
        }
    }
}

struct InFile<'a> {
    diagnostic: &'a Diagnostic,
    file: &'a str,
}

impl fmt::Display for InFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic {
            line,
            column,
            cause,
            help,
            source,
            ..
        } = self.diagnostic;
        f.write_str(self.file)?;
        if *line > 0 {
            write!(f, ":{line}:{column}")?;
        }
        f.write_str(": ")?;
        if self.diagnostic.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        f.write_str(cause)?;
        if let Some(help) = help {
            write!(f, " — {help}")?;
        }
        if *line > 0 && !source.is_empty() {
            let number = line.to_string();
            // A tab stays a tab, so that the caret is under the text on every terminal.
            let pad: String = source
                .chars()
                .take(self.diagnostic.mark)
                .map(|c| if c == '\t' { c } else { ' ' })
                .collect();
            let carets = "^".repeat(self.diagnostic.width.max(1));
            write!(
                f,
                "\n  {number} | {source}\n  {:1$} | {pad}{carets}",
                "",
                number.len()
            )?;
        }
        Ok(())
    }
}

impl Diagnostic {
    /// The diagnostic without the line of the file: `privet.toml:12:5: cause — help`.
    pub fn in_one_line(&self, file: &str) -> String {
        let shown = InFile {
            diagnostic: self,
            file,
        };
        let text = shown.to_string();
        text.lines().next().unwrap_or_default().to_owned()
    }
}

/// All problems of one file, in the order of the text; at least one is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostics {
    /// The file's name in messages: its path, or "privet.toml".
    pub file: String,
    pub list: Vec<Diagnostic>,
}

impl Diagnostics {
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter().filter(|d| d.severity == Severity::Error)
    }

    /// The first error, and how many more there are, for a log or a row of a table.
    pub fn in_one_line(&self) -> String {
        let mut errors = self.errors();
        let first = errors.next().map(|error| error.in_one_line(&self.file));
        let first = first.unwrap_or_default();
        match errors.count() {
            0 => first,
            1 => format!("{first} (and 1 more error)"),
            more => format!("{first} (and {more} more errors)"),
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.list.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            diagnostic.in_file(&self.file).fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
