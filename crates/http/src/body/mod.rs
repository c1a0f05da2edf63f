//! Message bodies: where they end, and how they move from one connection to another.

pub mod buffer;
pub mod chunked;
pub mod decoder;
pub mod kept;
pub mod source;
pub mod trailers;
pub mod transfer;

pub use buffer::Buffer;
pub use decoder::{BodyDecoder, BodyError, DecodedPiece};
pub use kept::{KeptBody, KeptSource};
pub use source::{BodySink, BodySource, Piece, SourceError};
pub use transfer::{Transfer, TransferError};
