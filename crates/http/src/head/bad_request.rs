//! Why a request's head is rejected, and with which status.

/// A request that is not forwarded; the connection is closed after the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    #[error("a line ends in a bare line feed")]
    BareLf,
    #[error("a line does not end in CR LF")]
    LineEnd,
    #[error("empty lines before the request")]
    EmptyLines,
    #[error("the request line is longer than 16 KiB")]
    LineTooLong,
    #[error("the head is longer than 64 KiB")]
    HeadTooLong,
    #[error("more than 256 header fields")]
    TooManyFields,
    #[error("the request line is not METHOD TARGET HTTP/1.1")]
    RequestLine,
    #[error("the request line has a space at its end")]
    SpaceAtLineEnd,
    #[error("the request line has more than two spaces: write a space in a URL as %20")]
    SpaceInTarget,
    #[error("the method is too long")]
    MethodTooLong,
    #[error("only HTTP/1.0 and HTTP/1.1 are spoken here")]
    Version,
    #[error("a header field's name is malformed")]
    FieldName,
    #[error(
        "a header field is continued on a second line (obsolete folding): write it on one line"
    )]
    FoldedField,
    #[error("a space between a header field's name and its colon")]
    SpaceBeforeColon,
    #[error("a header line without a colon")]
    ColonMissing,
    #[error("a header field's value holds a forbidden byte")]
    FieldValue,
    #[error("Content-Length and Transfer-Encoding in one message")]
    LengthAndCoding,
    #[error("Content-Length is not one plain number")]
    ContentLength,
    #[error("Transfer-Encoding is malformed")]
    TransferEncoding,
    #[error("only the transfer coding \"chunked\" is understood")]
    UnknownCoding,
    #[error("Transfer-Encoding in an HTTP/1.0 message")]
    CodingInHttp10,
    #[error("Host is missing")]
    HostMissing,
    #[error("Host is given twice")]
    HostTwice,
    #[error("Host is malformed")]
    HostMalformed,
    #[error(":authority and Host name different hosts")]
    AuthorityAndHost,
    #[error("Connection is malformed")]
    Connection,
    #[error("Upgrade is malformed")]
    Upgrade,
    #[error("Max-Forwards is malformed")]
    MaxForwards,
    #[error("the target is neither a URL nor host:port")]
    Target,
    #[error("an IPv6 address in the target needs brackets: [::1]")]
    BareIpv6,
    #[error("the host in the target is malformed")]
    TargetHost,
    #[error("the host in the target is not ASCII: write it in its xn-- form")]
    HostNotAscii,
    #[error("the port in the target is not a number from 1 to 65535")]
    TargetPort,
    #[error("the target of CONNECT has no port: write host:443")]
    PortMissing,
    #[error("the target of CONNECT is a URL: write host:443")]
    ConnectUrl,
    #[error("the target of a CONNECT request holds a user name or password")]
    UserInTarget,
    #[error("the user name or password in the target is malformed")]
    UserInfo,
    #[error("this is a proxy: ask for a whole URL (http://host/path), or CONNECT host:port")]
    OriginForm,
    #[error("https URLs are reached by CONNECT host:443, not by asking for the URL")]
    HttpsScheme,
    #[error("only http and ftp URLs are understood here; other schemes are not")]
    UnknownScheme,
    #[error("this connection is for https URLs: ask for https://, or for the path alone")]
    NotHttps,
    #[error("the request reaches a server and not a proxy: CONNECT is not served here")]
    ConnectToOrigin,
    #[error("the only tunnel that :protocol may ask for here is a WebSocket")]
    UnknownProtocol,
    #[error("a CONNECT request must not have a body")]
    ConnectBody,
    #[error("a TRACE request must not have a body")]
    TraceBody,
    #[error("the expectation is not 100-continue")]
    Expectation,
    #[error("the body's chunks are malformed")]
    Chunk,
    #[error("the body ended before its length")]
    Truncated,
    #[error("the head did not come in time")]
    Timeout,
    #[error("the next part of the body did not come in time")]
    BodyTimeout,
}

impl BadRequest {
    /// The status of the response.
    pub fn status(self) -> u16 {
        match self {
            Self::LineTooLong => 414,
            // RFC 9110 §7.4: the connection does not fit the scheme.
            Self::NotHttps => 421,
            Self::HeadTooLong | Self::TooManyFields => 431,
            Self::MethodTooLong
            | Self::UnknownCoding
            | Self::UnknownScheme
            | Self::UnknownProtocol
            | Self::ConnectToOrigin => 501,
            Self::Version => 505,
            Self::Expectation => 417,
            Self::Timeout | Self::BodyTimeout => 408,
            _ => 400,
        }
    }
}
