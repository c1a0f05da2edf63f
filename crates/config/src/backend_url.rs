//! The URL of a site's backend. Only the reader of the configuration makes one, so that what dials it can name nothing
//! but configured endpoints.

use std::fmt;
use std::net::IpAddr;

use url::Url;

use crate::domain::normal_domain;

/// Where a backend of a site is, as the configuration names it. Cheap to clone.
///
/// ```compile_fail,E0451
/// let forged = privet_config::BackendUrl { ..todo!() };
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackendUrl {
    text: std::sync::Arc<str>,
    scheme: BackendScheme,
    host: BackendHost,
    port: u16,
}

/// How a backend is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BackendScheme {
    /// HTTP/1.1 without TLS.
    Http,
    /// HTTP over TLS; the certificate is verified.
    Https,
    /// HTTP/2 without TLS, by prior knowledge (RFC 9113 section 3.3).
    H2c,
}

/// The host of a backend.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BackendHost {
    /// In lower case, without a final dot.
    Name(std::sync::Arc<str>),
    Ip(IpAddr),
}

impl BackendUrl {
    /// `None`: the URL has a path or a query, or a host that is no name.
    pub(crate) fn new(url: &Url) -> Option<Self> {
        let scheme = match url.scheme() {
            "http" => BackendScheme::Http,
            "https" => BackendScheme::Https,
            "h2c" => BackendScheme::H2c,
            _ => return None,
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            return None;
        }
        let host = url.host_str()?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let host = match bare.parse::<IpAddr>() {
            Ok(ip) => BackendHost::Ip(ip.to_canonical()),
            Err(_) => BackendHost::Name(normal_domain(host)?.into()),
        };
        let port = url.port().unwrap_or(scheme.default_port());
        let text = url.as_str().trim_end_matches('/').into();
        (port != 0).then_some(Self {
            text,
            scheme,
            host,
            port,
        })
    }

    /// The URL without a final slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn scheme(&self) -> BackendScheme {
        self.scheme
    }

    pub fn host(&self) -> &BackendHost {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl BackendScheme {
    /// The port of a URL that names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http | Self::H2c => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl PartialEq<str> for BackendUrl {
    fn eq(&self, other: &str) -> bool {
        *self.text == *other
    }
}

impl PartialEq<&str> for BackendUrl {
    fn eq(&self, other: &&str) -> bool {
        *self.text == **other
    }
}

impl fmt::Display for BackendHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<BackendUrl> {
        BackendUrl::new(&Url::parse(text).unwrap())
    }

    #[test]
    fn scheme_host_and_port_are_read() {
        for (text, scheme, host, port) in [
            (
                "http://127.0.0.1:9001",
                BackendScheme::Http,
                "127.0.0.1",
                9001,
            ),
            (
                "http://App.Internal/",
                BackendScheme::Http,
                "app.internal",
                80,
            ),
            (
                "https://app.internal",
                BackendScheme::Https,
                "app.internal",
                443,
            ),
            (
                "h2c://127.0.0.1:50051",
                BackendScheme::H2c,
                "127.0.0.1",
                50051,
            ),
            ("h2c://[::1]:50051", BackendScheme::H2c, "::1", 50051),
            (
                "http://[::ffff:127.0.0.1]:1",
                BackendScheme::Http,
                "127.0.0.1",
                1,
            ),
        ] {
            let url = parse(text).unwrap();
            assert_eq!(
                (url.scheme(), url.host().to_string().as_str(), url.port()),
                (scheme, host, port),
                "{text}"
            );
        }
        for text in [
            "http://a.test/path",
            "http://a.test/?q",
            "ftp://a.test",
            "http://a.test:0",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
