//! The chunked coding (RFC 9112 §7.1), decoded strictly and without I/O. Chunk headers and extensions are dropped;
//! trailers are collected for [`super::trailers`].

/// The longest chunk extension, in bytes.
pub const MAX_EXTENSION: usize = 256;
/// The longest trailer section, in bytes.
pub const MAX_TRAILERS: usize = 16 * 1024;
/// The most hexadecimal digits of a chunk's size.
const MAX_DIGITS: u8 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before or in the size.
    Size {
        digits: u8,
    },
    /// In the whitespace before the first `;` of an extension (RFC 9112 §7.1.1); without a `;` it is an error.
    BeforeExtension,
    /// In an extension, after its first `;`.
    Extension,
    /// After the CR of the size line.
    SizeEnd,
    Data,
    /// Expecting the CR after a chunk's data.
    DataCr,
    DataLf,
    /// In the trailer section; `line`: the length of the current line so far.
    Trailers {
        line: u32,
    },
    TrailersLf {
        line: u32,
    },
    Done,
}

/// Decodes one chunked body.
#[derive(Debug, Clone)]
pub struct ChunkedDecoder {
    state: State,
    /// While a size is read: its value so far. Then the bytes of data that are left.
    left: u64,
    /// The extension being read, then the trailer lines.
    text: Vec<u8>,
}

/// A size, line end, extension or limit is violated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkError;

/// What one call decoded: the data is at `input[skip..skip + data]`, and `used` bytes of the input are consumed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DecodedPiece {
    pub skip: usize,
    pub data: usize,
    pub used: usize,
}

impl Default for ChunkedDecoder {
    fn default() -> Self {
        Self {
            state: State::Size { digits: 0 },
            left: 0,
            text: Vec::new(),
        }
    }
}

impl ChunkedDecoder {
    /// Decodes as far as the input goes. The data of all chunks in it is moved together, so that it can be sent in
    /// one write.
    pub fn decode(&mut self, input: &mut [u8]) -> Result<DecodedPiece, ChunkError> {
        let mut piece = DecodedPiece::default();
        while piece.used < input.len() && self.state != State::Done {
            if self.state == State::Data {
                self.take_data(input, &mut piece);
            } else {
                let byte = input.get(piece.used).copied().unwrap_or_default();
                piece.used += 1;
                self.take_byte(byte)?;
            }
        }
        Ok(piece)
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The trailer lines, each with its CRLF; empty before [`Self::is_done`].
    pub fn trailers(&self) -> &[u8] {
        if self.is_done() { &self.text } else { &[] }
    }

    fn take_data(&mut self, input: &mut [u8], piece: &mut DecodedPiece) {
        let here = input.len() - piece.used;
        let count = usize::try_from(self.left).map_or(here, |left| left.min(here));
        if piece.data == 0 {
            piece.skip = piece.used;
        } else {
            input.copy_within(piece.used..piece.used + count, piece.skip + piece.data);
        }
        piece.data += count;
        piece.used += count;
        self.left -= count as u64;
        if self.left == 0 {
            self.state = State::DataCr;
        }
    }

    fn take_byte(&mut self, byte: u8) -> Result<(), ChunkError> {
        self.state = match (self.state, byte) {
            (State::Size { digits }, byte) => self.take_size(digits, byte)?,
            (State::BeforeExtension, b' ' | b'\t') => {
                // Bounded as the extension is.
                if self.text.len() >= MAX_EXTENSION {
                    return Err(ChunkError);
                }
                self.text.push(byte);
                State::BeforeExtension
            }
            (State::BeforeExtension, b';') => State::Extension,
            (State::Extension, b'\r') => {
                if !extensions_are_well_formed(&self.text) {
                    return Err(ChunkError);
                }
                self.text.clear();
                State::SizeEnd
            }
            (State::Extension, byte) => {
                let fits = self.text.len() < MAX_EXTENSION;
                if !fits || !matches!(byte, b'\t' | b' '..=b'~') {
                    return Err(ChunkError);
                }
                self.text.push(byte);
                State::Extension
            }
            (State::SizeEnd, b'\n') if self.left == 0 => State::Trailers { line: 0 },
            (State::SizeEnd, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size { digits: 0 },
            (State::Trailers { line }, b'\r') => State::TrailersLf { line },
            (State::Trailers { line }, byte) if byte != b'\n' && byte != 0 => {
                self.keep(byte)?;
                State::Trailers { line: line + 1 }
            }
            (State::TrailersLf { line: 0 }, b'\n') => State::Done,
            (State::TrailersLf { .. }, b'\n') => {
                self.keep(b'\r')?;
                self.keep(b'\n')?;
                State::Trailers { line: 0 }
            }
            _ => return Err(ChunkError),
        };
        Ok(())
    }

    fn take_size(&mut self, digits: u8, byte: u8) -> Result<State, ChunkError> {
        match byte {
            b'\r' if digits > 0 => Ok(State::SizeEnd),
            b';' if digits > 0 => Ok(State::Extension),
            b' ' | b'\t' if digits > 0 => Ok(State::BeforeExtension),
            _ => {
                let digit = (byte as char).to_digit(16).ok_or(ChunkError)?;
                if digits >= MAX_DIGITS {
                    return Err(ChunkError);
                }
                if digits == 0 {
                    self.left = 0;
                }
                self.left = (self.left << 4) | u64::from(digit);
                // A reader with signed integers would take it for a negative size.
                if self.left > i64::MAX as u64 {
                    return Err(ChunkError);
                }
                Ok(State::Size { digits: digits + 1 })
            }
        }
    }

    fn keep(&mut self, byte: u8) -> Result<(), ChunkError> {
        if self.text.len() >= MAX_TRAILERS {
            return Err(ChunkError);
        }
        self.text.push(byte);
        Ok(())
    }
}

/// `name[=value]` parts between semicolons; a value is a token or a quoted string (RFC 9112 §7.1.1).
fn extensions_are_well_formed(text: &[u8]) -> bool {
    let mut rest = text;
    loop {
        let Some(after) = skip_extension(rest) else {
            return false;
        };
        match after.split_first() {
            None => return true,
            Some((b';', more)) => rest = more,
            Some(_) => return false,
        }
    }
}

fn skip_extension(text: &[u8]) -> Option<&[u8]> {
    let rest = skip_token(text.trim_ascii_start())?.trim_ascii_start();
    let Some(value) = rest.strip_prefix(b"=") else {
        return Some(rest);
    };
    let value = value.trim_ascii_start();
    let rest = match value.strip_prefix(b"\"") {
        Some(quoted) => skip_quoted(quoted)?,
        None => skip_token(value)?,
    };
    Some(rest.trim_ascii_start())
}

fn skip_token(text: &[u8]) -> Option<&[u8]> {
    let end = text
        .iter()
        .position(|&byte| !crate::head::field::is_token_byte(byte))
        .unwrap_or(text.len());
    if end == 0 { None } else { text.get(end..) }
}

fn skip_quoted(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        match text.split_first()? {
            (b'"', rest) => return Some(rest),
            (b'\\', rest) => text = rest.get(1..)?,
            (_, rest) => text = rest,
        }
    }
}

/// Writes a chunk header; `size` is never 0.
pub fn write_header(out: &mut Vec<u8>, size: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = (size >> (place * 4)) & 15;
        out.push(DIGITS.get(digit).copied().unwrap_or(b'0'));
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The body and the bytes behind it, from input that arrives in pieces of these sizes.
    fn decode(input: &[u8], pieces: &[usize]) -> Result<(Vec<u8>, Vec<u8>, bool), ChunkError> {
        let mut chunked = ChunkedDecoder::default();
        let mut body = Vec::new();
        let mut at = 0;
        let mut sizes = pieces.iter().copied().chain(std::iter::repeat(input.len()));
        while at < input.len() && !chunked.is_done() {
            let end = (at + sizes.next().unwrap().max(1)).min(input.len());
            let mut piece = input[at..end].to_vec();
            let done = chunked.decode(&mut piece)?;
            body.extend_from_slice(&piece[done.skip..done.skip + done.data]);
            at += done.used;
            if !chunked.is_done() {
                assert_eq!(done.used, end - (at - done.used));
            }
        }
        Ok((body, input[at..].to_vec(), chunked.is_done()))
    }

    #[test]
    fn chunks_are_joined_and_following_bytes_are_not_read() {
        let input =
            b"5 \t;x = y \r\nhello\r\n1;a=b ; c=\"d;\\\"\"\r\n \r\n005\r\nworld\r\n0\r\n\r\nGET";
        let (body, rest, done) = decode(input, &[]).unwrap();
        assert_eq!(
            (body.as_slice(), rest.as_slice(), done),
            (&b"hello world"[..], &b"GET"[..], true)
        );
    }

    #[test]
    fn each_broken_chunk_is_refused() {
        let long = format!("1;{}\r\n", "a".repeat(MAX_EXTENSION + 1));
        let cases: &[&str] = &[
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            " 1\r\n",
            "1 \r\n",
            "1\t\r\n",
            "1\n",
            "1\rx",
            "00000000000000001\r\n",
            "ffffffffffffffff\r\n",
            "8000000000000000\r\n",
            "1\r\nab\r\n",
            "1\r\na\n",
            "1\r\na\rx",
            "1\r\na0\r\n\r\n",
            "1;\r\n",
            "1;=\r\n",
            "1;a=\r\n",
            "1;a b\r\n",
            "1;a=\"\r\n",
            "1;a\n",
            "1;a\0\r\n",
            "1;\u{e9}\r\n",
            "1 a\r\n",
            "1 \t;\r\n",
            "1,2\r\n",
            "1;a;\r\n",
            &long,
            "0\r\n\n",
            "0\r\nX: y\n",
            "0\r\nX: \0\r\n",
            "0\r\nX: y\rz",
        ];
        for text in cases {
            assert_eq!(decode(text.as_bytes(), &[]), Err(ChunkError), "{text:?}");
            let slowly = vec![1; text.len()];
            assert_eq!(
                decode(text.as_bytes(), &slowly),
                Err(ChunkError),
                "{text:?} slowly"
            );
        }
    }

    #[test]
    fn trailers_are_bounded() {
        let text = format!("0\r\nX: {}\r\n\r\n", "y".repeat(MAX_TRAILERS));
        assert_eq!(decode(text.as_bytes(), &[]), Err(ChunkError));
    }

    proptest! {
        #[test]
        fn a_chunked_body_survives_writing_and_parsing_in_any_split(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..600), 0..6),
            splits in prop::collection::vec(1usize..50, 0..60),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                write_header(&mut wire, chunk.len());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\nA: b\r\n\r\nnext");
            let (body, rest, done) = decode(&wire, &splits).unwrap();
            prop_assert!(done);
            prop_assert_eq!(body, chunks.concat());
            prop_assert_eq!(rest, b"next".to_vec());
        }

        #[test]
        fn any_split_of_any_bytes_gives_the_same_body(
            bytes in "(([0-9a-f]{1,2}|;a|x| )?\r?\n?[a-z]{0,4}\r?\n?){0,8}",
            splits in prop::collection::vec(1usize..4, 0..60),
        ) {
            let at_once = decode(bytes.as_bytes(), &[]);
            let in_pieces = decode(bytes.as_bytes(), &splits);
            prop_assert_eq!(at_once, in_pieces);
        }
    }
}
