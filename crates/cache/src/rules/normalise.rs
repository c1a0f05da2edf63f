//! Values of request fields in a form in which values of the same meaning are the same (RFC 9111, 4.1).

use smallvec::SmallVec;

use super::directives::for_each_element;
use super::fields::{Fields, for_each_named, trim};

/// What may be changed in a value without changing its meaning.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Syntax {
    /// Nothing: not a list.
    Exact,
    /// Lines are joined by semicolons.
    Cookie,
    /// A list: lines are joined, spaces around commas are dropped.
    List,
    /// A list of names with weights: spaces, case, order and a weight of 1 say nothing.
    Preferences,
}

fn syntax(name: &[u8]) -> Syntax {
    match name {
        b"accept-encoding" | b"accept-language" | b"accept-charset" => Syntax::Preferences,
        b"cookie" => Syntax::Cookie,
        b"authorization" | b"user-agent" | b"referer" | b"origin" | b"host" | b"from" | b"date"
        | b"if-modified-since" => Syntax::Exact,
        _ => Syntax::List,
    }
}

/// Appends the normalised value of the field `name` (in lower case). False where the field is absent.
pub(super) fn value(
    name: &[u8],
    fields: &(impl Fields + ?Sized),
    out: &mut SmallVec<[u8; 256]>,
) -> bool {
    let Ok(text) = std::str::from_utf8(name) else {
        return false;
    };
    let syntax = syntax(name);
    let mut present = false;
    for_each_named(fields, text, |line| {
        match syntax {
            Syntax::Exact | Syntax::Cookie => {
                let separator: &[u8] = if syntax == Syntax::Cookie {
                    b"; "
                } else {
                    b", "
                };
                if present {
                    out.extend_from_slice(separator);
                }
                out.extend_from_slice(trim(line));
            }
            Syntax::List => for_each_element(line, |element| push(out, element)),
            Syntax::Preferences => for_each_element(line, |element| {
                let mut plain = preference(element);
                plain.make_ascii_lowercase();
                push(out, strip_full_weight(&plain));
            }),
        }
        present = true;
    });
    if syntax == Syntax::Preferences {
        sort_elements(out);
    }
    present
}

fn push(out: &mut SmallVec<[u8; 256]>, element: &[u8]) {
    if !out.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(element);
}

fn preference(element: &[u8]) -> SmallVec<[u8; 64]> {
    element
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b' ' | b'\t'))
        .collect()
}

/// Without `;q=1`, which is what an element without a weight means.
fn strip_full_weight(element: &[u8]) -> &[u8] {
    [&b";q=1.000"[..], b";q=1.00", b";q=1.0", b";q=1.", b";q=1"]
        .iter()
        .find_map(|weight| element.strip_suffix(*weight))
        .unwrap_or(element)
}

fn sort_elements(out: &mut SmallVec<[u8; 256]>) {
    if !out.contains(&b',') {
        return;
    }
    let whole = out.clone();
    let mut elements: SmallVec<[&[u8]; 16]> = whole.split(|&byte| byte == b',').collect();
    elements.sort_unstable();
    elements.dedup();
    out.clear();
    for element in elements {
        push(out, element);
    }
}

/// Whether a normalised `Accept-Language` prefers the language of a stored response to every other.
pub(super) fn prefers_language(accepted: &[u8], content_language: &[u8]) -> bool {
    let (mut best, mut unique) = ((0, &b""[..]), false);
    for element in accepted.split(|&byte| byte == b',') {
        let (tag, weight) = weighted(element);
        if weight > best.0 {
            best = (weight, tag);
            unique = true;
        } else if weight == best.0 {
            unique = false;
        }
    }
    unique && best.1 != b"*" && best.1.eq_ignore_ascii_case(trim(content_language))
}

/// The tag of an element and its weight in thousandths. An invalid weight is 0.
fn weighted(element: &[u8]) -> (&[u8], u32) {
    let Some(at) = memchr::memchr(b';', element) else {
        return (element, 1000);
    };
    let (tag, parameter) = element.split_at(at);
    let weight = match parameter {
        b";q=1" => 1000,
        [b';', b'q', b'=', b'0', b'.', digits @ ..] if digits.len() <= 3 => digits
            .iter()
            .zip([100, 10, 1])
            .fold(0, |sum, (digit, place)| {
                sum + place * u32::from(digit.saturating_sub(b'0').min(9))
            }),
        _ => 0,
    };
    (tag, weight)
}
