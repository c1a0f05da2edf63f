//! The client's bytes during the handshake: one read for all that arrived, nothing read is lost.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use privet_net::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroize;

use super::handshake_error::HandshakeError;
use super::parsed::Parsed;

/// Space for one read, in bytes. The longest message is 513 bytes (RFC 1929), so at most twice this is buffered.
const READ: usize = 512;

/// A client, and what it sent that is not parsed yet.
pub struct ReadBuffer {
    client: Stream,
    bytes: BytesMut,
}

impl ReadBuffer {
    /// `first`: what was read already.
    pub fn new(client: Stream, first: BytesMut) -> Self {
        Self {
            client,
            bytes: first,
        }
    }

    /// Waits for a whole message and removes it from the buffer.
    pub async fn take<T>(&mut self, parse: fn(&[u8]) -> Parsed<T>) -> Result<T, HandshakeError> {
        let (message, used) = self.wait(parse).await?;
        self.bytes.advance(used);
        Ok(message)
    }

    /// Waits for a whole message and leaves it in the buffer: the first `usize` of [`ReadBuffer::bytes`].
    pub async fn wait<T>(
        &mut self,
        parse: fn(&[u8]) -> Parsed<T>,
    ) -> Result<(T, usize), HandshakeError> {
        loop {
            match parse(&self.bytes) {
                Parsed::Complete(message, used) => return Ok((message, used)),
                Parsed::Invalid(error) => return Err(HandshakeError::Invalid(error)),
                Parsed::Incomplete => self.read().await?,
            }
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Removes the first `used` bytes and overwrites them: they hold a password.
    pub fn wipe(&mut self, used: usize) {
        if let Some(secret) = self.bytes.get_mut(..used) {
            secret.zeroize();
            self.bytes.advance(used);
        }
    }

    /// Sends a message.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), HandshakeError> {
        self.client
            .write_all(message)
            .await
            .map_err(|_| HandshakeError::Closed)
    }

    /// The client, and what it sent beyond the handshake.
    pub fn into_parts(self) -> (Stream, Bytes) {
        let rest = match self.bytes.is_empty() {
            // Not the emptied buffer, which would be kept with the tunnel.
            true => Bytes::new(),
            false => self.bytes.freeze(),
        };
        (self.client, rest)
    }

    async fn read(&mut self) -> Result<(), HandshakeError> {
        self.bytes.reserve(READ);
        let read: io::Result<usize> = self.client.read_buf(&mut self.bytes).await;
        match read {
            Ok(1..) => Ok(()),
            Ok(0) | Err(_) => Err(HandshakeError::Closed),
        }
    }
}
