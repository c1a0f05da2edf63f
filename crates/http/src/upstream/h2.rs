//! The origin's side of an exchange over HTTP/2: one stream of a shared connection.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::ResponseFuture;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{Method, Request, Response, Uri};
use privet_net::{Connected, DialTimings, Stream};

use super::shared::{SharedConnected, SharedConnection};
use super::websocket;
use crate::exchange::Upstream;
use crate::h2::body::{Incoming, OutgoingRequest, insert};
use crate::h2::error::{Unprocessed, to_io, unprocessed_of};
use crate::h2::send::SendHalf;
use crate::h2::tunnel::H2Tunnel;
use crate::head::response::BadResponse;
use crate::head::scan::Scan;
use crate::head::{BodyLength, MAX_FIELDS, RequestHead, ResponseHead};
use crate::headers::request::{self, RequestRewrite};
use crate::headers::write_fields;

/// Why a request is no stream of a connection.
pub enum StreamError {
    /// HTTP/2 has no form for it.
    NoForm,
    /// The connection takes no more streams.
    Connection(io::Error),
}

/// One request on a shared connection.
pub struct H2Origin {
    /// Counts the request as one in flight.
    connected: SharedConnected,
    response: ResponseFuture,
    /// The last head as HTTP/1.1 would spell it.
    head: Vec<u8>,
    parsed: bool,
    answered: bool,
    head_only: bool,
    /// The answer to `Sec-WebSocket-Key` of a request that opens a tunnel (RFC 8441), if the origin accepts it.
    accept: Option<String>,
    incoming: Incoming,
    outgoing: OutgoingRequest,
    unprocessed: Option<Unprocessed>,
}

impl H2Origin {
    /// Opens a stream and sends the request's head.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn send(
        mut connection: SharedConnection,
        head: &RequestHead,
        bytes: &[u8],
        rewrite: &RequestRewrite<'_>,
        scheme: &str,
    ) -> Result<Self, StreamError> {
        let mut text = Vec::with_capacity(512);
        request::write(&mut text, head, bytes, rewrite);
        let size = text.len() as u64;
        let mut request = request_of(&text, scheme).ok_or(StreamError::NoForm)?;
        let accept = head.upgrades.then(|| websocket::extend(&mut request));
        let head_only = request.method() == Method::HEAD;
        // Some servers take a GET for one with a body where the head does not end the stream.
        let is_whole = head.body == BodyLength::None && accept.is_none();
        let (response, send) = connection
            .send
            .send_request(request, is_whole)
            .map_err(|error| StreamError::Connection(to_io(error)))?;
        let send = SendHalf::new(send, connection.budget);
        let mut outgoing = OutgoingRequest::new(send, size);
        if accept.is_some() || is_whole {
            outgoing.without_end();
        }
        Ok(Self {
            connected: connection.connected,
            response,
            head: Vec::new(),
            parsed: false,
            answered: false,
            head_only,
            accept,
            incoming: Incoming::default(),
            outgoing,
            unprocessed: None,
        })
    }

    /// Why the origin did nothing for the request, where it said so.
    pub fn unprocessed(&self) -> Option<Unprocessed> {
        self.unprocessed
    }

    fn failed(&mut self, error: h2::Error) -> io::Error {
        let error = to_io(error);
        self.unprocessed = unprocessed_of(&error);
        error
    }

    /// The stream as a tunnel, once the origin accepted it.
    pub fn into_tunnel(self) -> Option<Connected> {
        let recv = self.incoming.into_stream()?;
        let facts = self.connected.lock().ok()?;
        let (local, remote, route) = (facts.local, facts.remote, facts.route.clone());
        drop(facts);
        let tunnel = H2Tunnel::new(recv, self.outgoing.into_stream(), Some(self.connected));
        Some(Connected {
            stream: Stream::Boxed(Box::pin(tunnel)),
            preread: Bytes::new(),
            local,
            remote,
            route,
            timings: DialTimings::default(),
            absolute_form: None,
            alpn: None,
        })
    }

    /// The size of the request's head, before it is sent.
    pub fn head_size(&self) -> u64 {
        self.outgoing.head_size()
    }
}

/// The request that a head in HTTP/1.1 spells. `None`: HTTP/2 has no form for it.
fn request_of(text: &[u8], scheme: &str) -> Option<Request<()>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    if !parsed.parse(text).ok()?.is_complete() {
        return None;
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(parsed.method?.as_bytes()).ok()?;
    for field in parsed.headers.iter() {
        insert(request.headers_mut(), field.name.as_bytes(), field.value);
    }
    let headers = request.headers_mut();
    let host = headers.remove(HOST)?;
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(host.as_bytes())
        .path_and_query(parsed.path?)
        .build();
    *request.uri_mut() = uri.ok()?;
    *request.version_mut() = http::Version::HTTP_2;
    Some(request)
}

/// Writes a response's head as HTTP/1.1 would spell it. `length`: a line that says how the body is framed, where no field
/// says it.
fn write_head(out: &mut Vec<u8>, response: &Response<()>, framing: &[u8]) {
    out.clear();
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(response.status().as_str().as_bytes());
    out.extend_from_slice(b" \r\n");
    write_fields(out, response.headers());
    out.extend_from_slice(framing);
    out.extend_from_slice(b"\r\n");
}

impl Upstream for H2Origin {
    type Source<'a> = &'a mut Incoming;
    type Sink<'a> = &'a mut OutgoingRequest;

    fn sink(&mut self) -> &mut OutgoingRequest {
        &mut self.outgoing
    }

    fn source(&mut self) -> &mut Incoming {
        &mut self.incoming
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.parsed = false;
        if self.answered {
            return Poll::Ready(Ok(0));
        }
        if let Poll::Ready(Some(interim)) = self.response.poll_informational(cx) {
            let interim = interim.map_err(|error| self.failed(error))?;
            write_head(&mut self.head, &interim, b"");
            return Poll::Ready(Ok(self.head.len()));
        }
        let response = ready!(std::pin::Pin::new(&mut self.response).poll(cx));
        let response = response.map_err(|error| self.failed(error))?;
        self.answered = true;
        let (parts, recv) = response.into_parts();
        if let Some(accept) = self.accept.take_if(|_| parts.status.is_success()) {
            websocket::write_switch(&mut self.head, parts.headers, &accept);
            self.incoming = Incoming::new(recv);
            return Poll::Ready(Ok(self.head.len()));
        }
        let ended = recv.is_end_stream();
        let says_length = parts.headers.contains_key(CONTENT_LENGTH);
        let framing: &[u8] = match (says_length, ended) {
            (true, _) => b"",
            (false, false) => b"transfer-encoding: chunked\r\n",
            (false, true) if self.head_only => b"",
            (false, true) => b"content-length: 0\r\n",
        };
        write_head(&mut self.head, &Response::from_parts(parts, ()), framing);
        self.incoming = Incoming::new(recv);
        Poll::Ready(Ok(self.head.len()))
    }

    fn parse_head(&mut self, response: &mut ResponseHead) -> Result<bool, BadResponse> {
        if self.parsed || self.head.is_empty() {
            return Ok(false);
        }
        self.parsed = true;
        response.parse(&self.head, &mut Scan::default())
    }

    fn head_bytes(&self) -> &[u8] {
        &self.head
    }

    fn consume_head(&mut self, _: &ResponseHead) {
        self.head.clear();
    }

    fn unused(&self) -> usize {
        0
    }

    fn start_body(&mut self, length: BodyLength) {
        // What follows a switch belongs to the tunnel.
        let nothing = matches!(length, BodyLength::None | BodyLength::Known(0));
        if nothing && self.answered {
            self.incoming.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_loses_what_belongs_to_an_http_1_connection() {
        let text = b"POST /a?b HTTP/1.1\r\nHost: a.test:8080\r\nTransfer-Encoding: chunked\r\n\
            TE: trailers\r\nConnection: TE\r\nX-Y: z\r\n\r\n";
        let request = request_of(text, "http").unwrap();
        assert_eq!(request.uri(), "http://a.test:8080/a?b");
        let mut names: Vec<_> = request.headers().keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["te", "x-y"]);
        assert!(request_of(b"GET / HTTP/1.1\r\nX: y\r\n\r\n", "http").is_none());
    }

    #[test]
    fn paths_have_a_form_but_for_a_few_bytes_that_no_url_may_have() {
        use crate::head::TargetRule;
        let mut without = Vec::new();
        for byte in b'!'..=b'~' {
            let text = [
                b"GET /a",
                &[byte][..],
                b"b?c",
                &[byte],
                b"d HTTP/1.1\r\nHost: a.test\r\n\r\n",
            ]
            .concat();
            let mut head = RequestHead::default();
            let parsed = head.parse(&text, &mut Scan::default(), TargetRule::Origin);
            if parsed.is_ok_and(|whole| whole) && request_of(&text, "http").is_none() {
                without.push(byte);
            }
        }
        assert_eq!(without, b"\"<>`");
    }
}
