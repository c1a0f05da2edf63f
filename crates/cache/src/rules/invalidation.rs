//! What an unsafe request makes invalid (RFC 9111, 4.4; RFC 9875, 3), and the groups and tags of responses.

use sfv::{BareItem, List, ListEntry, Parser};
use url::Url;

use super::fields::{Fields, first};
use super::request::Target;
use super::targeted::combined;

/// Methods that change nothing at the origin, by the registry of methods. All others, unknown ones too, are unsafe.
pub fn is_safe(method: &[u8]) -> bool {
    matches!(
        method,
        b"GET"
            | b"HEAD"
            | b"OPTIONS"
            | b"TRACE"
            | b"CONNECT"
            | b"PROPFIND"
            | b"REPORT"
            | b"SEARCH"
            | b"QUERY"
            | b"PRI"
    )
}

/// Whether a response makes stored responses invalid: it did not fail, and the request was unsafe.
pub fn invalidates(method: &[u8], status: u16) -> bool {
    !is_safe(method) && (200..400).contains(&status)
}

/// Paths with queries, of the target's origin, whose stored responses are invalid after a response for which
/// [`invalidates`] holds: the target's own, then those of `Location` and `Content-Location`.
pub fn invalid_paths(target: &Target<'_>, response: &dyn Fields) -> Vec<Vec<u8>> {
    let mut paths = vec![target.path_and_query.to_vec()];
    for name in ["location", "content-location"] {
        let path = first(response, name).and_then(|location| resolve(target, location));
        if let Some(path) = path.map(String::into_bytes)
            && !paths.contains(&path)
        {
            paths.push(path);
        }
    }
    paths
}

/// The path and query that a reference means, if it stays at the target's origin.
pub(super) fn resolve(target: &Target<'_>, reference: &[u8]) -> Option<String> {
    let base = Url::parse(&target.url()).ok()?;
    let url = base.join(std::str::from_utf8(reference).ok()?).ok()?;
    if url.scheme() != base.scheme()
        || url.host_str() != base.host_str()
        || url.port_or_known_default() != base.port_or_known_default()
    {
        return None;
    }
    let mut path = url.path().to_owned();
    if let Some(query) = url.query() {
        path.push('?');
        path.push_str(query);
    }
    Some(path)
}

/// More groups or tags of one response are ignored, as are longer ones. RFC 9875 asks for 32 of 32 bytes.
pub const MAX_GROUPS: usize = 64;
pub const MAX_GROUP_LENGTH: usize = 128;

/// The groups that `Cache-Groups` names, or those that `Cache-Group-Invalidation` makes invalid: a list of strings. Empty
/// where it is invalid. Groups belong to one origin.
pub fn groups(fields: &dyn Fields, name: &str) -> Vec<String> {
    let list = combined(fields, name).and_then(|value| Parser::new(&value).parse::<List>().ok());
    list.unwrap_or_default()
        .into_iter()
        .filter_map(|entry| match entry {
            ListEntry::Item(item) => match item.bare_item {
                BareItem::String(text) => Some(text.as_str().to_owned()),
                _ => None,
            },
            ListEntry::InnerList(_) => None,
        })
        .filter(|group| group.len() <= MAX_GROUP_LENGTH)
        .take(MAX_GROUPS)
        .collect()
}

/// A group as a tag that no response can name.
pub fn group_tag(group: &str) -> String {
    format!("\n{group}")
}

/// The tags of a response, and its groups as [`group_tag`] gives them.
pub fn tags_and_groups(fields: &dyn Fields) -> Vec<String> {
    let mut all = tags(fields);
    all.extend(
        groups(fields, "cache-groups")
            .iter()
            .map(|group| group_tag(group)),
    );
    all
}

/// The tags of a response: `Cache-Tag` (between commas) and `Surrogate-Key` (between spaces).
pub fn tags(fields: &dyn Fields) -> Vec<String> {
    let mut tags = Vec::new();
    fields.for_each(&mut |name, value| {
        let separator = if name.eq_ignore_ascii_case(b"cache-tag") {
            b','
        } else if name.eq_ignore_ascii_case(b"surrogate-key") {
            b' '
        } else {
            return;
        };
        for tag in value.split(|&byte| byte == separator) {
            let tag = super::fields::trim(tag);
            if let Ok(tag) = std::str::from_utf8(tag)
                && !tag.is_empty()
                && tag.len() <= MAX_GROUP_LENGTH
                && tags.len() < MAX_GROUPS
            {
                tags.push(tag.to_owned());
            }
        }
    });
    tags
}
