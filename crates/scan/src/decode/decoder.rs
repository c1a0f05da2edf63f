//! Removes one content coding, piece by piece.

use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, InBuffer, Operation, OutBuffer};

use super::coding::Coding;

/// The largest window of zstd in bits: 8 MiB, as RFC 8878 §3.1.1.1.2 asks of all decoders. Without it a body could demand 128 MiB.
const ZSTD_WINDOW: u32 = 23;
/// Most bytes that one step produces.
const STEP: usize = 32 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the body is not in the coding that it claims")]
    Malformed,
    #[error("the body expands to more bytes than are scanned")]
    TooLarge,
}

enum State {
    Gzip(Gzip),
    Deflate {
        inner: Option<Decompress>,
        first: Option<u8>,
    },
    Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
    Zstd {
        inner: zstd::stream::raw::Decoder<'static>,
        /// Between two frames.
        between: bool,
    },
}

/// Removes one coding: pieces go in, bytes come out, at most as many as are allowed.
pub struct Decoder {
    state: State,
    left: u64,
    /// Whether a byte came in.
    started: bool,
    ended: bool,
    step: Vec<u8>,
}

/// What one step did.
struct Step {
    used: usize,
    made: usize,
    /// The coded data ended.
    ended: bool,
}

impl Decoder {
    /// `most`: bytes that may come out.
    ///
    /// # Errors
    /// The decoder cannot be made: no memory.
    pub fn new(coding: Coding, most: u64) -> Result<Self, DecodeError> {
        let alloc = StandardAlloc::default;
        let state = match coding {
            Coding::Gzip => State::Gzip(Gzip::default()),
            Coding::Deflate => State::Deflate {
                inner: None,
                first: None,
            },
            Coding::Brotli => {
                State::Brotli(Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())))
            }
            Coding::Zstd => {
                let mut inner =
                    zstd::stream::raw::Decoder::new().map_err(|_| DecodeError::Malformed)?;
                inner
                    .set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW))
                    .map_err(|_| DecodeError::Malformed)?;
                State::Zstd {
                    inner,
                    between: true,
                }
            }
        };
        Ok(Self {
            state,
            left: most,
            started: false,
            ended: false,
            step: vec![0; STEP],
        })
    }

    /// Sets how many bytes may still be produced.
    pub fn allow(&mut self, most: u64) {
        self.left = most;
    }

    /// Takes the next piece and appends what comes out of it.
    ///
    /// # Errors
    /// The bytes are malformed, or too many come out.
    pub fn push(&mut self, mut piece: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
        self.started |= !piece.is_empty();
        loop {
            if self.ended {
                return match piece.is_empty() {
                    true => Ok(()),
                    false => Err(DecodeError::Malformed),
                };
            }
            let had_input = !piece.is_empty();
            let step = self.state.step(piece, &mut self.step)?;
            piece = piece.get(step.used..).unwrap_or_default();
            let made = self.step.get(..step.made).unwrap_or_default();
            self.left = self
                .left
                .checked_sub(made.len() as u64)
                .ok_or(DecodeError::TooLarge)?;
            out.extend_from_slice(made);
            self.ended = step.ended;
            let idle = step.used == 0 && step.made == 0 && !step.ended;
            if idle && had_input && !piece.is_empty() {
                return Err(DecodeError::Malformed);
            }
            if piece.is_empty() && step.made < self.step.len() && !step.ended {
                return Ok(());
            }
        }
    }

    /// Nothing follows. A body without a byte is empty in every coding.
    ///
    /// # Errors
    /// The body ends early.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        if !self.started {
            return Ok(());
        }
        self.push(&[], out)?;
        match self.ended || self.state.may_end() {
            true => Ok(()),
            false => Err(DecodeError::Malformed),
        }
    }
}

impl State {
    fn may_end(&self) -> bool {
        match self {
            Self::Gzip(gzip) => gzip.is_between(),
            Self::Zstd { between, .. } => *between,
            Self::Deflate { .. } | Self::Brotli(_) => false,
        }
    }

    fn step(&mut self, input: &[u8], room: &mut [u8]) -> Result<Step, DecodeError> {
        match self {
            Self::Gzip(gzip) => gzip.step(input, room),
            Self::Deflate { inner, first } => step_deflate(inner, first, input, room),
            Self::Brotli(state) => {
                let (mut available_in, mut used) = (input.len(), 0);
                let (mut available_out, mut made, mut total) = (room.len(), 0, 0);
                let result = BrotliDecompressStream(
                    &mut available_in,
                    &mut used,
                    input,
                    &mut available_out,
                    &mut made,
                    room,
                    &mut total,
                    state,
                );
                match result {
                    BrotliResult::ResultFailure => Err(DecodeError::Malformed),
                    result => Ok(Step {
                        used,
                        made,
                        ended: matches!(result, BrotliResult::ResultSuccess),
                    }),
                }
            }
            Self::Zstd { inner, between } => {
                let mut from = InBuffer::around(input);
                let mut to = OutBuffer::around(room);
                let hint = inner
                    .run(&mut from, &mut to)
                    .map_err(|_| DecodeError::Malformed)?;
                let (used, made) = (from.pos(), to.pos());
                if used > 0 || made > 0 {
                    *between = hint == 0;
                }
                Ok(Step {
                    used,
                    made,
                    ended: false,
                })
            }
        }
    }
}

fn inflate(inner: &mut Decompress, input: &[u8], room: &mut [u8]) -> Result<Step, DecodeError> {
    let (before_in, before_out) = (inner.total_in(), inner.total_out());
    let status = inner.decompress(input, room, FlushDecompress::None);
    let status = status.map_err(|_| DecodeError::Malformed)?;
    Ok(Step {
        used: usize::try_from(inner.total_in() - before_in).unwrap_or(usize::MAX),
        made: usize::try_from(inner.total_out() - before_out).unwrap_or(usize::MAX),
        ended: status == Status::StreamEnd,
    })
}

/// The first two bytes tell whether the zlib wrapper is there (RFC 1950 §2.2).
fn step_deflate(
    inner: &mut Option<Decompress>,
    first: &mut Option<u8>,
    input: &[u8],
    room: &mut [u8],
) -> Result<Step, DecodeError> {
    let nothing = |used| Step {
        used,
        made: 0,
        ended: false,
    };
    if let Some(inner) = inner {
        return inflate(inner, input, room);
    }
    let Some(&next) = input.first() else {
        return Ok(nothing(0));
    };
    let Some(held) = *first else {
        *first = Some(next);
        return Ok(nothing(1));
    };
    let is_zlib = held & 0x0f == 8 && (u16::from(held) << 8 | u16::from(next)).is_multiple_of(31);
    let made = inner.insert(Decompress::new(is_zlib));
    // One byte is never the end of anything.
    let step = inflate(made, &[held], room)?;
    if step.used == 0 || step.made > 0 || step.ended {
        return Err(DecodeError::Malformed);
    }
    inflate(made, input, room)
}

/// Where a gzip file is (RFC 1952): its header is read by us, so that members may follow one another.
#[derive(Default)]
struct Gzip {
    part: Part,
    flags: u8,
    /// Bytes of a fixed part, or of an extra field, that were read.
    at: usize,
    extra: usize,
    body: Option<Decompress>,
    crc: crc::Crc,
    trailer: [u8; 8],
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Fixed,
    ExtraSize,
    Extra,
    Name,
    Comment,
    HeaderCrc,
    Body,
    Trailer,
}

mod crc {
    /// The checksum and the length of what came out.
    #[derive(Default)]
    pub struct Crc(flate2::Crc);

    impl Crc {
        pub fn add(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        pub fn is(&self, trailer: [u8; 8]) -> bool {
            let [a, b, c, d, e, f, g, h] = trailer;
            self.0.sum() == u32::from_le_bytes([a, b, c, d])
                && self.0.amount() == u32::from_le_bytes([e, f, g, h])
        }
    }
}

impl Gzip {
    fn is_between(&self) -> bool {
        self.part == Part::Fixed && self.at == 0
    }

    fn step(&mut self, input: &[u8], room: &mut [u8]) -> Result<Step, DecodeError> {
        if self.part == Part::Body {
            let body = self.body.get_or_insert_with(|| Decompress::new(false));
            let mut step = inflate(body, input, room)?;
            self.crc.add(room.get(..step.made).unwrap_or_default());
            if step.ended {
                self.body = None;
                self.next(Part::Trailer);
                step.ended = false;
            }
            return Ok(step);
        }
        let mut used = 0;
        while let Some(&byte) = input.get(used)
            && self.part != Part::Body
        {
            used += 1;
            self.take(byte)?;
        }
        Ok(Step {
            used,
            made: 0,
            ended: false,
        })
    }

    fn next(&mut self, part: Part) {
        self.part = part;
        self.at = 0;
    }

    fn take(&mut self, byte: u8) -> Result<(), DecodeError> {
        const EXTRA: u8 = 4;
        let at = self.at;
        self.at += 1;
        match self.part {
            Part::Fixed => match (at, byte) {
                (0, 0x1f) | (1, 0x8b) | (2, 8) | (4..=8, _) => {}
                // Reserved bits have to be zero.
                (3, flags) if flags & 0xe0 == 0 => self.flags = flags,
                (9, _) if self.flags & EXTRA != 0 => self.next(Part::ExtraSize),
                (9, _) => self.after_extra(),
                _ => return Err(DecodeError::Malformed),
            },
            Part::ExtraSize if at == 0 => self.extra = byte.into(),
            Part::ExtraSize => {
                self.extra |= usize::from(byte) << 8;
                self.next(Part::Extra);
                if self.extra == 0 {
                    self.after_extra();
                }
            }
            Part::Extra if at + 1 == self.extra => self.after_extra(),
            Part::Name if byte == 0 => self.after_name(),
            Part::Comment if byte == 0 => self.after_comment(),
            Part::HeaderCrc if at == 1 => self.start_body(),
            Part::Trailer => {
                if let Some(place) = self.trailer.get_mut(at) {
                    *place = byte;
                }
                if self.at == self.trailer.len() {
                    if !self.crc.is(self.trailer) {
                        return Err(DecodeError::Malformed);
                    }
                    *self = Self::default();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn after_extra(&mut self) {
        match self.flags & 8 {
            0 => self.after_name(),
            _ => self.next(Part::Name),
        }
    }

    fn after_name(&mut self) {
        match self.flags & 16 {
            0 => self.after_comment(),
            _ => self.next(Part::Comment),
        }
    }

    fn after_comment(&mut self) {
        match self.flags & 2 {
            0 => self.start_body(),
            _ => self.next(Part::HeaderCrc),
        }
    }

    fn start_body(&mut self) {
        self.crc = crc::Crc::default();
        self.next(Part::Body);
    }
}
