//! Collects the reader's findings by byte range and turns them into diagnostics with lines, columns and redacted secrets.

use std::cell::RefCell;
use std::ops::Range;

use crate::diagnose::{Diagnostic, DiagnosticCode, Severity};
use crate::redacted_line::{RedactedLine, redacted_line};
use crate::secret_spans;

/// The most problems that are reported for one file.
pub const MAX_DIAGNOSTICS: usize = 200;
/// A longer line is clipped around the position that is meant, in characters.
const MAX_SOURCE_CHARS: usize = 160;
/// Characters of a clipped line before that position.
const CLIP_BEFORE: usize = 40;

struct Finding {
    span: Range<usize>,
    severity: Severity,
    code: DiagnosticCode,
    cause: String,
    help: Option<String>,
}

/// The text that is read, and what was found so far.
pub(crate) struct Findings<'a> {
    lines: Lines<'a>,
    found: RefCell<Vec<Finding>>,
    secrets: RefCell<Vec<Range<usize>>>,
}

impl<'a> Findings<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            lines: Lines::of(text),
            found: RefCell::default(),
            secrets: RefCell::new(secret_spans::secret_spans(text)),
        }
    }

    pub fn add(
        &self,
        severity: Severity,
        code: DiagnosticCode,
        span: Range<usize>,
        cause: String,
        help: Option<String>,
    ) {
        self.found.borrow_mut().push(Finding {
            span,
            severity,
            code,
            cause,
            help,
        });
    }

    /// Redacts this part of the text in all diagnostics.
    pub fn redact(&self, span: Range<usize>) {
        self.secrets.borrow_mut().push(span);
    }

    /// The line of a byte, from 1.
    pub fn line(&self, offset: usize) -> usize {
        self.lines.number(offset)
    }

    /// Drops findings that a syntax error may have caused: missing and undefined names, and values on a broken line.
    pub fn drop_effects_of_syntax_errors(&self) {
        let mut found = self.found.borrow_mut();
        let broken: Vec<usize> = found
            .iter()
            .filter(|f| f.code == DiagnosticCode::Syntax)
            .map(|f| self.line(f.span.start))
            .collect();
        found.retain(|f| match f.code {
            DiagnosticCode::Syntax => true,
            DiagnosticCode::UnknownKey | DiagnosticCode::WrongType | DiagnosticCode::BadValue => {
                !broken.contains(&self.line(f.span.start))
            }
            _ => false,
        });
    }

    /// In the order of the text.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|f| (f.span.start, f.severity));
        if found.len() > MAX_DIAGNOSTICS {
            // Errors decide whether the file is used: warnings must not displace them.
            found.sort_by_key(|f| f.severity);
            found.truncate(MAX_DIAGNOSTICS);
            found.sort_by_key(|f| (f.span.start, f.severity));
        }
        let secrets = secret_spans::joined(self.secrets.into_inner());
        let lines = self.lines;
        found
            .into_iter()
            .map(|f| lines.diagnostic(f, &secrets))
            .collect()
    }
}

/// Where the lines of a text begin.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let after_breaks = text
            .bytes()
            .enumerate()
            .filter(|(_, b)| *b == b'\n')
            .map(|(i, _)| i + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    /// From 1.
    fn number(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1)
    }

    fn diagnostic(&self, finding: Finding, secrets: &[Range<usize>]) -> Diagnostic {
        let start = finding.span.start.min(self.text.len());
        let line = self.number(start);
        let line_start = self.starts.get(line - 1).copied().unwrap_or(0);
        let line_end = self
            .starts
            .get(line)
            .map_or(self.text.len(), |next| next - 1);
        let end = finding.span.end.clamp(start, line_end.max(start));
        let column = self
            .text
            .get(line_start..start)
            .map_or(1, |before| before.chars().count() + 1);
        let shown = redacted_line(self.text, line_start..line_end, secrets, start..end);
        let (source, mark, width) = clipped(shown);
        Diagnostic {
            line,
            column,
            width,
            severity: finding.severity,
            code: finding.code,
            cause: finding.cause,
            help: finding.help,
            source,
            mark,
        }
    }
}

fn clipped(shown: RedactedLine) -> (String, usize, usize) {
    let RedactedLine { text, mark, width } = shown;
    let length = text.chars().count();
    if length <= MAX_SOURCE_CHARS {
        return (
            text,
            mark,
            width.clamp(1, (length - mark.min(length)).max(1)),
        );
    }
    let skip = mark.saturating_sub(CLIP_BEFORE);
    let mut source: String = text.chars().skip(skip).take(MAX_SOURCE_CHARS).collect();
    let mut mark = mark - skip;
    if skip > 0 {
        source.insert(0, '…');
        mark += 1;
    }
    let shown = source.chars().count();
    if skip + MAX_SOURCE_CHARS < length {
        source.push('…');
    }
    (
        source,
        mark,
        width.clamp(1, (shown - mark.min(shown)).max(1)),
    )
}
