//! A request's URL as the rules of the cache take it.

use privet_cache::rules::request::Target;

/// Scheme, host, path and query of a URL in normal form. `None`: it has no path.
pub fn target_of<'a>(url: &'a str, scheme: &'a str, port: u16) -> Option<Target<'a>> {
    UrlParts::of(url)?.target(url, scheme, port)
}

/// Where the parts of a URL are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UrlParts {
    host: usize,
    host_end: usize,
    path: usize,
}

impl UrlParts {
    /// Of a URL in normal form. `None`: it has no path.
    pub fn of(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("http://");
        let rest = rest.or_else(|| url.strip_prefix("https://"))?.as_bytes();
        let host = url.len() - rest.len();
        let slash = memchr::memchr(b'/', rest)?;
        let authority = rest.get(..slash)?;
        let end = match authority.first() {
            Some(b'[') => memchr::memchr(b']', authority)? + 1,
            _ => memchr::memchr(b':', authority).unwrap_or(slash),
        };
        Some(Self {
            host,
            host_end: host + end,
            path: host + slash,
        })
    }

    /// The parts of the URL that they were found in.
    pub fn target<'a>(self, url: &'a str, scheme: &'a str, port: u16) -> Option<Target<'a>> {
        Some(Target {
            scheme,
            host: url.get(self.host..self.host_end)?,
            port,
            path_and_query: url.get(self.path..)?.as_bytes(),
        })
    }
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
            let target = target_of(url, "http", 80).unwrap();
            assert_eq!(
                (target.host, target.path_and_query),
                (host, path.as_bytes())
            );
        }
        assert_eq!(target_of("http://a.test", "http", 80), None);
        assert_eq!(target_of("ftp://a.test/", "http", 80), None);
    }
}
