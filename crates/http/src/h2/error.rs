//! Errors of the h2 crate as those of a byte stream.

use std::io;

pub fn to_io(error: h2::Error) -> io::Error {
    match error.into_io() {
        Some(error) => error,
        None => io::Error::new(
            io::ErrorKind::ConnectionReset,
            "the HTTP/2 stream was reset",
        ),
    }
}
