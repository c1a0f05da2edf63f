//! The client's side of an exchange over HTTP/2: one stream.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use privet_net::Stream;
use tokio::time::timeout;

use super::body::{Incoming, Outgoing, QueuedHead, insert};
use super::send::SendBudget;
use super::tunnel::H2Tunnel;
use crate::body::BodySink;
use crate::exchange::Downstream;
use crate::exchange::downstream::ClientWatch;
use crate::head::scan::Scan;
use crate::head::{FieldKind, ResponseHead};
use crate::headers::response::{self, ResponseRewrite, StoredResponse};
use crate::headers::via;
use crate::scanning::range::SelectedRange;

/// The limit for a client to take a response that was made here.
const WRITE: Duration = Duration::from_secs(10);

/// One stream of a client's connection.
pub struct H2Client {
    /// The request's head as HTTP/1.1 would spell it.
    head: Vec<u8>,
    incoming: Incoming,
    outgoing: Outgoing,
}

impl H2Client {
    pub fn new(
        head: Vec<u8>,
        recv: RecvStream,
        respond: SendResponse<Bytes>,
        budget: SendBudget,
    ) -> Self {
        Self {
            head,
            incoming: Incoming::new(recv),
            outgoing: Outgoing::new(respond, budget),
        }
    }

    /// The request has no body: what follows its head belongs to the tunnel that its stream becomes.
    pub fn without_body(&mut self) {
        self.incoming.end();
    }

    /// The stream as a tunnel, once its head is sent.
    pub fn into_stream(self) -> Option<Stream> {
        let recv = self.incoming.into_stream()?;
        let send = self.outgoing.into_stream()?;
        Some(Stream::Boxed(Box::pin(H2Tunnel::new(recv, send, None))))
    }

    async fn send_all(&mut self, body: &[u8]) -> io::Result<()> {
        let mut sink = &mut self.outgoing;
        let sent = sink.frame(body, Some(&[])).map_err(io::Error::other);
        sent?;
        let mut moved = 0;
        poll_fn(|cx| sink.poll_write(cx, body, &mut moved)).await
    }
}

impl Downstream for H2Client {
    type Source<'a> = &'a mut Incoming;
    type Sink<'a> = &'a mut Outgoing;
    type Watch<'a> = StreamWatch<'a>;

    const HTTP_2: bool = true;

    fn head_bytes(&self) -> &[u8] {
        &self.head
    }

    fn head_and_watch(&mut self) -> (&[u8], StreamWatch<'_>) {
        (&self.head, StreamWatch(&mut self.outgoing))
    }

    fn detach_head(&mut self) {}

    fn release_head(&mut self) {}

    fn limit_body(&mut self, most: u64) {
        self.incoming.limit(most);
    }

    fn source(&mut self) -> &mut Incoming {
        &mut self.incoming
    }

    fn sink(&mut self) -> &mut Outgoing {
        &mut self.outgoing
    }

    fn start_response(
        &mut self,
        reply: &ResponseHead,
        bytes: &[u8],
        rewrite: &ResponseRewrite<'_>,
    ) -> u64 {
        let mut head = Response::new(());
        let status = rewrite.part.map_or(reply.status, SelectedRange::status);
        *head.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        let fields = head.headers_mut();
        write_fields(fields, reply, bytes, rewrite);
        self.outgoing.queue(match reply.status {
            101 => {
                // RFC 8441 §5: success is what 101 is in HTTP/1.
                fields.remove("sec-websocket-accept");
                *head.status_mut() = StatusCode::OK;
                QueuedHead::Tunnel(head)
            }
            status if status < 200 => QueuedHead::Interim(head),
            _ => QueuedHead::Final(head),
        })
    }

    fn start_stored(&mut self, stored: &StoredResponse<'_>) -> u64 {
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let fields = head.headers_mut();
        insert_lines(fields, stored.stored);
        insert_lines(fields, stored.own);
        if let Some(length) = stored.length.filter(|_| !stored.chunked) {
            insert_length(fields, length);
        }
        if stored.via {
            insert_via(fields);
        }
        self.outgoing.queue(QueuedHead::Final(head))
    }

    /// `response`: head and body as HTTP/1 would send them.
    async fn send(&mut self, response: &[u8]) -> bool {
        let mut reply = ResponseHead::default();
        let Ok(true) = reply.parse(response, &mut Scan::default()) else {
            self.outgoing.reset(Reason::INTERNAL_ERROR);
            return false;
        };
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
        for field in &reply.fields {
            if field.kind != FieldKind::Connection {
                let name = field.name.of_buffer(response);
                insert(head.headers_mut(), name, field.value.of_buffer(response));
            }
        }
        self.outgoing.queue(QueuedHead::Final(head));
        let body = response.get(reply.len..).unwrap_or_default();
        matches!(timeout(WRITE, self.send_all(body)).await, Ok(Ok(())))
    }

    async fn accept_tunnel(&mut self) -> bool {
        self.outgoing.queue(QueuedHead::Tunnel(Response::new(())));
        matches!(timeout(WRITE, self.send_all(&[])).await, Ok(Ok(())))
    }

    /// What the client still sends is dropped with the stream.
    async fn drain(&mut self, _: u64) -> bool {
        true
    }

    fn take_preread(&mut self) -> Bytes {
        Bytes::new()
    }

    fn reset(&mut self) {
        self.outgoing.reset(Reason::INTERNAL_ERROR);
    }
}

fn write_fields(
    fields: &mut HeaderMap,
    reply: &ResponseHead,
    bytes: &[u8],
    rewrite: &ResponseRewrite<'_>,
) {
    let own_type = rewrite.has_own_type();
    response::for_each_field(reply, bytes, rewrite.style, false, |name, value| {
        if !(own_type && name.eq_ignore_ascii_case(b"content-type")) {
            insert(fields, name, value);
        }
    });
    // "chunked" says that the length is not known.
    if !rewrite.chunked
        && let Some(length) = response::announced_length(reply, rewrite)
    {
        insert_length(fields, length);
    }
    if rewrite.style.adds_via() && !reply.is_interim() {
        insert_via(fields);
    }
    if let Some(part) = rewrite.part {
        let (name, value) = part.field();
        insert(fields, name, value);
    }
    insert_lines(fields, rewrite.lines);
}

fn insert_length(fields: &mut HeaderMap, length: u64) {
    fields.append(CONTENT_LENGTH, HeaderValue::from(length));
}

fn insert_via(fields: &mut HeaderMap) {
    insert(fields, b"via", format!("1.1 {}", via::name()).as_bytes());
}

/// Adds field lines, each with its CRLF.
fn insert_lines(fields: &mut HeaderMap, lines: &[u8]) {
    for line in lines.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some((name, value)) =
            memchr::memchr(b':', line).and_then(|at| line.split_at_checked(at))
        {
            insert(fields, name, value.get(1..).unwrap_or_default());
        }
    }
}

/// Watches the stream for a reset.
pub struct StreamWatch<'a>(&'a mut Outgoing);

impl ClientWatch for StreamWatch<'_> {
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.0.poll_reset(cx)
    }
}
