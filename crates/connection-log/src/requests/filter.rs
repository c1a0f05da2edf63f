//! Which requests a reader wants: words, and terms such as `status>=400` or `method:POST`, all of which have to hold.

use std::str::FromStr;

use super::fields::{self, NumberField, RequestField, TextField};
use super::row::RequestRow;
use crate::query::matching;

/// The most terms of a filter.
const MAX_TERMS: usize = 32;

/// A filter that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestFilterError {
    #[error("there is no field \"{0}\": the fields are {names}", names = fields::names())]
    UnknownField(String),
    #[error("\"{0}\" is not a number")]
    NotANumber(String),
    #[error("only numbers and sizes are compared with < and >")]
    NotComparable,
    #[error("a filter has at most 32 terms")]
    TooLong,
}

/// A parsed filter. Empty: every request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestFilter(Vec<Term>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    negated: bool,
    condition: Condition,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    /// The text occurs in the method, URL, type, status or error.
    Word(String),
    /// The text occurs in the field.
    Text(TextField, String),
    Number(NumberField, Compare, u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equal,
    AtLeast,
    AtMost,
    More,
    Less,
}

const SIGNS: [(&str, Compare); 5] = [
    (">=", Compare::AtLeast),
    ("<=", Compare::AtMost),
    (">", Compare::More),
    ("<", Compare::Less),
    (":", Compare::Equal),
];

impl FromStr for RequestFilter {
    type Err = RequestFilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words: Vec<&str> = text
            .split_whitespace()
            .filter(|word| *word != "*")
            .collect();
        if words.len() > MAX_TERMS {
            return Err(RequestFilterError::TooLong);
        }
        let terms = words.into_iter().map(term).collect::<Result<_, _>>()?;
        Ok(Self(terms))
    }
}

fn term(word: &str) -> Result<Term, RequestFilterError> {
    let stripped = word.strip_prefix('-').filter(|rest| !rest.is_empty());
    let body = stripped.unwrap_or(word);
    let name_end = body.find(|letter: char| !letter.is_ascii_alphabetic() && letter != '_');
    let (name, rest) = body.split_at(name_end.unwrap_or(body.len()));
    let sign = SIGNS
        .iter()
        .find(|(sign, _)| rest.starts_with(sign))
        // "http://a" is a word.
        .filter(|_| !name.is_empty() && !rest.starts_with("://"));
    let condition = match sign {
        Some((sign, compare)) => {
            condition(name, *compare, rest.get(sign.len()..).unwrap_or_default())?
        }
        None => Condition::Word(body.to_owned()),
    };
    Ok(Term {
        negated: stripped.is_some(),
        condition,
    })
}

fn condition(name: &str, compare: Compare, value: &str) -> Result<Condition, RequestFilterError> {
    let not_a_number = || RequestFilterError::NotANumber(value.to_owned());
    match fields::named(name) {
        None => Err(RequestFilterError::UnknownField(name.to_owned())),
        Some(RequestField::Number(field)) => {
            let number = match value.parse() {
                Ok(number) => number,
                Err(_) if field.is_size() => size(value).ok_or_else(not_a_number)?,
                Err(_) => return Err(not_a_number()),
            };
            Ok(Condition::Number(field, compare, number))
        }
        Some(RequestField::Text(field)) => match compare {
            Compare::Equal => Ok(Condition::Text(field, value.to_owned())),
            _ => Err(RequestFilterError::NotComparable),
        },
    }
}

/// "10K", "1M", "2G", in units of 1,024 bytes.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let shift = match unit {
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

impl RequestFilter {
    pub fn matches(&self, row: &RequestRow) -> bool {
        self.0
            .iter()
            .all(|term| term.condition.holds(row) != term.negated)
    }
}

impl Condition {
    fn holds(&self, row: &RequestRow) -> bool {
        match self {
            Self::Word(word) => {
                let texts = [
                    Some(&*row.method),
                    Some(&*row.url),
                    row.media_type.as_deref(),
                    row.error.as_deref(),
                ];
                texts.into_iter().flatten().any(|text| contains(text, word))
                    || (row.status).is_some_and(|status| contains(&status.to_string(), word))
            }
            Self::Text(field, wanted) => contains(&field.of(row), wanted),
            Self::Number(field, compare, wanted) => {
                let value = field.of(row);
                value.is_some_and(|value| match compare {
                    Compare::Equal => value == *wanted,
                    Compare::AtLeast => value >= *wanted,
                    Compare::AtMost => value <= *wanted,
                    Compare::More => value > *wanted,
                    Compare::Less => value < *wanted,
                })
            }
        }
    }
}

fn contains(text: &str, wanted: &str) -> bool {
    matching::contains(text.as_bytes(), wanted.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::requests::{CacheUse, HttpVersion};

    fn row(method: &str, url: &str, status: Option<u16>) -> RequestRow {
        RequestRow {
            id: 1,
            connection: 7,
            started: 0,
            client: "127.0.0.1:5".parse().unwrap(),
            user: Some("alice".into()),
            route: "tor".into(),
            method: method.into(),
            url: url.into(),
            version: HttpVersion::Http11,
            remote: None,
            status,
            media_type: Some("text/html".into()),
            up: 1,
            down: 2048,
            up_head: 1,
            down_head: 2,
            dial: None,
            cache: Some(CacheUse {
                word: "hit",
                why: None,
            }),
            scan: None,
            first_byte: None,
            total: Duration::ZERO,
            error: None,
        }
    }

    #[test]
    fn every_term_has_to_hold() {
        let get = row("GET", "http://A.test:8080/x?y", Some(404));
        for (filter, matches) in [
            ("", true),
            ("*", true),
            ("get", true),
            ("method:get status:404", true),
            ("method:get -status:404", false),
            ("status>=400 status<500", true),
            ("status>404", false),
            ("status<=404", true),
            ("host:a.test", true),
            ("host:8080", false),
            ("http://a.test", true),
            (
                "type:html user:alice route:tor client:127.0.0.1 connection:7",
                true,
            ),
            ("cache:hit -cache:bypass", true),
            ("cache:miss", false),
            ("-word", true),
            ("id:1 down:2K up<1K total_ms<1 cache:hit", true),
            ("scan:clean", false),
            ("404", true),
        ] {
            let parsed: RequestFilter = filter.parse().unwrap();
            assert_eq!(parsed.matches(&get), matches, "{filter}");
        }
        let none: RequestFilter = "status>=100".parse().unwrap();
        assert!(!none.matches(&row("GET", "http://a/", None)));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (filter, error) in [
            ("stat:4", RequestFilterError::UnknownField("stat".into())),
            ("status:x", RequestFilterError::NotANumber("x".into())),
            ("status:1K", RequestFilterError::NotANumber("1K".into())),
            ("down:1X", RequestFilterError::NotANumber("1X".into())),
            ("method>a", RequestFilterError::NotComparable),
        ] {
            assert_eq!(filter.parse::<RequestFilter>(), Err(error), "{filter}");
        }
        assert!("a ".repeat(33).parse::<RequestFilter>().is_err());
    }

    #[test]
    fn queries_are_redacted() {
        for (url, redacted) in [
            ("http://a/x?token=1", "http://a/x?…"),
            ("http://a/x?", "http://a/x?"),
            ("http://a/x", "http://a/x"),
        ] {
            assert_eq!(row("GET", url, None).redacted_url(), redacted);
        }
        assert_eq!(row("GET", "http://[::1]:8/x", None).host(), "[::1]");
        assert_eq!(row("GET", "http://a", None).host(), "a");
    }
}
