//! Finds the end of a body, whichever way its head framed it.

use super::chunked::ChunkedDecoder;
pub use super::chunked::DecodedPiece;
use crate::head::BodyLength;

/// Decodes one body.
#[derive(Debug, Clone)]
pub enum BodyDecoder {
    /// Bytes that are left.
    Known(u64),
    Chunked(ChunkedDecoder),
    UntilClose {
        ended: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the body's chunks are malformed")]
    Chunk,
    #[error("the connection ended before the body did")]
    Truncated,
    #[error("the body is larger than is accepted")]
    TooLarge,
    #[error("a scan stopped the body")]
    Refused,
}

impl BodyDecoder {
    pub fn new(length: BodyLength) -> Self {
        match length {
            BodyLength::None => Self::Known(0),
            BodyLength::Known(bytes) => Self::Known(bytes),
            BodyLength::Chunked => Self::Chunked(ChunkedDecoder::default()),
            BodyLength::UntilClose => Self::UntilClose { ended: false },
        }
    }

    /// Finds the body's data in `input`. Bytes behind the body are not used.
    pub fn decode(&mut self, input: &mut [u8]) -> Result<DecodedPiece, BodyError> {
        match self {
            Self::Known(left) => {
                let count =
                    usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= count as u64;
                Ok(DecodedPiece {
                    skip: 0,
                    data: count,
                    used: count,
                })
            }
            Self::Chunked(chunked) => chunked.decode(input).map_err(|_| BodyError::Chunk),
            Self::UntilClose { .. } => Ok(DecodedPiece {
                skip: 0,
                data: input.len(),
                used: input.len(),
            }),
        }
    }

    /// Reports that the stream ended.
    pub fn end(&mut self) -> Result<(), BodyError> {
        match self {
            Self::UntilClose { ended } => {
                *ended = true;
                Ok(())
            }
            _ if self.is_done() => Ok(()),
            _ => Err(BodyError::Truncated),
        }
    }

    pub fn is_done(&self) -> bool {
        match self {
            Self::Known(left) => *left == 0,
            Self::Chunked(chunked) => chunked.is_done(),
            Self::UntilClose { ended } => *ended,
        }
    }

    /// The trailer lines of a chunked body that is done.
    pub fn trailers(&self) -> &[u8] {
        match self {
            Self::Chunked(chunked) => chunked.trailers(),
            _ => &[],
        }
    }
}
