//! The secondary key: the request's fields that `Vary` names (RFC 9111, 4.1).
//!
//! A variant's key lists the names in lower case and in order, each with its normalised value or as absent. A request
//! belongs to a variant when the same names give the same key.

use smallvec::SmallVec;

use super::directives::for_each_element;
use super::fields::{Fields, for_each_named};
use super::normalise;
use super::request::Request;
use super::stored::StoredHead;
use super::verdict::CacheReason;

/// Responses whose `Vary` names more fields are not stored, nor those with a longer key.
pub const MAX_NAMES: usize = 24;
pub const MAX_KEY: usize = 8192;

/// A normalised value on the stack in the common case.
type Value = SmallVec<[u8; 256]>;

/// The key of a new variant: empty without `Vary`. Refused are `Vary: *`, what is no field's name, and what is too long.
pub fn key(sent: &dyn Fields, response: &dyn Fields) -> Result<Box<[u8]>, CacheReason> {
    let (mut names, mut star, mut tokens) = (Vec::new(), false, true);
    for_each_named(response, "vary", |line| {
        for_each_element(line, |name| {
            star |= name == b"*";
            tokens &= is_token(name);
            if names.len() <= MAX_NAMES {
                names.push(name.to_ascii_lowercase());
            }
        });
    });
    if star {
        return Err(CacheReason::VaryStar);
    }
    if !tokens {
        return Err(CacheReason::BadField);
    }
    names.sort_unstable();
    names.dedup();
    let fits = names.len() <= MAX_NAMES;
    let key = key_of(names.iter().map(Vec::as_slice), sent).filter(|_| fits);
    key.ok_or(CacheReason::VaryTooLong)
}

/// The key of a request's variant by these names, in lower case and in order. `None`: it is too long.
pub(crate) fn key_of<'a>(
    names: impl Iterator<Item = &'a [u8]>,
    sent: &dyn Fields,
) -> Option<Box<[u8]>> {
    let mut key = Vec::new();
    for name in names {
        key.extend_from_slice(name);
        let mut value = Value::new();
        if normalise::value(name, sent, &mut value) {
            key.push(b':');
            key.extend_from_slice(&value);
        }
        key.push(b'\n');
    }
    (key.len() <= MAX_KEY).then(|| key.into_boxed_slice())
}

/// A field's name. Without a colon, a key's lines are unambiguous.
pub(crate) fn is_token(name: &[u8]) -> bool {
    name.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// Whether a request belongs to a stored variant.
pub fn matches(request: &Request<'_>, stored: &StoredHead) -> bool {
    let lines = stored.vary_key.strip_suffix(b"\n").unwrap_or_default();
    stored.vary_key.is_empty()
        || lines
            .split(|&byte| byte == b'\n')
            .all(|line| line_matches(line, request, stored))
}

fn line_matches(line: &[u8], request: &Request<'_>, stored: &StoredHead) -> bool {
    let colon = memchr::memchr(b':', line);
    let (name, expected) = match colon {
        Some(at) => {
            let (name, value) = line.split_at(at);
            (name, value.get(1..))
        }
        None => (line, None),
    };
    let mut value = Value::new();
    let present = normalise::value(name, request.sent, &mut value);
    if present == expected.is_some() && value.as_slice() == expected.unwrap_or_default() {
        return true;
    }
    // The language that the client prefers to all others is the one that is stored.
    name == b"accept-language"
        && present
        && expected.is_some()
        && stored
            .get("content-language")
            .is_some_and(|language| normalise::prefers_language(&value, language))
}

/// The position of the variant that a request gets: of those that it belongs to, the one with the most recent `Date`,
/// then the one that arrived last.
pub fn select<'a>(
    request: &Request<'_>,
    variants: impl Iterator<Item = &'a StoredHead>,
) -> Option<usize> {
    variants
        .enumerate()
        .filter(|(_, stored)| matches(request, stored))
        .max_by_key(|(index, stored)| (stored.date(), stored.received, *index))
        .map(|(index, _)| index)
}
