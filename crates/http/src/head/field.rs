//! One field line of a head: its position in the buffer, and its kind.

/// The most field lines in one head.
pub const MAX_FIELDS: usize = 256;

/// A part of the buffer that a head was parsed from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

impl Span {
    /// The span of `part`, which has to be a part of `whole`.
    pub(crate) fn of(whole: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
        Self {
            start: start as u32,
            len: part.len() as u32,
        }
    }

    /// The bytes of the span. `buffer`: the one that it was made from.
    pub fn of_buffer(self, buffer: &[u8]) -> &[u8] {
        let start = self.start as usize;
        buffer
            .get(start..start + self.len as usize)
            .unwrap_or_default()
    }
}

/// A field line. Small and without allocation, so that all lines of a head are one reused vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub name: Span,
    pub value: Span,
    pub kind: FieldKind,
}

/// The field names that the proxy handles; all others are [`FieldKind::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Host,
    ContentLength,
    TransferEncoding,
    Connection,
    KeepAlive,
    ProxyConnection,
    ProxyAuthorization,
    ProxyAuthenticate,
    ProxyAuthenticationInfo,
    Te,
    Trailer,
    Upgrade,
    Http2Settings,
    Expect,
    MaxForwards,
    Via,
    Referer,
    UserAgent,
    AcceptLanguage,
    Accept,
    Authorization,
    Cookie,
    CacheControl,
    /// `Forwarded`, `X-Forwarded-*`, `X-Real-IP` and similar, which identify the client, and `Proxy`.
    Identity,
    /// `Sec-CH-*` and older client hints: they describe the program and the device.
    Hint,
    /// `DNT` and `Sec-GPC`.
    PrivacyPreference,
    Other,
}

impl FieldKind {
    /// Names are case-insensitive (RFC 9110 §5.1).
    pub fn of(name: &[u8]) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let first = name.first().map_or(0, u8::to_ascii_lowercase);
        match (first, name.len()) {
            (b'h', 4) if is("host") => Self::Host,
            (b'h', 14) if is("http2-settings") => Self::Http2Settings,
            (b'c', 14) if is("content-length") => Self::ContentLength,
            (b'c', 10) if is("connection") => Self::Connection,
            (b'c', 6) if is("cookie") => Self::Cookie,
            (b'c', 13) if is("cache-control") => Self::CacheControl,
            (b't', 17) if is("transfer-encoding") => Self::TransferEncoding,
            (b't', 2) if is("te") => Self::Te,
            (b't', 7) if is("trailer") => Self::Trailer,
            (b'k', 10) if is("keep-alive") => Self::KeepAlive,
            (b'u', 7) if is("upgrade") => Self::Upgrade,
            (b'u', 10) if is("user-agent") => Self::UserAgent,
            (b'e', 6) if is("expect") => Self::Expect,
            (b'm', 12) if is("max-forwards") => Self::MaxForwards,
            (b'v', 3) if is("via") => Self::Via,
            (b'r', 7) if is("referer") => Self::Referer,
            (b'a', 15) if is("accept-language") => Self::AcceptLanguage,
            (b'a', 6) if is("accept") => Self::Accept,
            (b'a', 13) if is("authorization") => Self::Authorization,
            (b'p', _) => Self::of_proxy(name),
            // Fields of nearly every message.
            (b'd', 4) | (b's', 6) | (b'c', 12) | (b'e', 4) => Self::Other,
            (b'd' | b's' | b'x' | b'f' | b'c' | b't' | b'v' | b'w' | b'r' | b'e', _) => {
                Self::of_identifying(name)
            }
            _ => Self::Other,
        }
    }

    fn of_proxy(name: &[u8]) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            16 if is("proxy-connection") => Self::ProxyConnection,
            19 if is("proxy-authorization") => Self::ProxyAuthorization,
            18 if is("proxy-authenticate") => Self::ProxyAuthenticate,
            25 if is("proxy-authentication-info") => Self::ProxyAuthenticationInfo,
            // CGI hands it to programs as HTTP_PROXY, which many take as the proxy of their own requests.
            5 if is("proxy") => Self::Identity,
            _ => Self::Other,
        }
    }

    /// Fields that identify the client or its program to the origin. `_` counts as `-`: servers that hand fields to programs as
    /// variables (CGI, WSGI) do not tell them apart.
    fn of_identifying(name: &[u8]) -> Self {
        const IDENTITY: [&str; 10] = [
            "forwarded",
            "x-real-ip",
            "x-client-ip",
            "x-cluster-client-ip",
            "x-originating-ip",
            "x-remote-ip",
            "true-client-ip",
            "cf-connecting-ip",
            "client-ip",
            "from",
        ];
        const HINT: [&str; 10] = [
            "dpr",
            "width",
            "viewport-width",
            "device-memory",
            "downlink",
            "ect",
            "rtt",
            "save-data",
            "x-client-data",
            "x-wap-profile",
        ];
        let same = |name: &[u8], known: &str| {
            let mut both = name.iter().zip(known.as_bytes());
            both.all(|(byte, known)| {
                byte.eq_ignore_ascii_case(known) || (*byte == b'_' && *known == b'-')
            })
        };
        let is = |known: &&str| name.len() == known.len() && same(name, known);
        let starts = |with: &str| name.get(..with.len()).is_some_and(|head| same(head, with));
        if starts("x-forwarded") || IDENTITY.iter().any(is) {
            Self::Identity
        } else if starts("sec-ch-") || HINT.iter().any(is) {
            Self::Hint
        } else if ["dnt", "sec-gpc"].iter().any(is) {
            Self::PrivacyPreference
        } else {
            Self::Other
        }
    }

    /// Fields that frame, route or authorize: `Connection` cannot name them, so that a client cannot have them
    /// stripped on the way (RFC 9110 §7.6.1).
    pub fn is_never_dropped_by_name(self) -> bool {
        matches!(
            self,
            Self::Host
                | Self::ContentLength
                | Self::TransferEncoding
                | Self::Trailer
                | Self::Expect
                | Self::MaxForwards
                | Self::Via
                | Self::Authorization
                | Self::Cookie
                | Self::CacheControl
        )
    }
}

/// The elements of a comma-separated list, trimmed; empty ones are skipped (RFC 9110 §5.6.1).
pub fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

/// Whether the bytes are a token (RFC 9110 §5.6.2).
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
