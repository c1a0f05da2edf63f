//! Targeted cache control (RFC 9213): a structured field for one kind of cache, which replaces `Cache-Control` there.

use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::directives::{Argument, MAX_SECONDS, ResponseDirectives};
use super::fields::{Fields, for_each_named};

/// The directives of the first field of `names` that is there, valid and not empty. `names` are in lower case.
pub fn read<F: Fields + ?Sized>(fields: &F, names: &[String]) -> Option<ResponseDirectives> {
    names.iter().find_map(|name| {
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
