//! One end of a connection, and what is read from heads.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One end of a connection, with reads as the tests need them.
pub struct Peer {
    pub stream: TcpStream,
    pub seen: Vec<u8>,
    /// Of the last chunked body.
    pub trailers: String,
}

impl Peer {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            seen: Vec::new(),
            trailers: String::new(),
        }
    }

    pub async fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }

    pub async fn send(&mut self, text: impl AsRef<[u8]>) {
        // The other side may be gone by design.
        let _ = self.stream.write_all(text.as_ref()).await;
    }

    /// Sends each byte by itself.
    pub async fn drip(&mut self, text: impl AsRef<[u8]>) {
        self.stream.set_nodelay(true).unwrap();
        for byte in text.as_ref() {
            if self.stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn more(&mut self) -> bool {
        let mut piece = [0; 4096];
        match within(self.stream.read(&mut piece)).await {
            Ok(count) if count > 0 => {
                self.seen.extend_from_slice(&piece[..count]);
                true
            }
            _ => false,
        }
    }

    /// The next head, with the empty line; `None` at the end.
    pub async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.seen.windows(4).position(|piece| piece == b"\r\n\r\n") {
                let head = self.seen.drain(..at + 4).collect::<Vec<u8>>();
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Exactly this many bytes.
    pub async fn take(&mut self, count: usize) -> String {
        while self.seen.len() < count {
            assert!(self.more().await, "ended within {:?}", self.seen);
        }
        let bytes = self.seen.drain(..count).collect::<Vec<u8>>();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Head and body of a response with a length.
    pub async fn response(&mut self) -> (String, String) {
        let head = self.head().await.expect("a response");
        let length = field(&head, "content-length").map_or(0, |value| value.parse().unwrap());
        let body = self.take(length).await;
        (head, body)
    }

    async fn line(&mut self) -> String {
        loop {
            if let Some(at) = self.seen.windows(2).position(|piece| piece == b"\r\n") {
                let line = self.take(at + 2).await;
                return line.trim_end().to_owned();
            }
            assert!(self.more().await, "ended within a line");
        }
    }

    /// One chunk's data; empty: the last chunk, without trailers.
    pub async fn chunk(&mut self) -> String {
        let size = usize::from_str_radix(&self.line().await, 16).unwrap();
        let data = self.take(size).await;
        assert_eq!(self.line().await, "");
        data
    }

    /// A chunked body; its trailers are kept.
    pub async fn read_chunked(&mut self) -> String {
        let mut body = String::new();
        loop {
            let size = usize::from_str_radix(&self.line().await, 16).unwrap();
            if size == 0 {
                break;
            }
            body.push_str(&self.take(size).await);
            assert_eq!(self.line().await, "");
        }
        self.trailers.clear();
        loop {
            let line = self.line().await;
            if line.is_empty() {
                return body;
            }
            self.trailers.push_str(&line);
            self.trailers.push_str("\r\n");
        }
    }

    /// Everything until the end; panics on a reset.
    pub async fn rest(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.seen);
        within(self.stream.read_to_end(&mut rest)).await.unwrap();
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// Runs a future with the limit of all waits in tests.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("within 20 s")
}

/// A field's value in a head.
pub fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

pub fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}
