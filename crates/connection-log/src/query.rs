//! The query bar's language: `app:firefox -host:*.corp up>1M port:443 "free words"`. Pure: text in, a test of rows out.

use std::fmt::Write as _;

use crate::connection::{listener_word, protocol_word, why_word};
use crate::fields::{FIELDS, Field, FieldHelp, FieldKind, named};
use crate::live::Phase;
use crate::matching::{Text, covers};
use crate::view::RowRef;

/// Terms in one query.
const MOST_TERMS: usize = 64;
/// Bytes of one query.
const MOST_BYTES: usize = 4096;

/// What rows must satisfy: every term.
#[derive(Debug, Clone, Default)]
pub struct Query {
    terms: Vec<Term>,
}

#[derive(Debug, Clone)]
struct Term {
    negated: bool,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    /// A free word: in the host or the program's name.
    Word(Text),
    Text(Field, Text),
    Among(Field, &'static str),
    Compare(Field, Compare, f64),
    Range(Field, f64, f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equal,
    More,
    Less,
    AtLeast,
    AtMost,
}

/// A query that cannot be read: where, why, and what is allowed there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {}: {cause}; {allowed}", .position + 1)]
pub struct QueryError {
    /// Characters from the start, from 0.
    pub position: usize,
    pub cause: String,
    pub allowed: String,
}

impl Query {
    /// Reads a query; an empty one matches everything.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > MOST_BYTES {
            return Err(QueryError {
                position: 0,
                cause: "the query is too long".to_owned(),
                allowed: format!("at most {MOST_BYTES} bytes"),
            });
        }
        let mut terms = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                return Ok(Self { terms });
            }
            let at = text.len() - rest.len();
            let place = |offset: usize| text[..at + offset].chars().count();
            if terms.len() == MOST_TERMS {
                let cause = "the query has too many terms".to_owned();
                let allowed = format!("at most {MOST_TERMS}");
                return Err(QueryError {
                    position: place(0),
                    cause,
                    allowed,
                });
            }
            let (term, used) = term(rest).map_err(|fault| QueryError {
                position: place(fault.offset),
                cause: fault.cause,
                allowed: fault.allowed,
            })?;
            terms.push(term);
            rest = &rest[used..];
        }
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub(crate) fn matches(&self, entry: &RowRef<'_>) -> bool {
        self.terms
            .iter()
            .all(|term| term.test.holds(entry) != term.negated)
    }
}

/// The language on one page, made from the table that the parser reads.
pub fn help() -> String {
    let mut page = String::from(
        "Terms are joined by spaces and must all hold; \"-\" before one turns it round.\n\
         A word without a field is looked for in host and app; \"quotes\" keep spaces together; * stands for anything.\n\n",
    );
    for line in FIELDS {
        let _ = writeln!(page, "  {:<20} {}", line.example, line.what);
        if let FieldKind::Word(words) = line.kind {
            let _ = writeln!(page, "  {:<20} {}", "", words.join(", "));
        }
    }
    page
}

struct Fault {
    /// Bytes from the term's start.
    offset: usize,
    cause: String,
    allowed: String,
}

/// Reads one term from the start of a text that is not empty; the bytes it took.
fn term(text: &str) -> Result<(Term, usize), Fault> {
    let negated = text.starts_with('-') && text.len() > 1;
    let start = usize::from(negated);
    let body = &text[start..];
    let name_end = body
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(body.len());
    let (name, after) = body.split_at(name_end);
    let operator = operator(after);
    let Some((compare, operator_len)) = operator.filter(|_| !name.is_empty()) else {
        let (value, used) = value(body, start)?;
        let test = Test::Word(Text::parse(&value));
        return Ok((Term { negated, test }, start + used));
    };
    let Some(field) = named(name) else {
        return unknown(name, start);
    };
    let value_at = start + name_end + operator_len;
    let (value, used) = value(&text[value_at..], value_at)?;
    let test = test(field, compare, &value).map_err(|cause| Fault {
        offset: value_at,
        cause,
        allowed: format!("{} takes {}", field.name, field.kind.allowed()),
    })?;
    Ok((Term { negated, test }, value_at + used))
}

fn unknown(name: &str, offset: usize) -> Result<(Term, usize), Fault> {
    let names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
    Err(Fault {
        offset,
        cause: format!("there is no field \"{name}\""),
        allowed: format!(
            "the fields are {}; put a word with \":\" in quotes",
            names.join(", ")
        ),
    })
}

fn operator(text: &str) -> Option<(Compare, usize)> {
    let table = [
        (">=", Compare::AtLeast),
        ("<=", Compare::AtMost),
        (">", Compare::More),
        ("<", Compare::Less),
        (":", Compare::Equal),
        ("=", Compare::Equal),
    ];
    table
        .into_iter()
        .find(|(sign, _)| text.starts_with(sign))
        .map(|(sign, compare)| (compare, sign.len()))
}

/// A value up to the next space, or in quotes; the bytes it took.
fn value(text: &str, offset: usize) -> Result<(String, usize), Fault> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        if end == 0 {
            return Err(Fault {
                offset,
                cause: "the value is missing".to_owned(),
                allowed: "put one right after the sign, or \"\" for none".to_owned(),
            });
        }
        return Ok((text[..end].to_owned(), end));
    };
    match quoted.find('"') {
        Some(end) => Ok((quoted[..end].to_owned(), end + 2)),
        None => Err(Fault {
            offset,
            cause: "the quote is not closed".to_owned(),
            allowed: "end it with \"".to_owned(),
        }),
    }
}

fn test(field: &FieldHelp, compare: Compare, value: &str) -> Result<Test, String> {
    match field.kind {
        FieldKind::Text if compare == Compare::Equal => {
            Ok(Test::Text(field.field, Text::parse(value)))
        }
        FieldKind::Word(words) if compare == Compare::Equal => words
            .iter()
            .find(|word| word.eq_ignore_ascii_case(value))
            .map(|word| Test::Among(field.field, word))
            .ok_or_else(|| format!("\"{value}\" is not a word for {}", field.name)),
        FieldKind::Text | FieldKind::Word(_) => {
            Err(format!("{} cannot be compared by size", field.name))
        }
        FieldKind::Number => number(field.field, compare, value),
        FieldKind::Size => size(value)
            .map(|bytes| Test::Compare(field.field, compare, bytes))
            .ok_or_else(|| format!("\"{value}\" is not a size")),
        FieldKind::Time => time(value)
            .map(|ms| Test::Compare(field.field, compare, ms))
            .ok_or_else(|| format!("\"{value}\" is not a time")),
    }
}

fn number(field: Field, compare: Compare, value: &str) -> Result<Test, String> {
    let whole = |text: &str| text.parse::<u64>().ok().map(|number| number as f64);
    if let (Compare::Equal, Some((low, high))) = (compare, value.split_once('-')) {
        return match (whole(low), whole(high)) {
            (Some(low), Some(high)) if low <= high => Ok(Test::Range(field, low, high)),
            _ => Err(format!("\"{value}\" is not a range")),
        };
    }
    whole(value)
        .map(|number| Test::Compare(field, compare, number))
        .ok_or_else(|| format!("\"{value}\" is not a whole number"))
}

/// A number and its unit.
fn split_unit(value: &str) -> Option<(f64, String)> {
    let end = value
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(value.len());
    let (digits, unit) = value.split_at(end);
    let number = digits.parse::<f64>().ok()?;
    Some((number, unit.to_ascii_lowercase()))
}

/// Bytes: K, M, G and T are powers of 1,024; "KiB" and "KB" are read alike.
fn size(value: &str) -> Option<f64> {
    let (number, unit) = split_unit(value)?;
    let power = match unit.as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return None,
    };
    Some(number * 1024_f64.powi(power))
}

/// Milliseconds; a bare number is seconds.
fn time(value: &str) -> Option<f64> {
    let (number, unit) = split_unit(value)?;
    let factor = match unit.as_str() {
        "ms" => 1.0,
        "" | "s" => 1000.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    Some(number * factor)
}

impl Test {
    fn holds(&self, entry: &RowRef<'_>) -> bool {
        match self {
            Self::Word(text) => {
                let host = &entry.row.target().host;
                text.is_in_host(host) || entry.row.app().is_some_and(|app| text.is_in(&app.name))
            }
            Self::Text(field, text) => text_holds(*field, text, entry),
            Self::Among(field, word) => {
                word_of(*field, entry).is_some_and(|actual| covers(*field, word, actual))
            }
            Self::Compare(field, compare, wanted) => {
                number_of(*field, entry).is_some_and(|actual| compare.holds(actual, *wanted))
            }
            Self::Range(field, low, high) => {
                number_of(*field, entry).is_some_and(|actual| *low <= actual && actual <= *high)
            }
        }
    }
}

impl Compare {
    fn holds(self, actual: f64, wanted: f64) -> bool {
        match self {
            Self::Equal => actual == wanted,
            Self::More => actual > wanted,
            Self::Less => actual < wanted,
            Self::AtLeast => actual >= wanted,
            Self::AtMost => actual <= wanted,
        }
    }
}

fn text_holds(field: Field, text: &Text, entry: &RowRef<'_>) -> bool {
    let row = entry.row;
    let maybe = |value: Option<&str>| text.is_in(value.unwrap_or(""));
    match field {
        Field::App => maybe(row.app().map(|app| &*app.name)),
        Field::Path => maybe(row.app().and_then(|app| app.path.as_deref())),
        Field::Host => text.is_in_host(&row.target().host),
        Field::Remote => match row.remote() {
            Some(remote) => text.is_in(&remote.to_string()),
            None => maybe(None),
        },
        Field::Client => text.is_in(&row.client().to_string()),
        Field::User => maybe(row.user().map(|user| &**user)),
        Field::Reason => text.is_in(&row.why().text),
        Field::Route => text.is_in(row.route()),
        Field::Error => maybe(entry.error()),
        _ => false,
    }
}

fn word_of(field: Field, entry: &RowRef<'_>) -> Option<&'static str> {
    match field {
        Field::Listener => Some(listener_word(entry.row.listener())),
        Field::Proto => Some(protocol_word(entry.row.protocol())),
        Field::Verdict => Some(entry.verdict().word()),
        Field::Rule => Some(why_word(entry.row.why().kind)),
        Field::CloseReason => entry.end().map(crate::CloseReason::word),
        _ => None,
    }
}

fn number_of(field: Field, entry: &RowRef<'_>) -> Option<f64> {
    let row = entry.row;
    match field {
        Field::Pid => row.app().map(|app| f64::from(app.pid)),
        Field::Port => Some(f64::from(row.target().port)),
        Field::Up => Some(row.up_bytes() as f64),
        Field::Down => Some(row.down_bytes() as f64),
        Field::UpSpeed => Some(f64::from(entry.up_speed())),
        Field::DownSpeed => Some(f64::from(entry.down_speed())),
        Field::Age => Some(entry.age_ms() as f64),
        Field::Dns => entry.phase_ms(Phase::Dns),
        Field::Connect => entry.phase_ms(Phase::Connect),
        Field::Tls => entry.phase_ms(Phase::Tls),
        Field::FirstByte => entry.phase_ms(Phase::FirstByte),
        Field::Requests => Some(f64::from(row.requests())),
        Field::Id => Some(row.id as f64),
        _ => None,
    }
}
