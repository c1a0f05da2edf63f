//! The message that a body belongs to.

use std::net::IpAddr;

use bytes::Bytes;

use crate::decode::Coding;

/// Where a body goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From an origin to a client.
    Download,
    Upload,
}

/// The message that a body belongs to, as far as a scanner needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub direction: Direction,
    pub method: String,
    pub url: String,
    /// The status of the response; for a request 0.
    pub status: u16,
    pub media_type: String,
    /// The client's address.
    pub client: Option<IpAddr>,
}

impl Message {
    pub(crate) fn request_head(&self, len: usize) -> String {
        let authority = self.url.split('/').nth(2).unwrap_or_default();
        let (method, url) = (plain(&self.method), plain(&self.url));
        let mut head = format!("{method} {url} HTTP/1.1\r\nHost: {}\r\n", plain(authority));
        if self.direction == Direction::Upload {
            head += &self.body_fields(len);
        }
        head + "\r\n"
    }

    pub(crate) fn response_head(&self, len: usize) -> String {
        format!(
            "HTTP/1.1 {} OK\r\n{}\r\n",
            self.status,
            self.body_fields(len)
        )
    }

    fn body_fields(&self, len: usize) -> String {
        let media_type = match plain(&self.media_type) {
            text if text.is_empty() => "application/octet-stream".to_owned(),
            text => text,
        };
        format!("Content-Type: {media_type}\r\nContent-Length: {len}\r\n")
    }
}

/// Without control characters, cut at 4,096 characters.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(4096)
        .collect()
}

/// A body to be judged.
#[derive(Debug, Clone)]
pub struct Body {
    pub bytes: Bytes,
    /// In the order in which they were applied.
    pub codings: Vec<Coding>,
    pub message: Message,
}
