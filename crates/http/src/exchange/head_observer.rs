//! Looks at the head of a final response before the client gets it: the place of what stores, decodes or judges a response.

use crate::head::{RequestHead, ResponseHead};
use crate::headers::response::ResponseStyle;

/// The head of a final response, and that of its request.
#[derive(Clone, Copy)]
pub struct SeenHead<'a> {
    pub request: &'a RequestHead,
    /// What the head points into.
    pub request_bytes: &'a [u8],
    pub response: &'a ResponseHead,
    pub bytes: &'a [u8],
    /// The whole body, where it has arrived with the head and goes on as it is.
    pub body: Option<&'a [u8]>,
    /// What the client gets of the response's fields.
    pub style: ResponseStyle<'a>,
}

/// Looks at the response of one exchange. Where there is none, an exchange costs one branch more.
pub trait HeadObserver: Send {
    /// Whether it takes the response: the exchange ends with [`Outcome::Taken`](super::Outcome), the origin's connection
    /// stands at the body's first byte, and the client has received nothing.
    fn takes(&mut self, seen: &SeenHead<'_>) -> bool;

    /// Field lines that a response which is not taken gets, each with its CRLF.
    fn lines(&self) -> &[u8];
}
