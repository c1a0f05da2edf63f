//! What a site changes in the heads that pass it: the backend learns who asks, the client does not learn who answers.

/// Response fields that name a server's software or address.
const HIDDEN: [&str; 8] = [
    "server",
    "via",
    "x-powered-by",
    "x-aspnet-version",
    "x-aspnetmvc-version",
    "x-backend-server",
    "x-served-by",
    "alt-svc",
];

/// Response fields whose value is a URL.
const URLS: [&str; 2] = ["location", "content-location"];

/// How a site rewrites responses of one backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteResponse {
    /// The origins of the backend as it may spell them, without a path: "http://10.0.0.5:8080".
    pub backend: Vec<Vec<u8>>,
    /// The origin that clients use: "https://app.example".
    pub site: Vec<u8>,
}

impl SiteResponse {
    /// Passes a field to `emit` as the client is to have it, or leaves it out.
    pub(crate) fn emit(&self, name: &[u8], value: &[u8], emit: &mut impl FnMut(&[u8], &[u8])) {
        let is = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
        if HIDDEN.iter().any(is) {
            return;
        }
        if URLS.iter().any(is)
            && let Some(path) = self.path_at_backend(value)
        {
            return emit(name, &[&self.site, path].concat());
        }
        emit(name, value);
    }

    /// The part of a URL behind the backend's origin; `None` where it leads elsewhere.
    fn path_at_backend<'a>(&self, url: &'a [u8]) -> Option<&'a [u8]> {
        self.backend.iter().find_map(|origin| {
            let (start, rest) = url.split_at_checked(origin.len())?;
            let ends = rest.first().is_none_or(|byte| b"/?#".contains(byte));
            (start.eq_ignore_ascii_case(origin) && ends).then_some(rest)
        })
    }
}

/// How a site rewrites requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct SiteRequest<'a> {
    /// The value of `Host`, as the client sent it.
    pub host: &'a [u8],
    /// Bytes of the path's start that the backend does not get.
    pub strip: usize,
    /// Field lines that say who asks, each with its CRLF.
    pub fields: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(name: &str, value: &str) -> Option<String> {
        let site = SiteResponse {
            backend: vec![b"http://10.0.0.5:8080".to_vec()],
            site: b"https://app.test".to_vec(),
        };
        let mut out = None;
        site.emit(name.as_bytes(), value.as_bytes(), &mut |_, value| {
            out = Some(String::from_utf8(value.to_vec()).unwrap());
        });
        out
    }

    #[test]
    fn a_response_does_not_name_its_backend() {
        for name in ["Server", "x-powered-by", "VIA", "X-AspNet-Version"] {
            assert_eq!(rewritten(name, "x"), None, "{name}");
        }
        for (value, expected) in [
            ("http://10.0.0.5:8080/a?b", "https://app.test/a?b"),
            ("HTTP://10.0.0.5:8080", "https://app.test"),
            ("http://10.0.0.5:80801/", "http://10.0.0.5:80801/"),
            ("/a", "/a"),
            ("https://elsewhere.test/", "https://elsewhere.test/"),
        ] {
            assert_eq!(rewritten("Location", value).as_deref(), Some(expected));
        }
        assert_eq!(rewritten("ETag", "\"x\"").as_deref(), Some("\"x\""));
    }
}
