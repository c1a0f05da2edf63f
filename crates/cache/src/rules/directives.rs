//! `Cache-Control` as it is sent, in every odd spelling (RFC 9111, 5.2).
//!
//! What restricts a cache is read generously, what allows it something strictly. A lifetime that is not a number is 0
//! (4.2.1), the first of several counts, and one that is too large is the largest (1.2.2).

use memchr::memchr;

use super::fields::{Fields, for_each_named, trim};

/// The largest number of seconds, 2^31 (RFC 9111, 1.2.2).
pub const MAX_SECONDS: u32 = 1 << 31;

/// What follows the name of a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument<'a> {
    None,
    Token(&'a [u8]),
    /// What is between the quotes.
    Quoted(&'a [u8]),
    /// Spaces around the equals sign, a quote without its pair, or text after a quoted string.
    Broken,
}

impl<'a> Argument<'a> {
    /// Its bytes without quotes.
    pub fn text(self) -> Option<&'a [u8]> {
        match self {
            Argument::Token(text) | Argument::Quoted(text) => Some(text),
            Argument::None | Argument::Broken => None,
        }
    }

    /// A number of seconds, at most [`MAX_SECONDS`]. `None` where it is none.
    pub fn seconds(self) -> Option<u32> {
        self.text().and_then(delta_seconds)
    }
}

/// Digits, at most [`MAX_SECONDS`].
pub fn delta_seconds(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = text.iter().fold(0_u32, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(u32::from(digit - b'0'))
    });
    Some(value.min(MAX_SECONDS))
}

/// Splits one line of a list at its commas, leaving quoted strings whole. A quote without its pair is an ordinary byte, so
/// that nothing after it is hidden. Elements are without spaces at their ends; empty ones are left out.
pub fn for_each_element<'a>(line: &'a [u8], mut visit: impl FnMut(&'a [u8])) {
    let mut rest = line;
    while !rest.is_empty() {
        let end = element_end(rest);
        let (element, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        let element = trim(element);
        if !element.is_empty() {
            visit(element);
        }
    }
}

fn element_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b',' => return at,
            b'"' => at += quoted_length(text.get(at..).unwrap_or_default()).unwrap_or(1),
            _ => at += 1,
        }
    }
    text.len()
}

/// The length of the quoted string at the start of `text`, with both quotes.
fn quoted_length(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Calls `visit` with each directive of one field line: its name as sent, and its argument.
pub fn for_each_directive<'a>(line: &'a [u8], mut visit: impl FnMut(&'a [u8], Argument<'a>)) {
    for_each_element(line, |element| {
        let (name, argument) = match memchr(b'=', element) {
            None => (element, Argument::None),
            Some(at) => {
                let (name, value) = element.split_at(at);
                (name, argument(value.get(1..).unwrap_or_default()))
            }
        };
        match name {
            [start @ .., b' ' | b'\t'] => visit(trim(start), Argument::Broken),
            _ => visit(name, argument),
        }
    });
}

fn argument(value: &[u8]) -> Argument<'_> {
    match value {
        [b'"', inside @ .., b'"'] if quoted_length(value) == Some(value.len()) => {
            Argument::Quoted(inside)
        }
        [] | [b' ' | b'\t', ..] => Argument::Broken,
        _ if value.contains(&b'"') => Argument::Broken,
        _ => Argument::Token(value),
    }
}

/// The directives of a response that decide about storing and reuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseDirectives {
    pub no_store: bool,
    /// Without field names.
    pub no_cache: bool,
    /// Without field names.
    pub private: bool,
    /// `no-cache` or `private` with field names: those fields are not kept.
    pub names_fields: bool,
    pub public: bool,
    pub must_revalidate: bool,
    pub proxy_revalidate: bool,
    pub must_understand: bool,
    pub immutable: bool,
    /// Invalid ones are 0.
    pub max_age: Option<u32>,
    pub s_maxage: Option<u32>,
    pub stale_while_revalidate: Option<u32>,
    pub stale_if_error: Option<u32>,
}

impl ResponseDirectives {
    /// Those of all `Cache-Control` lines.
    pub fn read<F: Fields + ?Sized>(fields: &F) -> ResponseDirectives {
        let mut directives = ResponseDirectives::default();
        for_each_named(fields, "cache-control", |line| {
            for_each_directive(line, |name, argument| directives.add(name, argument));
        });
        directives
    }

    pub(super) fn add(&mut self, name: &[u8], argument: Argument<'_>) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let bare = argument == Argument::None;
        if is("max-age") {
            self.max_age.get_or_insert(argument.seconds().unwrap_or(0));
        } else if is("s-maxage") {
            self.s_maxage.get_or_insert(argument.seconds().unwrap_or(0));
        } else if is("no-store") {
            self.no_store = true;
        } else if is("no-cache") {
            let named = lists_fields(argument);
            self.no_cache |= !named;
            self.names_fields |= named;
        } else if is("private") {
            let named = lists_fields(argument);
            self.private |= !named;
            self.names_fields |= named;
        } else if is("must-revalidate") {
            self.must_revalidate = true;
        } else if is("proxy-revalidate") {
            self.proxy_revalidate = true;
        } else if is("must-understand") {
            self.must_understand = true;
        } else if is("public") {
            self.public |= bare;
        } else if is("immutable") {
            self.immutable |= bare;
        } else if is("stale-while-revalidate") {
            self.stale_while_revalidate
                .get_or_insert(argument.seconds().unwrap_or(0));
        } else if is("stale-if-error") {
            self.stale_if_error
                .get_or_insert(argument.seconds().unwrap_or(0));
        }
    }
}

fn lists_fields(argument: Argument<'_>) -> bool {
    argument
        .text()
        .is_some_and(|text| text.iter().any(|byte| !b" \t,".contains(byte)))
}

/// Calls `visit` with each field name that `no-cache` or, for a shared cache, `private` lists in one field line.
pub fn for_each_listed_field<'a>(line: &'a [u8], shared: bool, mut visit: impl FnMut(&'a [u8])) {
    for_each_directive(line, |name, argument| {
        let listing = name.eq_ignore_ascii_case(b"no-cache")
            || (shared && name.eq_ignore_ascii_case(b"private"));
        if let (true, Some(text)) = (listing, argument.text()) {
            for_each_element(text, &mut visit);
        }
    });
}

/// The directives of a request (RFC 9111, 5.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestDirectives {
    pub no_store: bool,
    pub no_cache: bool,
    pub only_if_cached: bool,
    /// Invalid ones are 0.
    pub max_age: Option<u32>,
    /// `max-stale` without a number is [`u32::MAX`]; an invalid one is ignored.
    pub max_stale: Option<u32>,
    /// Invalid ones are [`MAX_SECONDS`].
    pub min_fresh: Option<u32>,
    /// Invalid ones are ignored.
    pub stale_if_error: Option<u32>,
}

impl RequestDirectives {
    /// Reads the value of a line of `Cache-Control`.
    pub fn add_line(&mut self, line: &[u8]) {
        for_each_directive(line, |name, argument| self.add(name, argument));
    }

    fn add(&mut self, name: &[u8], argument: Argument<'_>) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("max-age") {
            let age = argument.seconds().unwrap_or(0);
            self.max_age = Some(self.max_age.map_or(age, |other| other.min(age)));
        } else if is("no-cache") {
            self.no_cache = true;
        } else if is("no-store") {
            self.no_store = true;
        } else if is("only-if-cached") {
            self.only_if_cached = true;
        } else if is("min-fresh") {
            let fresh = argument.seconds().unwrap_or(MAX_SECONDS);
            self.min_fresh = Some(self.min_fresh.map_or(fresh, |other| other.max(fresh)));
        } else if is("max-stale") {
            let stale = match argument {
                Argument::None => Some(u32::MAX),
                _ => argument.seconds(),
            };
            self.max_stale = self.max_stale.or(stale);
        } else if is("stale-if-error") {
            self.stale_if_error = self.stale_if_error.or(argument.seconds());
        }
    }
}
