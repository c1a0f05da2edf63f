//! Entity tags (RFC 9110, 8.8.3).

use super::directives::for_each_element;

/// The value of an `ETag` field or an element of `If-None-Match`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityTag<'a> {
    pub weak: bool,
    /// With its quotes, if it has some: some servers send none.
    pub opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads a tag. One without quotes is compared as it is, and is weak.
    pub fn parse(value: &'a [u8]) -> Option<EntityTag<'a>> {
        if let Some(opaque) = value.strip_prefix(b"W/").filter(|rest| quoted(rest)) {
            return Some(EntityTag { weak: true, opaque });
        }
        (!value.is_empty()).then_some(EntityTag {
            weak: !quoted(value),
            opaque: value,
        })
    }

    /// Both are strong and the same.
    pub fn strongly_equals(self, other: EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// The same but for their strength.
    pub fn weakly_equals(self, other: EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

fn quoted(text: &[u8]) -> bool {
    matches!(text, [b'"', inside @ .., b'"'] if !inside.contains(&b'"'))
}

/// Whether a line of `If-None-Match` names the tag, or any at all (`*`).
pub fn list_matches(line: &[u8], tag: Option<EntityTag<'_>>) -> bool {
    if line == b"*" {
        return true;
    }
    let mut matches = false;
    for_each_element(line, |element| {
        if let (Some(listed), Some(tag)) = (EntityTag::parse(element), tag) {
            matches |= listed.weakly_equals(tag);
        }
    });
    matches
}
