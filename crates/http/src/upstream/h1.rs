//! The origin's side of an exchange over HTTP/1: the whole connection is leased to one request.

use std::io;
use std::task::{Context, Poll};

use super::OriginConnection;
use crate::body::Buffer;
use crate::exchange::Upstream;
use crate::h1::reader::H1Source;
use crate::h1::writer::H1Sink;
use crate::head::response::BadResponse;
use crate::head::{BodyLength, ResponseHead};

impl Upstream for Box<OriginConnection> {
    type Source<'a>
        = H1Source<'a>
    where
        Self: 'a;
    type Sink<'a>
        = H1Sink<'a>
    where
        Self: 'a;

    fn sink(&mut self) -> H1Sink<'_> {
        H1Sink {
            writer: &mut self.state.get().writer,
            stream: &mut self.connected.stream,
        }
    }

    fn source(&mut self) -> H1Source<'_> {
        H1Source {
            reader: &mut self.state.get().reader,
            stream: &mut self.connected.stream,
            buffer: &mut self.buffer,
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        OriginConnection::poll_fill(self, cx)
    }

    fn parse_head(&mut self, response: &mut ResponseHead) -> Result<bool, BadResponse> {
        match &self.buffer {
            Some(buffer) => response.parse(buffer.filled(), &mut self.state.get().scan),
            None => Ok(false),
        }
    }

    fn head_bytes(&self) -> &[u8] {
        let buffer = self.buffer.as_ref();
        buffer.map(Buffer::filled).unwrap_or_default()
    }

    fn whole_body(&self, response: &ResponseHead, length: BodyLength) -> Option<&[u8]> {
        let length = match length {
            BodyLength::None => 0,
            BodyLength::Known(length) => usize::try_from(length).ok()?,
            BodyLength::Chunked | BodyLength::UntilClose => return None,
        };
        self.head_bytes().get(response.len..)?.get(..length)
    }

    fn consume_head(&mut self, response: &ResponseHead) {
        if let Some(buffer) = &mut self.buffer {
            buffer.consume(response.len);
        }
    }

    fn unused(&self) -> usize {
        self.head_bytes().len()
    }

    fn start_body(&mut self, length: BodyLength) {
        self.state.get().reader.start(length);
    }
}
