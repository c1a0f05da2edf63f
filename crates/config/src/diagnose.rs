//! What is wrong in a file, where, and how to mend it.

use std::fmt;

use serde::Serialize;

/// How grave a finding is: an error keeps the file from being used, a warning does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Error,
    Warning,
}

/// Which kind of problem it is; stable, for programs that read diagnostics.
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
    /// A key that must be there is not.
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
    /// A listener that strangers can reach and nothing guards.
    Exposed,
    /// A secret stands in the file in the clear.
    PlainSecret,
    /// Valid, but nothing in this version acts on it.
    NotServed,
    /// Valid, but never takes effect.
    Unreached,
}

/// One problem of a file. Holds no secret: values of passwords are masked in `source`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// From 1; 0 where the problem has no place in the text (the file cannot be read).
    pub line: usize,
    /// In characters, from 1; 0 as above.
    pub column: usize,
    /// How many characters of `source` are meant, from `mark` on; at least 1.
    pub width: usize,
    pub severity: Severity,
    pub code: DiagnosticCode,
    /// What is wrong, in one sentence without a full stop.
    pub cause: String,
    /// How to mend it.
    pub help: Option<String>,
    /// The line as it stands in the file, clipped when it is very long, secrets masked.
    pub source: String,
    /// The character of `source`, from 0, under which the caret goes.
    pub mark: usize,
}

impl Diagnostic {
    /// A problem of the file as a whole.
    pub(crate) fn of_file(cause: String, help: Option<String>) -> Self {
        Self {
            line: 0,
            column: 0,
            width: 1,
            severity: Severity::Error,
            code: DiagnosticCode::File,
            cause,
            help,
            source: String::new(),
            mark: 0,
        }
    }

    /// The diagnostic as people read it, the place in front: `privet.toml:12:5: cause — help`, the line and a caret.
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
        if *line > 0 {
            let number = line.to_string();
            // A tab stays a tab, so that the caret stands where the terminal puts the text.
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

/// All that was found wrong in one file, in the order of the text. At least one of them is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostics {
    /// The file's name as it is shown: the path that was asked for, or "privet.toml".
    pub file: String,
    pub list: Vec<Diagnostic>,
}

impl Diagnostics {
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter().filter(|d| d.severity == Severity::Error)
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
