//! Asks a clamd (clamd(8)): `INSTREAM` in sessions, so that a connection serves many bodies, and `VERSION`.

pub mod reply;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use privet_net::Connector;
use tokio::time::timeout;

use self::reply::{Found, Version};
use crate::exchange::{exchange, invalid, read_until};
use crate::idle::{IdleConnections, Stream};
use crate::verdict::clean_name;

const CONNECT: Duration = Duration::from_secs(5);
const VERSION_LIMIT: Duration = Duration::from_secs(2);
/// Bytes in one chunk of a stream.
const CHUNK: usize = 1 << 20;
/// The longest reply, in bytes.
const MAX_REPLY: usize = 4096;
/// Bodies of one session: clamd counts commands.
const MAX_COMMANDS: u32 = 500;

/// A clamd that the configuration names.
pub struct Clamd {
    connector: Connector,
    /// Idle sessions, with the number of commands that each has had.
    idle: IdleConnections<u32>,
    version: Mutex<Option<Arc<Version>>>,
}

impl Clamd {
    pub fn new(connector: Connector) -> Self {
        Self {
            connector,
            idle: IdleConnections::default(),
            version: Mutex::default(),
        }
    }

    /// What it said of itself last.
    pub fn version(&self) -> Option<Arc<Version>> {
        self.version
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks for its version.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn ask_version(&self) -> io::Result<Arc<Version>> {
        let asking = async {
            let stream = self.connector.connect(CONNECT).await?;
            let (mut from, to) = tokio::io::split(stream);
            let reply = read_until(&mut from, b"\0", MAX_REPLY);
            let (reply, _) = exchange(to, &[b"zVERSION\0"], VERSION_LIMIT, reply).await?;
            reply::version(&reply).ok_or_else(|| invalid("clamd sent no version"))
        };
        let version = timeout(VERSION_LIMIT, asking)
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
        let version = Arc::new(version);
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = Some(version.clone());
        Ok(version)
    }

    /// The signature that matches a body. `io`: how long it may take no byte of it.
    ///
    /// # Errors
    /// It did not answer, or with something else than a verdict.
    pub async fn scan(&self, body: &[u8], io: Duration) -> io::Result<Option<Arc<str>>> {
        if let Some((stream, commands)) = self.idle.take() {
            match self.scan_on(stream, commands, body, io).await {
                Ok(found) => return self.verdict(found),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(error),
                // The session may have ended meanwhile.
                Err(_) => {}
            }
        }
        let stream = self.connector.connect(CONNECT).await?;
        let found = self.scan_on(stream, 0, body, io).await?;
        self.verdict(found)
    }

    fn verdict(&self, found: Found) -> io::Result<Option<Arc<str>>> {
        match found {
            Found::Nothing => Ok(None),
            Found::Signature(name) => Ok(Some(clean_name(&name))),
            Found::Error(text) => Err(invalid(format!("clamd: {}", clean_name(&text)))),
        }
    }

    async fn scan_on(
        &self,
        stream: Stream,
        commands: u32,
        body: &[u8],
        io: Duration,
    ) -> io::Result<Found> {
        let number = commands + 1;
        let (mut from, mut to) = tokio::io::split(stream);
        let reply = read_until(&mut from, b"\0", MAX_REPLY);
        let lengths: Vec<[u8; 4]> = body
            .chunks(CHUNK)
            .map(|chunk| u32::try_from(chunk.len()).unwrap_or_default().to_be_bytes())
            .collect();
        let mut pieces: Vec<&[u8]> = Vec::with_capacity(lengths.len() * 2 + 3);
        if commands == 0 {
            pieces.push(b"zIDSESSION\0");
        }
        pieces.push(b"zINSTREAM\0");
        for (length, chunk) in lengths.iter().zip(body.chunks(CHUNK)) {
            pieces.extend([&length[..], chunk]);
        }
        pieces.push(&[0; 4]);
        let (reply, sent) = exchange(&mut to, &pieces, io, reply).await?;
        let found = reply::scan(&reply, number).ok_or_else(|| invalid("clamd sent no verdict"))?;
        let reusable = sent && number < MAX_COMMANDS && !matches!(found, Found::Error(_));
        // A clean verdict on a body of which clamd has read a part only is none.
        if !sent && found == Found::Nothing {
            return Err(invalid("clamd answered before it had the whole body"));
        }
        if reusable {
            self.idle.give(from.unsplit(to), number);
        }
        Ok(found)
    }
}
