//! Reads one reply of a hop with few reads and bounded memory.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Replies are short: a SOCKS reply always fits, an HTTP head nearly always.
const FIRST_ROOM: usize = 512;

/// The bytes violate the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedReply(pub &'static str);

#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplyError {
    #[error("broke the connection")]
    Io(io::Error),
    #[error("closed the connection without an answer")]
    Closed,
    #[error("sent a malformed reply: {0}")]
    MalformedReply(#[from] MalformedReply),
    #[error("answered with more than a reply may hold")]
    TooLong,
}

/// Reads until `parse` finds a complete reply. Returns it with the bytes behind it. `parse` gets all bytes so far and
/// returns the length of the reply.
pub(crate) async fn read_reply<T>(
    stream: &mut (impl AsyncRead + Unpin),
    bound: usize,
    parse: impl Fn(&[u8]) -> Result<Option<(T, usize)>, MalformedReply>,
) -> Result<(T, Bytes), ReplyError> {
    let mut buffer = BytesMut::with_capacity(FIRST_ROOM.min(bound));
    loop {
        if buffer.len() >= bound {
            return Err(ReplyError::TooLong);
        }
        if stream.read_buf(&mut buffer).await.map_err(ReplyError::Io)? == 0 {
            return Err(ReplyError::Closed);
        }
        if let Some((reply, taken)) = parse(&buffer)? {
            let excess = buffer.split_off(taken.min(buffer.len()));
            return Ok((reply, excess.freeze()));
        }
    }
}
