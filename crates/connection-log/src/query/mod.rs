//! The query language of the connection table: `app:firefox -host:*.corp up>1M port:443 "free words"`.

mod condition;
pub(crate) mod matching;
mod parse;

use std::collections::HashSet;
use std::fmt::Write as _;

use self::condition::Term;
use crate::fields::{FIELDS, FieldKind};
use crate::view::RowRef;

/// Maximum number of terms in one query.
const MAX_TERMS: usize = 64;
/// Maximum length of one query, in bytes.
const MAX_BYTES: usize = 4096;

/// A condition on rows: every term must hold.
#[derive(Debug, Clone, Default)]
pub struct Query {
    terms: Vec<Term>,
    /// Only rows with these ids.
    ids: Option<HashSet<u64>>,
}

/// A query that cannot be parsed: where, why, and what is allowed there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {}: {cause}; {allowed}", .position + 1)]
pub struct QueryError {
    /// Characters from the start, counted from 0.
    pub position: usize,
    pub cause: String,
    pub allowed: String,
}

impl Query {
    /// Parses a query; an empty one matches everything.
    ///
    /// # Errors
    /// A term cannot be parsed, or the query is too long.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > MAX_BYTES {
            return Err(QueryError {
                position: 0,
                cause: "the query is too long".to_owned(),
                allowed: format!("at most {MAX_BYTES} bytes"),
            });
        }
        let mut terms = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                return Ok(Self { terms, ids: None });
            }
            let at = text.len() - rest.len();
            let position_of = |offset: usize| text[..at + offset].chars().count();
            if terms.len() == MAX_TERMS {
                let cause = "the query has too many terms".to_owned();
                let allowed = format!("at most {MAX_TERMS}");
                return Err(QueryError {
                    position: position_of(0),
                    cause,
                    allowed,
                });
            }
            let (term, used) = parse::term(rest).map_err(|fault| QueryError {
                position: position_of(fault.offset),
                cause: fault.cause,
                allowed: fault.allowed,
            })?;
            terms.push(term);
            rest = &rest[used..];
        }
    }

    /// The same query on rows with these ids only.
    #[must_use]
    pub fn among(self, ids: HashSet<u64>) -> Self {
        Self {
            ids: Some(ids),
            ..self
        }
    }

    /// Whether it matches every row.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.ids.is_none()
    }

    pub(crate) fn matches(&self, entry: &RowRef<'_>) -> bool {
        let is_among = |ids: &HashSet<u64>| ids.contains(&entry.row.id);
        self.ids.as_ref().is_none_or(is_among)
            && self
                .terms
                .iter()
                .all(|term| term.condition.holds(entry) != term.negated)
    }
}

/// A description of the language, made from the parser's table of fields.
pub fn help() -> String {
    let mut page = String::from(
        "Terms are joined by spaces and must all hold; \"-\" before one turns it round.\n\
         A word without a field is looked for in host and app; \"quotes\" keep spaces together; * stands for anything; field:text is found anywhere, field=text is the whole.\n\n",
    );
    for line in FIELDS {
        let _ = writeln!(page, "  {:<20} {}", line.example, line.what);
        if let FieldKind::Word(words) = line.kind {
            let _ = writeln!(page, "  {:<20} {}", "", words.join(", "));
        }
    }
    page
}
