//! A typed reader over the TOML tree with positions: each getter reports what is wrong with its value, and reading goes on. A
//! value opens as a table and a table gives values, so that `mod.rs` and `table.rs` know each other.

mod table;
mod typed;

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::DeValue;

use crate::diagnose::{DiagnosticCode, Severity};
use crate::findings::Findings;
use crate::keys::Section;
use crate::keyword::Keyword;
use crate::nearest::suggestion;
pub(crate) use table::Table;

/// The longest part of a value that a message repeats, in characters.
const MAX_QUOTED: usize = 60;

/// A value of the file, its position, and the key it belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    node: &'a Spanned<DeValue<'a>>,
    pub key: &'a str,
    findings: &'a Findings<'a>,
}

/// How a value of the type that a key takes is written, where what was found is a common slip.
fn form_of(wanted: &str, found: &DeValue<'_>) -> Option<&'static str> {
    match (wanted, found) {
        ("an array", DeValue::Table(_)) => Some("write its heading in double brackets: [[…]]"),
        ("an array", _) => Some("write it in brackets: [\"…\"]"),
        ("a table", DeValue::Array(_)) => Some("write its heading in single brackets: […]"),
        ("a table", _) => Some("write { KEY = … }"),
        ("a string", DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_)) => {
            Some("write it in quotes")
        }
        ("a whole number" | "true or false", DeValue::String(_)) => Some("write it without quotes"),
        _ => None,
    }
}

/// `"…"`, clipped, control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(MAX_QUOTED)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().count() > MAX_QUOTED {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

impl<'a> Value<'a> {
    pub fn report(
        &self,
        severity: Severity,
        code: DiagnosticCode,
        cause: impl Into<String>,
        help: Option<String>,
    ) {
        self.findings
            .add(severity, code, self.node.span(), cause.into(), help);
    }

    pub fn refuse(&self, code: DiagnosticCode, cause: impl Into<String>, help: impl Into<String>) {
        self.report(Severity::Error, code, cause, Some(help.into()));
    }

    pub fn warn(&self, code: DiagnosticCode, cause: impl Into<String>, help: impl Into<String>) {
        self.report(Severity::Warning, code, cause, Some(help.into()));
    }

    /// Redacts this value in all messages.
    pub fn redact(&self) {
        self.findings.redact(self.node.span());
    }

    /// Redacts a URL that may contain a password and that is not recognised by "://".
    pub fn redact_login(&self, url: &str) {
        if url.contains('@') && !url.contains("://") {
            self.redact();
        }
    }

    pub fn line(&self) -> usize {
        self.findings.line(self.node.span().start)
    }

    pub fn is_table(&self) -> bool {
        self.node.get_ref().is_table()
    }

    /// The string, if it is one; nothing is reported.
    pub fn peek_str(&self) -> Option<&'a str> {
        self.node.get_ref().as_str()
    }

    fn wrong_type(&self, wanted: &str) {
        let article = |name: &str| {
            if name.starts_with(['a', 'i']) {
                "an"
            } else {
                "a"
            }
        };
        let found = self.node.get_ref().type_str();
        let cause = format!(
            "\"{}\" takes {wanted}, not {} {found}",
            self.key,
            article(found)
        );
        let help = form_of(wanted, self.node.get_ref());
        self.report(
            Severity::Error,
            DiagnosticCode::WrongType,
            cause,
            help.map(str::to_owned),
        );
    }

    pub fn string(&self) -> Option<&'a str> {
        let text = self.peek_str();
        if text.is_none() {
            self.wrong_type("a string");
        }
        text
    }

    pub fn is_array(&self) -> bool {
        self.node.get_ref().is_array()
    }

    /// A string that is not empty and holds no control characters.
    pub fn filled(&self) -> Option<&'a str> {
        let text = self.string()?;
        if text.trim().is_empty() {
            self.report(
                Severity::Error,
                DiagnosticCode::BadValue,
                format!("\"{}\" is empty", self.key),
                None,
            );
            return None;
        }
        if text.chars().any(char::is_control) {
            let cause = format!("{} holds a control character", quoted(text));
            self.report(Severity::Error, DiagnosticCode::BadValue, cause, None);
            return None;
        }
        Some(text)
    }

    pub fn boolean(&self) -> Option<bool> {
        let value = self.node.get_ref().as_bool();
        if value.is_none() {
            self.wrong_type("true or false");
        }
        value
    }

    /// A whole number; nothing is reported where it is no number at all.
    pub fn peek_integer(&self) -> Option<i128> {
        let integer = self.node.get_ref().as_integer()?;
        // The parser checks the digits: only a number past i128 fails, and that is out of every range.
        Some(i128::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i128::MAX))
    }

    pub fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let Some(number) = self.peek_integer() else {
            self.wrong_type("a whole number");
            return None;
        };
        let fitting = u64::try_from(number).ok().filter(|n| range.contains(n));
        if fitting.is_none() {
            let help = format!("allowed are {} to {}", range.start(), range.end());
            self.refuse(
                DiagnosticCode::BadValue,
                format!("\"{}\" is out of range", self.key),
                help,
            );
        }
        fitting
    }

    /// As [`Value::integer`], for counts that are small.
    pub fn count(&self, range: RangeInclusive<u64>) -> Option<u32> {
        self.integer(range).and_then(|n| u32::try_from(n).ok())
    }

    /// The entries of an array.
    pub fn items(&self) -> Vec<Value<'a>> {
        let DeValue::Array(array) = self.node.get_ref() else {
            self.wrong_type("an array");
            return Vec::new();
        };
        array.iter().map(|node| Value { node, ..*self }).collect()
    }

    /// The entries of an array; nothing is reported where it is none.
    pub fn peek_items(&self) -> Vec<Value<'a>> {
        let array = self.node.get_ref().as_array();
        array
            .map(|array| array.iter().map(|node| Value { node, ..*self }).collect())
            .unwrap_or_default()
    }

    /// The value of a table's key; nothing is reported where there is none.
    pub fn peek_get(&self, key: &'static str) -> Option<Value<'a>> {
        let node = self.node.get_ref().as_table()?.get(key)?;
        Some(Value { node, key, ..*self })
    }

    /// The keys of a table; nothing is reported where it is none.
    pub fn peek_keys(&self) -> Vec<&'a str> {
        self.node
            .get_ref()
            .as_table()
            .map(|map| map.keys().map(|key| &**key.get_ref()).collect())
            .unwrap_or_default()
    }

    /// `{ plain = true }`: what the API shows instead of a secret in the file.
    pub fn is_plain_mark(&self) -> bool {
        self.node
            .get_ref()
            .as_table()
            .is_some_and(|map| map.contains_key("plain"))
    }

    pub fn table(&self, section: &'static Section) -> Option<Table<'a>> {
        let DeValue::Table(map) = self.node.get_ref() else {
            self.wrong_type("a table");
            return None;
        };
        Some(Table::checked(
            map,
            self.node.span(),
            section,
            self.findings,
        ))
    }

    /// The names and values of a table whose keys the user chooses.
    pub fn entries(&self) -> Vec<(Value<'a>, &'a str)> {
        let DeValue::Table(map) = self.node.get_ref() else {
            self.wrong_type("a table");
            return Vec::new();
        };
        map.iter()
            .map(|(key, node)| {
                (
                    Value {
                        node,
                        key: key.get_ref(),
                        ..*self
                    },
                    &**key.get_ref(),
                )
            })
            .collect()
    }

    /// One of a setting's words.
    pub fn choice<T: Keyword>(&self) -> Option<T> {
        let text = self.string()?;
        let chosen = T::ALL.iter().copied().find(|value| value.word() == text);
        if chosen.is_none() {
            let words: Vec<&str> = T::ALL.iter().map(|value| value.word()).collect();
            let cause = format!("\"{}\" cannot be {}", self.key, quoted(text));
            self.report(
                Severity::Error,
                DiagnosticCode::BadValue,
                cause,
                suggestion(text, &words, "allowed are"),
            );
        }
        chosen
    }
}
