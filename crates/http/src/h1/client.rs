//! The client's side of an exchange over HTTP/1.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::thread::LocalKey;
use std::time::Duration;

use bytes::Bytes;
use privet_net::Stream;
use privet_net::reset_watch::ResetWatch;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::pooled::{Pool, Pooled, Reused};
use super::reader::{BodyReader, H1Source};
use super::writer::{H1Sink, KEPT_BYTES, MessageWriter, OutputFraming};
use crate::body::Buffer;
use crate::exchange::Downstream;
use crate::exchange::downstream::ClientWatch;
use crate::head::{BodyLength, ResponseHead};
use crate::headers::response::{self, ResponseRewrite, StoredResponse};

/// The limit for a client to read a response that was made here.
const WRITE: Duration = Duration::from_secs(10);
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
/// The limit for reading the body of a refused request.
const DRAIN: Duration = Duration::from_secs(5);

thread_local! {
    static POOL: Pool<ClientState> = const { Pool::new(Vec::new()) };
}

/// What one request needs to be received and its response to be sent.
#[derive(Default)]
pub struct ClientState {
    reader: BodyReader,
    writer: MessageWriter,
}

impl Reused for ClientState {
    fn pool() -> &'static LocalKey<Pool<Self>> {
        &POOL
    }

    fn clear(&mut self) {
        self.reader.start(BodyLength::None);
        self.writer.stop(KEPT_BYTES);
    }
}

/// Where the bytes of the current request's head are.
enum HeadBytes {
    /// At the start of the buffer, this many.
    Buffered(usize),
    Detached(Box<[u8]>),
    Released,
}

/// A client's connection.
pub struct H1Client {
    pub stream: Stream,
    /// Bytes of the client that were read and not used yet.
    pub inbound: Option<Buffer>,
    state: Pooled<ClientState>,
    head: HeadBytes,
    watch: ResetWatch,
}

impl H1Client {
    pub fn new(stream: Stream, inbound: Buffer) -> Self {
        Self {
            stream,
            inbound: Some(inbound),
            state: Pooled::none(),
            head: HeadBytes::Released,
            watch: ResetWatch::default(),
        }
    }

    /// Starts the request whose head is the first `head_len` bytes of `inbound`.
    pub fn start(&mut self, head_len: usize, body: BodyLength) {
        self.head = HeadBytes::Buffered(head_len);
        self.watch = ResetWatch::default();
        self.state.get().reader.start(body);
    }

    /// Drops the memory that only a running request needs.
    pub fn rest(&mut self) {
        self.inbound = None;
        self.state.give_back();
    }
}

impl Downstream for H1Client {
    type Source<'a>
        = H1Source<'a>
    where
        Self: 'a;
    type Sink<'a>
        = H1Sink<'a>
    where
        Self: 'a;
    type Watch<'a>
        = StreamWatch<'a>
    where
        Self: 'a;

    const HTTP_2: bool = false;

    fn head_bytes(&self) -> &[u8] {
        head_bytes(&self.head, &self.inbound)
    }

    fn head_and_watch(&mut self) -> (&[u8], StreamWatch<'_>) {
        let bytes = head_bytes(&self.head, &self.inbound);
        let watch = StreamWatch {
            stream: &mut self.stream,
            watch: &mut self.watch,
        };
        (bytes, watch)
    }

    fn detach_head(&mut self) {
        if let HeadBytes::Buffered(len) = self.head {
            let head: Box<[u8]> = self.head_bytes().get(..len).unwrap_or_default().into();
            self.release_head();
            self.head = HeadBytes::Detached(head);
        }
    }

    fn release_head(&mut self) {
        let HeadBytes::Buffered(len) = std::mem::replace(&mut self.head, HeadBytes::Released)
        else {
            return;
        };
        if let Some(buffer) = &mut self.inbound {
            buffer.consume(len);
            if buffer.is_empty() {
                self.inbound = None;
            }
        }
    }

    fn limit_body(&mut self, most: u64) {
        self.state.get().reader.limit(most);
    }

    fn source(&mut self) -> H1Source<'_> {
        H1Source {
            reader: &mut self.state.get().reader,
            stream: &mut self.stream,
            buffer: &mut self.inbound,
        }
    }

    fn sink(&mut self) -> H1Sink<'_> {
        H1Sink {
            writer: &mut self.state.get().writer,
            stream: &mut self.stream,
        }
    }

    fn start_response(
        &mut self,
        reply: &ResponseHead,
        bytes: &[u8],
        rewrite: &ResponseRewrite<'_>,
    ) -> u64 {
        let framing = if rewrite.chunked {
            OutputFraming::Chunked
        } else {
            OutputFraming::Plain
        };
        self.state.get().writer.start(framing, |out| {
            response::write(out, reply, bytes, rewrite);
        })
    }

    fn start_stored(&mut self, head: &StoredResponse<'_>) -> u64 {
        let framing = match head.chunked {
            true => OutputFraming::Chunked,
            false => OutputFraming::Plain,
        };
        let writer = &mut self.state.get().writer;
        writer.start(framing, |out| response::write_stored(out, head))
    }

    async fn send(&mut self, response: &[u8]) -> bool {
        send(&mut self.stream, response).await
    }

    async fn accept_tunnel(&mut self) -> bool {
        send(&mut self.stream, ESTABLISHED).await
    }

    async fn drain(&mut self, mut left: u64) -> bool {
        let (stream, inbound) = (&mut self.stream, &mut self.inbound);
        let drained = poll_fn(|cx| {
            loop {
                let buffer = inbound.get_or_insert_with(Buffer::small);
                let here = (buffer.filled().len() as u64).min(left);
                buffer.consume(here as usize);
                left -= here;
                if left == 0 {
                    return Poll::Ready(true);
                }
                match buffer.poll_fill(cx, stream) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(count)) if count > 0 => {}
                    Poll::Ready(_) => return Poll::Ready(false),
                }
            }
        });
        timeout(DRAIN, drained).await.unwrap_or(false)
    }

    fn take_preread(&mut self) -> Bytes {
        self.release_head();
        let preread = Bytes::copy_from_slice(self.head_bytes());
        self.inbound = None;
        preread
    }

    fn reset(&mut self) {
        self.stream.reset_on_close();
    }
}

fn head_bytes<'a>(head: &'a HeadBytes, inbound: &'a Option<Buffer>) -> &'a [u8] {
    match head {
        HeadBytes::Detached(head) => head,
        HeadBytes::Buffered(_) | HeadBytes::Released => {
            inbound.as_ref().map(Buffer::filled).unwrap_or_default()
        }
    }
}

/// Watches the connection for a reset.
pub struct StreamWatch<'a> {
    stream: &'a mut Stream,
    watch: &'a mut ResetWatch,
}

impl ClientWatch for StreamWatch<'_> {
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.watch.poll(cx, self.stream)
    }
}

/// Sends a response that was made here; `false`: the client is gone or too slow.
pub async fn send(stream: &mut Stream, response: &[u8]) -> bool {
    let sending = async {
        stream.write_all(response).await?;
        stream.flush().await
    };
    matches!(timeout(WRITE, sending).await, Ok(Ok(())))
}
