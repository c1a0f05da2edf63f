//! The client's bytes while a handshake lasts: one read per flight, nothing read is ever lost.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use privet_net::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroize;

use super::head::Stop;
use super::parsed::Parsed;

/// Room for one read, in bytes. The longest message is 513 bytes (RFC 1929), so no more than twice this is ever held.
const READ: usize = 512;

/// A client and what it sent that nobody has looked at yet.
pub struct Inbox {
    client: Stream,
    held: BytesMut,
}

impl Inbox {
    pub fn new(client: Stream, first: Bytes) -> Self {
        let held = first
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&*shared));
        Self { client, held }
    }

    /// Waits for a whole message and takes it.
    pub async fn take<T>(&mut self, parse: fn(&[u8]) -> Parsed<T>) -> Result<T, Stop> {
        let (message, used) = self.wait(parse).await?;
        self.held.advance(used);
        Ok(message)
    }

    /// Waits for a whole message and leaves its bytes in place: they are the first `usize` of [`Inbox::held`].
    pub async fn wait<T>(&mut self, parse: fn(&[u8]) -> Parsed<T>) -> Result<(T, usize), Stop> {
        loop {
            match parse(&self.held) {
                Parsed::Whole(message, used) => return Ok((message, used)),
                Parsed::Wrong(fault) => return Err(Stop::Fault(fault)),
                Parsed::More => self.read().await?,
            }
        }
    }

    pub fn held(&self) -> &[u8] {
        &self.held
    }

    /// Takes the first `used` bytes and overwrites them: they hold a password.
    pub fn wipe(&mut self, used: usize) {
        if let Some(secret) = self.held.get_mut(..used) {
            secret.zeroize();
            self.held.advance(used);
        }
    }

    /// Sends a short message whole.
    pub async fn say(&mut self, message: &[u8]) -> Result<(), Stop> {
        self.client.write_all(message).await.map_err(|_| Stop::Gone)
    }

    /// The client, and what it sent beyond the handshake.
    pub fn into_parts(self) -> (Stream, Bytes) {
        (self.client, self.held.freeze())
    }

    async fn read(&mut self) -> Result<(), Stop> {
        self.held.reserve(READ);
        let read: io::Result<usize> = self.client.read_buf(&mut self.held).await;
        match read {
            Ok(1..) => Ok(()),
            Ok(0) | Err(_) => Err(Stop::Gone),
        }
    }
}
