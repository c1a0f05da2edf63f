//! The body of an HTTP/2 message that is received, and the message that is sent in return.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use super::error::to_io;
use super::send::{SendBudget, SendHalf};
use crate::body::{BodyError, BodySink, BodySource, Piece, SourceError, trailers};
use crate::headers::write_fields;

/// What is received of a body.
#[derive(Default)]
pub struct Incoming {
    /// `None`: there is no body.
    recv: Option<RecvStream>,
    chunk: Bytes,
    ended: bool,
    trailers: Vec<u8>,
    /// Bytes of the body that may still come.
    left: u64,
}

impl Incoming {
    pub fn new(recv: RecvStream) -> Self {
        Self {
            ended: recv.is_end_stream(),
            recv: Some(recv),
            chunk: Bytes::new(),
            trailers: Vec::new(),
            left: u64::MAX,
        }
    }

    /// Limits the body, before any of it is read.
    pub fn limit(&mut self, most: u64) {
        self.left = most;
    }

    /// Reads no more of the stream.
    pub fn end(&mut self) {
        self.ended = true;
    }

    pub fn into_stream(self) -> Option<RecvStream> {
        self.recv
    }

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        let received = match &mut self.recv {
            Some(recv) => ready!(recv.poll_trailers(cx)).map_err(read_error)?,
            None => None,
        };
        if let Some(fields) = received {
            write_fields(&mut self.trailers, &fields);
        }
        self.ended = true;
        Poll::Ready(Ok(()))
    }
}

fn read_error(error: h2::Error) -> SourceError {
    SourceError::Read(to_io(error))
}

impl BodySource for &mut Incoming {
    fn next_piece(&mut self) -> Result<bool, BodyError> {
        Ok(self.ended || !self.chunk.is_empty() || self.recv.is_none())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        let Some(recv) = &mut self.recv else {
            self.ended = true;
            return Poll::Ready(Ok(()));
        };
        match ready!(recv.poll_data(cx)) {
            Some(Ok(chunk)) => {
                let left = self.left.checked_sub(chunk.len() as u64);
                self.left = left.ok_or(SourceError::Body(BodyError::TooLarge))?;
                self.chunk = chunk;
                self.ended = recv.is_end_stream();
                Poll::Ready(Ok(()))
            }
            Some(Err(error)) => Poll::Ready(Err(read_error(error))),
            None => self.poll_trailers(cx),
        }
    }

    fn piece(&self) -> &[u8] {
        &self.chunk
    }

    /// Gives the sender as much window as was passed on.
    fn consume(&mut self) {
        let count = std::mem::take(&mut self.chunk).len();
        if let Some(recv) = self.recv.as_mut().filter(|_| count > 0) {
            // It fails only where the stream is gone; the next read says so.
            let _ = recv.flow_control().release_capacity(count);
        }
    }

    fn is_done(&self) -> bool {
        self.ended || self.recv.is_none()
    }

    fn trailers(&self) -> &[u8] {
        &self.trailers
    }
}

/// A head that waits to be sent.
pub enum QueuedHead {
    Interim(Response<()>),
    Final(Response<()>),
    /// The stream stays open: it becomes a tunnel.
    Tunnel(Response<()>),
}

/// The bytes of a head as HTTP/1 would send them: those on the wire are not known.
fn size(head: &QueuedHead) -> u64 {
    let (QueuedHead::Interim(head) | QueuedHead::Final(head) | QueuedHead::Tunnel(head)) = head;
    let fields = head.headers().iter();
    let bytes: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    bytes as u64 + 15
}

/// What ends the message.
enum End {
    Open,
    Last,
    Trailers(HeaderMap),
}

/// The end of a message with these trailer lines.
///
/// # Errors
/// They are malformed.
fn end_of(lines: Option<&[u8]>) -> Result<End, BodyError> {
    let mut fields = HeaderMap::new();
    match lines {
        None => return Ok(End::Open),
        Some([]) => return Ok(End::Last),
        Some(lines) => trailers::for_each(lines, |name, value| insert(&mut fields, name, value))
            .map_err(|_| BodyError::Chunk)?,
    }
    Ok(if fields.is_empty() {
        End::Last
    } else {
        End::Trailers(fields)
    })
}

/// The body of a message that is sent.
struct DataWriter {
    end: End,
    /// Bytes of the current piece that were sent.
    sent: usize,
}

impl DataWriter {
    const fn new() -> Self {
        Self {
            end: End::Open,
            sent: 0,
        }
    }

    /// Sends as much of a piece as the peer's window takes, then the end.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        send: &mut SendHalf,
        piece: &[u8],
        moved: &mut u64,
    ) -> Poll<io::Result<()>> {
        while self.sent < piece.len() {
            let rest = piece.get(self.sent..).unwrap_or_default();
            let last = matches!(self.end, End::Last);
            let sent = ready!(send.poll_send(cx, rest, last))?;
            self.sent += sent;
            *moved += sent as u64;
            if last && sent == rest.len() {
                self.end = End::Open;
            }
        }
        Poll::Ready(match std::mem::replace(&mut self.end, End::Open) {
            End::Open => Ok(()),
            End::Last => send.end(),
            End::Trailers(fields) => send.end_with(fields),
        })
    }
}

/// A response that is sent.
pub struct Outgoing {
    respond: SendResponse<Bytes>,
    budget: SendBudget,
    send: Option<SendHalf>,
    head: Option<QueuedHead>,
    /// Bytes of `head`.
    head_size: u64,
    /// The head that was sent last leaves the stream open, whatever follows.
    keeps_open: bool,
    data: DataWriter,
    started: bool,
}

impl Outgoing {
    pub fn new(respond: SendResponse<Bytes>, budget: SendBudget) -> Self {
        Self {
            respond,
            budget,
            send: None,
            head: None,
            head_size: 0,
            keeps_open: false,
            data: DataWriter::new(),
            started: false,
        }
    }

    /// Returns the size of the head.
    pub fn queue(&mut self, head: QueuedHead) -> u64 {
        self.head_size = size(&head);
        self.keeps_open = !matches!(head, QueuedHead::Final(_));
        self.head = Some(head);
        self.data = DataWriter::new();
        // An interim response may have been sent before: it is a message of its own.
        self.started = false;
        self.head_size
    }

    /// Ready once the client reset the stream or its connection ended.
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let reset = match &mut self.send {
            Some(send) => send.poll_reset(cx),
            None => self.respond.poll_reset(cx),
        };
        reset.map(|reason| match reason {
            Ok(reason) => io::Error::new(
                io::ErrorKind::ConnectionReset,
                format!("the client reset its stream ({reason})"),
            ),
            Err(error) => to_io(error),
        })
    }

    pub fn reset(&mut self, reason: Reason) {
        match &mut self.send {
            Some(send) => send.reset(reason),
            None => self.respond.send_reset(reason),
        }
    }

    pub fn into_stream(self) -> Option<SendHalf> {
        self.send
    }

    fn send_head(&mut self, ends: bool, moved: &mut u64) -> io::Result<()> {
        let Some(head) = self.head.take() else {
            return Ok(());
        };
        *moved += self.head_size;
        self.started = true;
        let (head, ends) = match head {
            QueuedHead::Interim(head) => {
                return self.respond.send_informational(head).map_err(to_io);
            }
            QueuedHead::Final(head) => (head, ends),
            QueuedHead::Tunnel(head) => (head, false),
        };
        let send = self.respond.send_response(head, ends).map_err(to_io)?;
        self.send = Some(SendHalf::new(send, self.budget.clone()));
        Ok(())
    }
}

impl BodySink for &mut Outgoing {
    fn has_queued(&self) -> bool {
        self.head.is_some()
    }

    fn frame(&mut self, _: &[u8], lines: Option<&[u8]>) -> Result<Piece, BodyError> {
        self.data.sent = 0;
        self.data.end = end_of(lines.filter(|_| !self.keeps_open))?;
        Ok(Piece::Borrowed)
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        piece: &[u8],
        moved: &mut u64,
    ) -> Poll<io::Result<()>> {
        if self.head.is_some() {
            let ends = piece.is_empty() && matches!(self.data.end, End::Last);
            self.send_head(ends, moved)?;
            if ends {
                self.data.end = End::Open;
            }
        }
        match &mut self.send {
            Some(send) => self.data.poll_write(cx, send, piece, moved),
            None => Poll::Ready(Ok(())),
        }
    }

    fn has_started(&self) -> bool {
        self.started
    }
}

/// A request that is sent; its head went out when the stream was opened.
pub struct OutgoingRequest {
    send: SendHalf,
    /// Nothing behind the head ends the stream: the head did, or it becomes a tunnel.
    no_end: bool,
    /// Bytes of the head that are not counted yet.
    head: u64,
    data: DataWriter,
}

impl OutgoingRequest {
    /// `head`: the bytes of the head that was sent.
    pub fn new(send: SendHalf, head: u64) -> Self {
        Self {
            send,
            no_end: false,
            head,
            data: DataWriter::new(),
        }
    }

    /// No end is sent: the head ended the stream, or it becomes a tunnel.
    pub fn without_end(&mut self) {
        self.no_end = true;
    }

    pub fn into_stream(self) -> SendHalf {
        self.send
    }

    /// The size of a head that is not counted yet.
    pub fn head_size(&self) -> u64 {
        self.head
    }
}

impl BodySink for &mut OutgoingRequest {
    fn has_queued(&self) -> bool {
        self.head > 0
    }

    fn frame(&mut self, _: &[u8], lines: Option<&[u8]>) -> Result<Piece, BodyError> {
        self.data.sent = 0;
        self.data.end = end_of(lines.filter(|_| !self.no_end))?;
        Ok(Piece::Borrowed)
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        piece: &[u8],
        moved: &mut u64,
    ) -> Poll<io::Result<()>> {
        *moved += std::mem::take(&mut self.head);
        self.data.poll_write(cx, &mut self.send, piece, moved)
    }

    fn has_started(&self) -> bool {
        true
    }
}

/// Adds a field. One that HTTP/2 cannot express is left out; the parser of HTTP/1 lets none through.
pub fn insert(fields: &mut HeaderMap, name: &[u8], value: &[u8]) {
    if let (Ok(name), Ok(value)) = (
        HeaderName::from_bytes(name),
        HeaderValue::from_bytes(value.trim_ascii()),
    ) {
        fields.append(name, value);
    }
}
