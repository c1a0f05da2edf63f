//! The parts of a private cache: what one page, one login or one identity stored never answers another.

use privet_cache::site::site_of;
use smallvec::SmallVec;

use super::scope::CacheKind;
use crate::head::{FieldKind, RequestHead};

/// The bytes that the key of a stored response contains beside its URL.
pub type Partition = SmallVec<[u8; 192]>;

/// The page that made the request is not known. A stored answer could tell that page which URLs its user has visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownPage;

/// The partition of a request. `page`: the host of the page that caused it, empty where the request names none; `host`: its
/// own.
///
/// # Errors
/// A browser asks for a part of a page, and does not say of which.
pub fn partition(
    kind: CacheKind,
    head: &RequestHead,
    bytes: &[u8],
    page: &[u8],
    host: &[u8],
) -> Result<Partition, UnknownPage> {
    let mut out = Partition::new();
    let CacheKind::Private(who) = kind else {
        return Ok(out);
    };
    out.extend_from_slice(&who);
    let (mut is_document, mut names_use, mut is_browser) = (false, false, false);
    let mut is_own_site = false;
    for field in &head.fields {
        let value = field.value.of_buffer(bytes);
        match field.kind {
            FieldKind::Authorization | FieldKind::Cookie => add(&mut out, value),
            FieldKind::UserAgent => is_browser |= value.starts_with(b"Mozilla/"),
            FieldKind::Other if is_named(field.name.of_buffer(bytes), "sec-fetch-dest") => {
                names_use = true;
                is_document = value == b"document";
            }
            FieldKind::Other if is_named(field.name.of_buffer(bytes), "sec-fetch-site") => {
                is_own_site = matches!(value, b"same-origin" | b"same-site");
            }
            _ => {}
        }
    }
    if let Some(authorization) = &head.authorization {
        add(&mut out, authorization.as_bytes());
    }
    // A page of its own is its own site; a program that is no browser has no pages.
    let page = match page {
        _ if is_document => host,
        // A page without a name, or one that sends no Referer.
        [] if is_own_site => host,
        [] if is_browser || names_use => return Err(UnknownPage),
        page => page,
    };
    let site = std::str::from_utf8(page).map_or(page, |page| site_of(page).as_bytes());
    add(&mut out, site);
    Ok(out)
}

/// Adds a value with its length, so that no two lists of values are alike.
fn add(out: &mut Partition, value: &[u8]) {
    out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    out.extend_from_slice(value);
}

fn is_named(name: &[u8], known: &str) -> bool {
    name.eq_ignore_ascii_case(known.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::TargetRule;
    use crate::head::scan::Scan;

    const WHO: CacheKind = CacheKind::Private([1; 16]);

    fn of(kind: CacheKind, fields: &str, page: &str) -> Result<Vec<u8>, UnknownPage> {
        let text = format!("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n");
        let mut head = RequestHead::default();
        let parsed = head.parse(text.as_bytes(), &mut Scan::default(), TargetRule::Proxy);
        assert_eq!(parsed, Ok(true));
        let found = partition(kind, &head, text.as_bytes(), page.as_bytes(), b"a.test");
        found.map(|bytes| bytes.to_vec())
    }

    #[test]
    fn who_asks_the_page_and_credentials_part_the_cache() {
        let all = [
            of(WHO, "", ""),
            of(CacheKind::Private([2; 16]), "", ""),
            of(WHO, "", "page.test"),
            of(WHO, "", "other.test"),
            of(WHO, "Cookie: a=b\r\n", ""),
            of(WHO, "Cookie: a=c\r\n", ""),
            of(WHO, "Authorization: Basic eDp5\r\n", ""),
            of(WHO, "Cookie: a\r\nCookie: b\r\n", ""),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(one.is_ok());
            assert_eq!(all.iter().filter(|other| *other == one).count(), 1, "{at}");
        }
        assert_eq!(of(WHO, "X: y\r\n", "page.test"), of(WHO, "", "page.test"));
        assert_eq!(
            of(WHO, "", "www.page.test"),
            of(WHO, "", "page.test"),
            "one site"
        );
    }

    #[test]
    fn a_part_of_an_unknown_page_is_not_answered() {
        for fields in [
            "User-Agent: Mozilla/5.0 (X11)\r\n",
            "User-Agent: Mozilla/5.0 (X11)\r\nSec-Fetch-Dest: image\r\n",
            "Sec-Fetch-Dest: iframe\r\n",
        ] {
            assert_eq!(of(WHO, fields, ""), Err(UnknownPage), "{fields}");
            assert!(of(WHO, fields, "page.test").is_ok(), "{fields}");
            assert_eq!(
                of(CacheKind::Shared, fields, ""),
                Ok(Vec::new()),
                "{fields}"
            );
        }
        let document = "User-Agent: Mozilla/5.0 (X11)\r\nSec-Fetch-Dest: document\r\n";
        assert_eq!(of(WHO, document, ""), of(WHO, "", "a.test"));
        assert!(of(WHO, "User-Agent: curl/8.0\r\n", "").is_ok());
    }
}
