//! Message bodies: where they end, and how their bytes move from one stream to another.

pub mod buffer;
pub mod chunked;
pub mod decoder;
pub mod pump;
pub mod send;
pub mod trailers;

pub use buffer::Buffer;
pub use decoder::{BodyDecoder, BodyError, DecodedPiece};
