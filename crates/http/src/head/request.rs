//! A request's head: parsed once, checked completely, kept as positions in the buffer. One value is reused for all
//! requests of a connection.

use std::mem::MaybeUninit;

use httparse::Header;
use privet_policy::Target;

use super::bad_request::BadRequest;
use super::connection::ConnectionOptions;
use super::field::MAX_FIELDS;
use super::field::{Field, FieldKind, Span, elements, is_token};
use super::framing::{BodyLength, Framing};
use super::method::{MAX_METHOD, Method};
use super::obsolete;
use super::request_fault::refusal;
use super::scan::{HeadRange, Scan};
use super::target::{self, LastAuthority, ParsedTarget, Scheme, TargetForm, TargetRule};
use super::version::Version;

/// A request head that passed every check.
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// Length of the head in the buffer, including an empty line in front.
    pub len: usize,
    pub method: Method,
    pub method_span: Span,
    pub version: Version,
    pub form: TargetForm,
    /// Of an absolute URL; http otherwise.
    pub scheme: Scheme,
    /// Absent for `OPTIONS *`.
    pub target: Option<Target>,
    pub fields: Vec<Field>,
    pub body: BodyLength,
    pub connection: ConnectionOptions,
    pub expects_continue: bool,
    /// `Upgrade` and `Connection: upgrade` in HTTP/1.1, to anything but another version of HTTP and TLS.
    pub upgrades: bool,
    /// `TE: trailers`.
    pub takes_trailers: bool,
    /// `Accept` names JSON and not HTML: error responses are sent as JSON.
    pub wants_json: bool,
    /// Read for TRACE and OPTIONS only (RFC 9110 §7.6.2).
    pub max_forwards: Option<u64>,
    pub proxy_authorization: Option<Span>,
    /// The value of `Authorization` that stands for a user name and password in the target. Absent where the request
    /// has that field itself.
    pub authorization: Option<String>,
    /// The path in percent-encoding, where the target holds bytes that are not ASCII; empty otherwise.
    encoded_path: Vec<u8>,
    last_authority: LastAuthority,
}

impl Default for RequestHead {
    fn default() -> Self {
        Self {
            len: 0,
            method: Method::Get,
            method_span: Span::default(),
            version: Version::Http11,
            form: TargetForm::Asterisk,
            scheme: Scheme::Http,
            target: None,
            fields: Vec::new(),
            body: BodyLength::None,
            connection: ConnectionOptions::default(),
            expects_continue: false,
            upgrades: false,
            takes_trailers: false,
            wants_json: false,
            max_forwards: None,
            proxy_authorization: None,
            authorization: None,
            encoded_path: Vec::new(),
            last_authority: LastAuthority::default(),
        }
    }
}

impl RequestHead {
    /// Parses the head at the start of the buffer. `false`: more bytes are needed; call again with the same `scan`
    /// and a longer buffer.
    pub fn parse(
        &mut self,
        buffer: &[u8],
        scan: &mut Scan,
        rule: TargetRule,
    ) -> Result<bool, BadRequest> {
        let Some(range) = scan.advance(buffer)? else {
            return Ok(false);
        };
        *scan = Scan::default();
        self.parse_whole(buffer, range, rule)?;
        Ok(true)
    }

    /// Whether the connection may take another request after this one.
    pub fn keeps_alive(&self) -> bool {
        self.version == Version::Http11 && !self.connection.close
    }

    /// The path and query of an absolute URL, in ASCII. Empty where the URL ends after its host.
    pub fn path<'a>(&'a self, buffer: &'a [u8]) -> &'a [u8] {
        match &self.form {
            TargetForm::Url { .. } if !self.encoded_path.is_empty() => &self.encoded_path,
            TargetForm::Url { path } => path.of_buffer(buffer),
            TargetForm::Authority | TargetForm::Asterisk => b"",
        }
    }

    fn parse_whole(
        &mut self,
        buffer: &[u8],
        range: HeadRange,
        rule: TargetRule,
    ) -> Result<(), BadRequest> {
        let line = match self.parse_lines(buffer, range) {
            Err(bad @ (BadRequest::RequestLine | BadRequest::Version)) => {
                let plain = obsolete::plain_request(buffer, range).ok_or(bad)?;
                self.parse_lines(&plain, range)?
            }
            result => result?,
        };
        let line = line.of_buffer(buffer);
        let host = self.host(buffer);
        let last = &mut self.last_authority;
        let parsed = match rule {
            TargetRule::Proxy => target::parse(line, self.method, buffer, last)?,
            TargetRule::Origin => {
                target::parse_for_origin(line, self.method, buffer, host, Scheme::Http, last)?
            }
            TargetRule::TlsOrigin => {
                target::parse_for_origin(line, self.method, buffer, host, Scheme::Https, last)?
            }
        };
        self.take_target(parsed, buffer)?;
        self.check_body()
    }

    /// The value of `Host`.
    pub fn host<'a>(&self, buffer: &'a [u8]) -> Option<&'a [u8]> {
        let mut fields = self.fields.iter();
        let field = fields.find(|field| field.kind == FieldKind::Host)?;
        Some(field.value.of_buffer(buffer))
    }

    fn take_target(&mut self, parsed: ParsedTarget<'_>, buffer: &[u8]) -> Result<(), BadRequest> {
        if parsed.scheme == Scheme::WebSocket && !self.upgrades {
            return Err(BadRequest::UnknownScheme);
        }
        self.authorization = match parsed.user_info {
            Some(user_info) => obsolete::basic_authorization(user_info)?,
            None => None,
        };
        if self.authorization.is_some() && self.has_field(FieldKind::Authorization) {
            self.authorization = None;
        }
        self.form = parsed.form;
        self.scheme = parsed.scheme;
        self.target = parsed.target;
        self.encoded_path.clear();
        if let TargetForm::Url { path } = self.form
            && !path.of_buffer(buffer).is_ascii()
        {
            obsolete::percent_encode(&mut self.encoded_path, path.of_buffer(buffer));
        }
        Ok(())
    }

    fn has_field(&self, kind: FieldKind) -> bool {
        self.fields.iter().any(|field| field.kind == kind)
    }

    /// Parses the request line and the fields. Returns where the target is.
    fn parse_lines(&mut self, buffer: &[u8], range: HeadRange) -> Result<Span, BadRequest> {
        let head = buffer.get(range.skip..range.end).unwrap_or_default();
        let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_FIELDS];
        let mut parsed = httparse::Request::new(&mut []);
        let status = parsed
            .parse_with_uninit_headers(head, &mut headers)
            .map_err(|error| refusal(error, head))?;
        if !status.is_complete() {
            return Err(BadRequest::RequestLine);
        }
        let method = parsed.method.unwrap_or_default().as_bytes();
        if method.len() > MAX_METHOD {
            return Err(BadRequest::MethodTooLong);
        }
        self.len = range.end;
        self.method = Method::of(method);
        self.method_span = Span::of(buffer, method);
        self.version = Version::of(parsed.version);
        self.fields.clear();
        for header in parsed.headers.iter() {
            self.fields.push(Field {
                name: Span::of(buffer, header.name.as_bytes()),
                value: Span::of(buffer, header.value),
                kind: FieldKind::of(header.name.as_bytes()),
            });
        }
        self.read_fields(buffer)?;
        Ok(Span::of(buffer, parsed.path.unwrap_or_default().as_bytes()))
    }

    fn read_fields(&mut self, buffer: &[u8]) -> Result<(), BadRequest> {
        let mut framing = Framing::default();
        let mut hosts = 0;
        let (mut upgrade, mut refused) = (false, false);
        self.clear_fields();
        for field in &self.fields {
            let value = field.value.of_buffer(buffer);
            match field.kind {
                FieldKind::Other | FieldKind::UserAgent => {}
                FieldKind::Accept => {
                    self.wants_json |=
                        contains(value, b"application/json") && !contains(value, b"html");
                }
                FieldKind::Host => {
                    hosts += 1;
                    if !self.last_authority.is_host_value(value) {
                        return Err(BadRequest::HostMalformed);
                    }
                }
                FieldKind::ContentLength | FieldKind::TransferEncoding => {
                    framing.take(field, buffer)?;
                }
                FieldKind::Connection | FieldKind::ProxyConnection => self
                    .connection
                    .take(value, buffer)
                    .map_err(|_| BadRequest::Connection)?,
                FieldKind::Expect => {
                    if !value.eq_ignore_ascii_case(b"100-continue") {
                        return Err(BadRequest::Expectation);
                    }
                    self.expects_continue = true;
                }
                FieldKind::Te => {
                    self.takes_trailers |=
                        elements(value).any(|coding| coding.eq_ignore_ascii_case(b"trailers"));
                }
                FieldKind::Upgrade => {
                    if !elements(value).all(is_protocol) {
                        return Err(BadRequest::Upgrade);
                    }
                    refused |= elements(value).any(is_refused_protocol);
                    upgrade = !refused;
                }
                FieldKind::MaxForwards
                    if matches!(self.method, Method::Options | Method::Trace) =>
                {
                    if self.max_forwards.is_some() {
                        return Err(BadRequest::MaxForwards);
                    }
                    let hops = super::framing::decimal(value).ok_or(BadRequest::MaxForwards)?;
                    self.max_forwards = Some(hops);
                }
                FieldKind::ProxyAuthorization => self.proxy_authorization = Some(field.value),
                _ => {}
            }
        }
        self.check_host(hosts)?;
        self.set_body(framing, upgrade)
    }

    /// Removes what the fields of the request before said.
    fn clear_fields(&mut self) {
        self.connection.clear();
        self.expects_continue = false;
        self.takes_trailers = false;
        self.wants_json = false;
        self.max_forwards = None;
        self.proxy_authorization = None;
    }

    fn check_host(&self, hosts: usize) -> Result<(), BadRequest> {
        match hosts {
            0 if self.version == Version::Http11 => Err(BadRequest::HostMissing),
            0 | 1 => Ok(()),
            _ => Err(BadRequest::HostTwice),
        }
    }

    fn set_body(&mut self, framing: Framing, upgrade: bool) -> Result<(), BadRequest> {
        self.body = match (framing.length, framing.chunked) {
            (_, true) if self.version == Version::Http10 => return Err(BadRequest::CodingInHttp10),
            (_, true) => BodyLength::Chunked,
            (Some(length), false) => BodyLength::Known(length),
            (None, false) => BodyLength::None,
        };
        let modern = self.version == Version::Http11;
        // An HTTP/1.0 client cannot handle a 100 (RFC 9110 §10.1.1).
        self.expects_continue &= modern && self.has_body();
        self.upgrades = upgrade && self.connection.upgrade && modern;
        Ok(())
    }

    fn check_body(&self) -> Result<(), BadRequest> {
        match self.method {
            Method::Connect if self.has_body() => Err(BadRequest::ConnectBody),
            Method::Trace if self.has_body() => Err(BadRequest::TraceBody),
            _ => Ok(()),
        }
    }

    /// Whether bytes of a body follow the head.
    pub fn has_body(&self) -> bool {
        !matches!(self.body, BodyLength::None | BodyLength::Known(0))
    }
}

fn contains(value: &[u8], piece: &[u8]) -> bool {
    memchr::memmem::find(value, piece).is_some()
}

/// Protocols that a connection is not switched to: what follows would be requests that are not looked at.
fn is_refused_protocol(element: &[u8]) -> bool {
    let name = element.split(|&byte| byte == b'/').next();
    [&b"h2c"[..], b"HTTP", b"TLS"]
        .iter()
        .any(|refused| name.is_some_and(|name| name.eq_ignore_ascii_case(refused)))
}

/// `token` or `token/token` (RFC 9110 §7.8).
pub(super) fn is_protocol(element: &[u8]) -> bool {
    let mut pieces = element.splitn(2, |&byte| byte == b'/');
    pieces.all(is_token)
}

#[cfg(test)]
#[path = "request_tests/mod.rs"]
mod tests;
