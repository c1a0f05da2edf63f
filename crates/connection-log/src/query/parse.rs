//! Reads one term of a query from text.

use std::net::Ipv6Addr;

use super::condition::{Compare, Condition, Term};
use super::matching::Text;
use crate::fields::{FIELDS, Field, FieldHelp, FieldKind, named};

pub(super) struct TermError {
    /// Bytes from the term's start.
    pub offset: usize,
    pub cause: String,
    pub allowed: String,
}

/// Parses one term from the start of a non-empty text. Returns it with its length in bytes.
pub(super) fn term(text: &str) -> Result<(Term, usize), TermError> {
    let negated = text.starts_with('-') && text.len() > 1;
    let start = usize::from(negated);
    let body = &text[start..];
    if let Some((address, used)) = ipv6_word(body) {
        let condition = Condition::Word(Text::parse(&address));
        return Ok((Term { negated, condition }, start + used));
    }
    let name_end = body
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(body.len());
    let (name, after) = body.split_at(name_end);
    let operator = operator(after);
    let Some((compare, operator_len)) = operator.filter(|_| !name.is_empty()) else {
        let (value, used) = value(body, start)?;
        let condition = Condition::Word(Text::parse(&value));
        return Ok((Term { negated, condition }, start + used));
    };
    let Some(field) = named(name) else {
        return unknown(name, start);
    };
    let value_at = start + name_end + operator_len;
    let (value, used) = value(&text[value_at..], value_at)?;
    let literal = match field.field {
        Field::Host => without_brackets(&value),
        _ => &value,
    };
    let condition = condition(field, compare, literal).map_err(|cause| TermError {
        offset: value_at,
        cause,
        allowed: format!("{} takes {}", field.name, field.kind.allowed()),
    })?;
    Ok((Term { negated, condition }, value_at + used))
}

/// An IPv6 address as a word of its own, in brackets or not: its colons separate no field.
fn ipv6_word(body: &str) -> Option<(String, usize)> {
    let word = body.split(char::is_whitespace).next()?;
    let address: Ipv6Addr = without_brackets(word).parse().ok()?;
    Some((address.to_string(), word.len()))
}

/// "[::1]" → "::1", as hosts are shown.
fn without_brackets(text: &str) -> &str {
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(text)
}

fn unknown(name: &str, offset: usize) -> Result<(Term, usize), TermError> {
    let names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
    Err(TermError {
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
        ("=", Compare::Whole),
    ];
    table
        .into_iter()
        .find(|(sign, _)| text.starts_with(sign))
        .map(|(sign, compare)| (compare, sign.len()))
}

/// A value up to the next space, or in quotes, with its length in bytes.
fn value(text: &str, offset: usize) -> Result<(String, usize), TermError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        if end == 0 {
            return Err(TermError {
                offset,
                cause: "the value is missing".to_owned(),
                allowed: "put one right after the sign, or \"\" for none".to_owned(),
            });
        }
        return Ok((text[..end].to_owned(), end));
    };
    match quoted.find('"') {
        Some(end) => Ok((quoted[..end].to_owned(), end + 2)),
        None => Err(TermError {
            offset,
            cause: "the quote is not closed".to_owned(),
            allowed: "end it with \"".to_owned(),
        }),
    }
}

fn condition(field: &FieldHelp, compare: Compare, value: &str) -> Result<Condition, String> {
    match field.kind {
        FieldKind::Text if compare == Compare::Equal => {
            Ok(Condition::Text(field.field, Text::parse(value)))
        }
        FieldKind::Text if compare == Compare::Whole => {
            Ok(Condition::Text(field.field, Text::parse_whole(value)))
        }
        FieldKind::Word(words) if matches!(compare, Compare::Equal | Compare::Whole) => words
            .iter()
            .find(|word| word.eq_ignore_ascii_case(value))
            .map(|word| Condition::Among(field.field, word))
            .ok_or_else(|| format!("\"{value}\" is not a word for {}", field.name)),
        FieldKind::Text | FieldKind::Word(_) => {
            Err(format!("{} cannot be compared by size", field.name))
        }
        FieldKind::Number => number(field.field, compare, value),
        FieldKind::Size => size(value)
            .map(|bytes| Condition::Compare(field.field, compare, bytes))
            .ok_or_else(|| format!("\"{value}\" is not a size")),
        FieldKind::Time => time(value)
            .map(|ms| Condition::Compare(field.field, compare, ms))
            .ok_or_else(|| format!("\"{value}\" is not a time")),
    }
}

fn number(field: Field, compare: Compare, value: &str) -> Result<Condition, String> {
    let whole = |text: &str| text.parse::<u64>().ok().map(|number| number as f64);
    if let (Compare::Equal | Compare::Whole, Some((low, high))) = (compare, value.split_once('-')) {
        return match (whole(low), whole(high)) {
            (Some(low), Some(high)) if low <= high => Ok(Condition::Range(field, low, high)),
            _ => Err(format!("\"{value}\" is not a range")),
        };
    }
    whole(value)
        .map(|number| Condition::Compare(field, compare, number))
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
