//! Targeted cache control (RFC 9213): a structured field for one kind of cache, which replaces `Cache-Control` there.

use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::directives::{Argument, MAX_SECONDS, ResponseDirectives, for_each_directive};
use super::fields::{Fields, for_each_named, trim};

/// The only targeted field that is no structured field.
const SURROGATE: &str = "surrogate-control";
/// The name by which this cache tells servers that it obeys `Surrogate-Control`.
pub const SURROGATE_NAME: &str = "privet";

/// The directives of the first field of `names` that is there, valid and not empty. `names` are in lower case.
pub fn read<F: Fields + ?Sized>(fields: &F, names: &[String]) -> Option<ResponseDirectives> {
    names.iter().find_map(|name| {
        if name == SURROGATE {
            return read_surrogate(fields);
        }
        let dictionary: Dictionary = Parser::new(&combined(fields, name)?).parse().ok()?;
        if dictionary.is_empty() {
            return None;
        }
        let mut directives = ResponseDirectives::default();
        for (name, entry) in &dictionary {
            add(&mut directives, name.as_str(), entry);
        }
        Some(directives)
    })
}

/// The older field of caches in front of a server (Edge Architecture Specification 1.0): written as `Cache-Control`, with
/// parameters that name the caches that a directive is for, and `max-age=60+30` for 30 more seconds while it is validated.
fn read_surrogate<F: Fields + ?Sized>(fields: &F) -> Option<ResponseDirectives> {
    let mut directives = ResponseDirectives::default();
    for_each_named(fields, SURROGATE, |line| {
        for_each_directive(line, |name, argument| {
            let (Some(name), Some(argument)) = (own_part(name), own_argument(argument)) else {
                return;
            };
            match argument {
                Argument::Token(text) if name.eq_ignore_ascii_case(b"max-age") => {
                    let mut numbers = text.splitn(2, |byte| *byte == b'+');
                    let fresh = numbers.next().unwrap_or_default();
                    directives.add(name, Argument::Token(fresh));
                    if let Some(more) = numbers.next() {
                        directives.add(b"stale-while-revalidate", Argument::Token(more));
                    }
                }
                _ => directives.add(name, argument),
            }
        });
    });
    (directives != ResponseDirectives::default()).then_some(directives)
}

/// What is before the parameters, unless they name other caches only.
fn own_part(text: &[u8]) -> Option<&[u8]> {
    let mut parts = text.split(|byte| *byte == b';').map(trim);
    let own = parts.next()?;
    let mut targets = parts.peekable();
    let is_own = targets.peek().is_none()
        || targets.any(|target| target.eq_ignore_ascii_case(SURROGATE_NAME.as_bytes()));
    is_own.then_some(own)
}

fn own_argument(argument: Argument<'_>) -> Option<Argument<'_>> {
    match argument {
        Argument::Token(text) => own_part(text).map(Argument::Token),
        other => Some(other),
    }
}

/// All lines of a field as one value, which is what a structured field is read from. `None` without a line.
pub(super) fn combined<F: Fields + ?Sized>(fields: &F, name: &str) -> Option<Vec<u8>> {
    let mut value: Option<Vec<u8>> = None;
    for_each_named(fields, name, |line| match &mut value {
        Some(value) => {
            value.extend_from_slice(b", ");
            value.extend_from_slice(line);
        }
        None => value = Some(line.to_vec()),
    });
    value
}

/// A number where one is due is an integer, a flag is true, a list of field names is a string. Parameters are ignored.
fn add(directives: &mut ResponseDirectives, name: &str, entry: &ListEntry) {
    let ListEntry::Item(item) = entry else {
        return directives.add(name.as_bytes(), Argument::Broken);
    };
    match &item.bare_item {
        BareItem::Boolean(false) => {}
        BareItem::Boolean(true) => directives.add(name.as_bytes(), Argument::None),
        BareItem::Integer(number) => {
            let seconds = i64::from(*number);
            if seconds < 0 {
                return directives.add(name.as_bytes(), Argument::Broken);
            }
            let text = seconds.min(i64::from(MAX_SECONDS)).to_string();
            directives.add(name.as_bytes(), Argument::Token(text.as_bytes()));
        }
        BareItem::String(text) if matches!(name, "no-cache" | "private") => {
            directives.add(name.as_bytes(), Argument::Quoted(text.as_str().as_bytes()));
        }
        _ => directives.add(name.as_bytes(), Argument::Broken),
    }
}
