//! A request's URL as the rules of the cache take it.

use privet_cache::rules::request::Target;

/// Scheme, host, path and query of a URL in normal form. `None`: it has no path.
pub fn target_of<'a>(url: &'a [u8], scheme: &'a str, port: u16) -> Option<Target<'a>> {
    let rest = url.strip_prefix(b"http://");
    let rest = rest.or_else(|| url.strip_prefix(b"https://"))?;
    let slash = memchr::memchr(b'/', rest)?;
    let (authority, path_and_query) = rest.split_at_checked(slash)?;
    let end = match authority.first() {
        Some(b'[') => memchr::memchr(b']', authority)? + 1,
        _ => memchr::memchr(b':', authority).unwrap_or(authority.len()),
    };
    let host = std::str::from_utf8(authority.get(..end)?).ok()?;
    Some(Target {
        scheme,
        host,
        port,
        path_and_query,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, host, path) in [
            ("http://a.test/", "a.test", "/"),
            ("http://a.test:81/x?y=/z", "a.test", "/x?y=/z"),
            ("http://[::1]:81/x", "[::1]", "/x"),
            ("http://[::1]/", "[::1]", "/"),
            ("https://a.test/x", "a.test", "/x"),
        ] {
            let target = target_of(url.as_bytes(), "http", 80).unwrap();
            assert_eq!(
                (target.host, target.path_and_query),
                (host, path.as_bytes())
            );
        }
        assert_eq!(target_of(b"http://a.test", "http", 80), None);
        assert_eq!(target_of(b"ftp://a.test/", "http", 80), None);
    }
}
