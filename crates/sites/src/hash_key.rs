//! `hash_on`: what of a request chooses the backend where `balance` is "hash".

use std::net::IpAddr;

use privet_balance::hash_key;

/// What is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashOn {
    Client,
    Path,
    Cookie(Box<[u8]>),
    /// In lower case.
    Header(Box<[u8]>),
}

impl HashOn {
    /// `text`: as the configuration has it; the client without one.
    pub fn parse(text: Option<&str>) -> Self {
        let named = |prefix| text.and_then(|text| text.strip_prefix(prefix));
        if let Some(name) = named("cookie:") {
            return Self::Cookie(name.as_bytes().into());
        }
        if let Some(name) = named("header:") {
            return Self::Header(name.to_ascii_lowercase().into_bytes().into());
        }
        match text {
            Some("path") => Self::Path,
            _ => Self::Client,
        }
    }

    /// The key of a request. `path`: without the query. A request without the cookie or the field is keyed by its client.
    pub fn key<'a>(
        &self,
        client: IpAddr,
        path: &[u8],
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> u64 {
        let found = match self {
            Self::Client => None,
            Self::Path => Some(hash_key(path)),
            Self::Header(name) => fields
                .filter(|(field, _)| field.eq_ignore_ascii_case(name))
                .map(|(_, value)| hash_key(value))
                .next(),
            Self::Cookie(name) => fields
                .filter(|(field, _)| field.eq_ignore_ascii_case(b"cookie"))
                .find_map(|(_, value)| cookie(value, name))
                .map(hash_key),
        };
        found.unwrap_or_else(|| match client.to_canonical() {
            IpAddr::V4(ip) => hash_key(&ip.octets()),
            IpAddr::V6(ip) => hash_key(&ip.octets()),
        })
    }
}

/// The value of a cookie in the value of a `Cookie` field.
fn cookie<'a>(value: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    value.split(|&byte| byte == b';').find_map(|pair| {
        let pair = pair.trim_ascii();
        let rest = pair.strip_prefix(name)?;
        rest.strip_prefix(b"=")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_depends_on_what_is_named_alone() {
        let key = |on: &str, client: u8, path: &str, field: (&str, &str)| {
            let fields = [(field.0.as_bytes(), field.1.as_bytes())];
            let client = IpAddr::from([192, 0, 2, client]);
            HashOn::parse(Some(on)).key(client, path.as_bytes(), fields.into_iter())
        };
        let none = ("x", "");
        assert_eq!(key("client", 1, "/a", none), key("client", 1, "/b", none));
        assert_ne!(key("client", 1, "/a", none), key("client", 2, "/a", none));
        assert_eq!(key("path", 1, "/a", none), key("path", 2, "/a", none));
        assert_ne!(key("path", 1, "/a", none), key("path", 1, "/b", none));
        let cookies = |value| key("cookie:sid", 1, "/", ("Cookie", value));
        assert_eq!(cookies("a=b; sid=7; c=d"), cookies("sid=7"));
        assert_ne!(cookies("sid=7"), cookies("sid=8"));
        assert_eq!(cookies("xsid=7"), key("client", 1, "/", none));
        let header = |name, value| key("header:X-Tenant", 1, "/", (name, value));
        assert_eq!(header("x-tenant", "a"), header("X-TENANT", "a"));
        assert_ne!(header("x-tenant", "a"), header("x-tenant", "b"));
        assert_eq!(HashOn::parse(None), HashOn::Client);
    }
}
