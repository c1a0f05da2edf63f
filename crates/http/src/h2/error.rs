//! Errors of the h2 crate as those of a byte stream.

use std::io;

use h2::Reason;

/// The peer says that it did nothing for the request (RFC 9113 section 8.7): any request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unprocessed {
    #[error("the server refused the stream before it looked at the request")]
    Refused,
    #[error("the server takes this request over HTTP/1.1 only")]
    NeedsHttp1,
}

pub fn to_io(error: h2::Error) -> io::Error {
    if let Some(unprocessed) = unprocessed(&error) {
        return io::Error::new(io::ErrorKind::ConnectionReset, unprocessed);
    }
    match error.into_io() {
        Some(error) => error,
        None => io::Error::new(
            io::ErrorKind::ConnectionReset,
            "the HTTP/2 stream was reset",
        ),
    }
}

/// GOAWAY is the error of those streams only that the peer says it did not begin.
fn unprocessed(error: &h2::Error) -> Option<Unprocessed> {
    match error.reason().filter(|_| error.is_remote())? {
        Reason::REFUSED_STREAM => Some(Unprocessed::Refused),
        Reason::HTTP_1_1_REQUIRED => Some(Unprocessed::NeedsHttp1),
        _ if error.is_go_away() => Some(Unprocessed::Refused),
        _ => None,
    }
}

/// What the peer said of the request, where that allows to send it again.
pub fn unprocessed_of(error: &io::Error) -> Option<Unprocessed> {
    error.get_ref()?.downcast_ref().copied()
}
