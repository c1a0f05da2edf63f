//! A stage of a body on its way: a [`BodySource`] around another one. It sees each piece and says what goes on; nothing is
//! read while what it passed on is not written, so back-pressure holds through any number of stages.

use std::task::{Context, Poll};

use super::decoder::BodyError;
use super::source::{BodySource, SourceError};

/// What goes on of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// This part of it: all, some, or none (the stage keeps what it needs).
    Part { skip: usize, len: usize },
    /// [`BodyStage::made`] goes on in its place.
    Made,
}

impl Passed {
    /// The whole piece.
    pub fn all(piece: &[u8]) -> Self {
        Self::Part {
            skip: 0,
            len: piece.len(),
        }
    }

    pub const NOTHING: Self = Self::Part { skip: 0, len: 0 };
}

/// Looks at a body, withholds it, replaces it or ends it early.
pub trait BodyStage {
    /// Takes the next piece. `last`: nothing follows it; it may be empty.
    ///
    /// # Errors
    /// The body may not go on.
    fn take(&mut self, piece: &[u8], last: bool) -> Result<Passed, BodyError>;

    /// What [`Passed::Made`] stands for.
    fn made(&self) -> &[u8] {
        &[]
    }

    /// Whether the body ends with what was passed on last, whatever its source still has: bytes or trailers.
    fn ends(&self) -> bool {
        false
    }
}

/// A stage with its place in the body.
#[derive(Debug, Default)]
pub struct StageState<T> {
    pub stage: T,
    /// What goes on of the source's current piece.
    passed: Option<Passed>,
    done: bool,
    /// The stage ended the body, not its source.
    early: bool,
}

impl<T: BodyStage> StageState<T> {
    pub fn new(stage: T) -> Self {
        Self {
            stage,
            passed: None,
            done: false,
            early: false,
        }
    }
}

/// A body behind a stage.
pub struct Staged<'a, S, T> {
    pub source: S,
    pub state: &'a mut StageState<T>,
}

impl<S: BodySource, T: BodyStage> Staged<'_, S, T> {
    fn is_empty(&self) -> bool {
        match self.state.passed {
            Some(Passed::Part { len, .. }) => len == 0,
            Some(Passed::Made) => self.state.stage.made().is_empty(),
            None => true,
        }
    }
}

impl<S: BodySource, T: BodyStage> BodySource for Staged<'_, S, T> {
    fn next_piece(&mut self) -> Result<bool, BodyError> {
        while !self.state.done {
            if !self.source.next_piece()? {
                return Ok(false);
            }
            let last = self.source.is_done();
            let stage = &mut self.state.stage;
            self.state.passed = Some(stage.take(self.source.piece(), last)?);
            self.state.early = stage.ends();
            self.state.done = last || self.state.early;
            if !self.is_empty() {
                return Ok(true);
            }
            self.consume();
        }
        Ok(true)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.source.poll_read(cx)
    }

    fn piece(&self) -> &[u8] {
        match self.state.passed {
            Some(Passed::Part { skip, len }) => {
                let piece = self.source.piece();
                piece.get(skip..skip + len).unwrap_or_default()
            }
            Some(Passed::Made) => self.state.stage.made(),
            None => &[],
        }
    }

    fn consume(&mut self) {
        if self.state.passed.take().is_some() {
            self.source.consume();
        }
    }

    fn is_done(&self) -> bool {
        self.state.done
    }

    fn trailers(&self) -> &[u8] {
        if self.state.early {
            return &[];
        }
        self.source.trailers()
    }
}

/// Passes on the bytes of one range.
#[derive(Debug, Clone, Copy, Default)]
pub struct RangeStage {
    skip: u64,
    left: u64,
}

impl RangeStage {
    /// `len` bytes from byte `skip` on.
    pub fn new(skip: u64, len: u64) -> Self {
        Self { skip, left: len }
    }
}

impl BodyStage for RangeStage {
    fn take(&mut self, piece: &[u8], last: bool) -> Result<Passed, BodyError> {
        let most = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let skip = most(self.skip).min(piece.len());
        self.skip -= skip as u64;
        let len = most(self.left).min(piece.len() - skip);
        self.left -= len as u64;
        // A body that is shorter than it was said to be is no whole range.
        if last && self.left > 0 {
            return Err(BodyError::Truncated);
        }
        Ok(Passed::Part { skip, len })
    }

    fn ends(&self) -> bool {
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// A body in pieces, each read on its own.
    struct Pieces {
        left: Vec<&'static [u8]>,
        piece: &'static [u8],
        trailers: &'static [u8],
    }

    impl Pieces {
        fn new(pieces: &[&'static [u8]]) -> Self {
            Self {
                left: pieces.iter().rev().copied().collect(),
                piece: b"",
                trailers: b"X: y\r\n",
            }
        }
    }

    impl BodySource for &mut Pieces {
        fn next_piece(&mut self) -> Result<bool, BodyError> {
            Ok(!self.piece.is_empty() || self.left.is_empty())
        }

        fn poll_read(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
            self.piece = self.left.pop().unwrap_or_default();
            Poll::Ready(Ok(()))
        }

        fn piece(&self) -> &[u8] {
            self.piece
        }

        fn consume(&mut self) {
            self.piece = b"";
        }

        fn is_done(&self) -> bool {
            self.left.is_empty()
        }

        fn trailers(&self) -> &[u8] {
            self.trailers
        }
    }

    /// The whole body that comes out, its trailers, and how many pieces were read.
    fn run<T: BodyStage>(
        stage: T,
        pieces: &[&'static [u8]],
    ) -> Result<(Vec<u8>, Vec<u8>, usize), BodyError> {
        let mut source = Pieces::new(pieces);
        let mut state = StageState::new(stage);
        let mut out = Vec::new();
        let mut reads = 0;
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let mut staged = Staged {
                source: &mut source,
                state: &mut state,
            };
            if !staged.next_piece()? {
                reads += 1;
                assert!(staged.poll_read(&mut cx).is_ready());
                continue;
            }
            out.extend_from_slice(staged.piece());
            if staged.is_done() {
                return Ok((out, staged.trailers().to_vec(), reads));
            }
            staged.consume();
        }
    }

    #[test]
    fn a_range_is_cut_out_and_nothing_behind_it_is_read() {
        for (skip, len, wanted, reads) in [
            (0, 9, &b"abcdefghi"[..], 3),
            (0, 1, b"a", 1),
            (2, 5, b"cdefg", 3),
            (3, 3, b"def", 2),
            (8, 1, b"i", 3),
        ] {
            let (out, trailers, read) =
                run(RangeStage::new(skip, len), &[b"abc", b"def", b"ghi"]).unwrap();
            assert_eq!((out.as_slice(), read), (wanted, reads), "{skip}+{len}");
            // Trailers belong to the whole body.
            assert!(trailers.is_empty(), "{skip}+{len}");
        }
        let short = run(RangeStage::new(5, 9), &[b"abc", b"def"]);
        assert_eq!(short.unwrap_err(), BodyError::Truncated);
    }

    /// Withholds everything, then lets it go in capitals.
    #[derive(Default)]
    struct Held(Vec<u8>);

    impl BodyStage for Held {
        fn take(&mut self, piece: &[u8], last: bool) -> Result<Passed, BodyError> {
            self.0.extend(piece.iter().map(u8::to_ascii_uppercase));
            match (last, self.0.contains(&b'!')) {
                (_, true) => Err(BodyError::TooLarge),
                (true, false) => Ok(Passed::Made),
                (false, false) => Ok(Passed::NOTHING),
            }
        }

        fn made(&self) -> &[u8] {
            &self.0
        }
    }

    #[test]
    fn a_body_is_withheld_until_its_end_and_replaced() {
        let (out, trailers, _) = run(Held::default(), &[b"ab", b"c"]).unwrap();
        assert_eq!((&out[..], &trailers[..]), (&b"ABC"[..], &b"X: y\r\n"[..]));
        assert!(run(Held::default(), &[b"ab", b"!"]).is_err());
    }

    #[test]
    fn stages_stand_behind_one_another() {
        let mut source = Pieces::new(&[b"abc", b"def"]);
        let (mut range, mut held) = (
            StageState::new(RangeStage::new(1, 3)),
            StageState::new(Held::default()),
        );
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let mut staged = Staged {
                source: Staged {
                    source: &mut source,
                    state: &mut range,
                },
                state: &mut held,
            };
            if staged.next_piece().unwrap() {
                assert_eq!(staged.piece(), b"BCD");
                assert!(staged.is_done());
                return;
            }
            assert!(staged.poll_read(&mut cx).is_ready());
        }
    }
}
