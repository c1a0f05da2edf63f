//! Keeps the first bytes of a request's body while it is sent, so that the request can be sent again.

use std::task::{Context, Poll};

use super::decoder::BodyError;
use super::source::{BodySource, SourceError};

/// The most bytes of a body that are kept.
pub const MAX_KEPT: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Keeping {
    /// There is no body, or it is sent once only.
    #[default]
    Off,
    On,
    /// The body is longer than what is kept.
    Lost,
}

/// What was read of a body.
#[derive(Debug, Default)]
pub struct KeptBody {
    keeping: Keeping,
    bytes: Vec<u8>,
    /// Bytes of these that were read again.
    at: usize,
}

impl KeptBody {
    pub fn is_on(&self) -> bool {
        self.keeping != Keeping::Off
    }

    /// Starts to keep a body of which nothing was read.
    pub fn start(&mut self) {
        self.keeping = Keeping::On;
    }

    /// Whether the body can be read again. `source`: where its rest comes from.
    pub fn is_whole(&self, source: &impl BodySource) -> bool {
        let held = self.bytes.len() + source.piece().len();
        self.keeping == Keeping::Off || self.keeping == Keeping::On && held <= MAX_KEPT
    }

    /// Has the body read from its start again.
    pub fn rewind(&mut self, source: &mut impl BodySource) {
        if self.at == self.bytes.len() && !source.piece().is_empty() {
            // It was being written.
            self.keep(source.piece());
            source.consume();
        }
        self.at = 0;
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.keeping == Keeping::On && self.bytes.len() + piece.len() <= MAX_KEPT {
            self.bytes.extend_from_slice(piece);
            self.at = self.bytes.len();
        } else {
            *self = Self {
                keeping: Keeping::Lost,
                ..Self::default()
            };
        }
    }
}

/// A body that is kept, or read again.
pub struct KeptSource<'a, R> {
    pub kept: &'a mut KeptBody,
    pub source: R,
}

impl<R> KeptSource<'_, R> {
    /// What is to be read again.
    fn again(&self) -> Option<&[u8]> {
        let rest = self.kept.bytes.get(self.kept.at..);
        rest.filter(|rest| !rest.is_empty())
    }
}

impl<R: BodySource> BodySource for KeptSource<'_, R> {
    fn next_piece(&mut self) -> Result<bool, BodyError> {
        match self.again() {
            Some(_) => Ok(true),
            None => self.source.next_piece(),
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.source.poll_read(cx)
    }

    fn piece(&self) -> &[u8] {
        self.again().unwrap_or_else(|| self.source.piece())
    }

    fn consume(&mut self) {
        if self.again().is_some() {
            self.kept.at = self.kept.bytes.len();
            return;
        }
        self.kept.keep(self.source.piece());
        self.source.consume();
    }

    fn is_done(&self) -> bool {
        self.source.is_done() && (self.again().is_none() || self.source.piece().is_empty())
    }

    fn trailers(&self) -> &[u8] {
        self.source.trailers()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body that arrives piece by piece.
    struct Pieces {
        left: Vec<Vec<u8>>,
        piece: Vec<u8>,
    }

    impl Pieces {
        fn new(pieces: &[&[u8]]) -> Self {
            let mut left: Vec<_> = pieces.iter().map(|piece| piece.to_vec()).collect();
            left.reverse();
            Self {
                left,
                piece: Vec::new(),
            }
        }
    }

    impl BodySource for &mut Pieces {
        fn next_piece(&mut self) -> Result<bool, BodyError> {
            if self.piece.is_empty() {
                self.piece = self.left.pop().unwrap_or_default();
            }
            Ok(true)
        }

        fn poll_read(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
            Poll::Ready(Ok(()))
        }

        fn piece(&self) -> &[u8] {
            &self.piece
        }

        fn consume(&mut self) {
            self.piece.clear();
        }

        fn is_done(&self) -> bool {
            self.left.is_empty()
        }

        fn trailers(&self) -> &[u8] {
            b"x: y\r\n"
        }
    }

    /// Reads up to `most` pieces; the last one is left unconsumed where `most` is reached.
    fn read(kept: &mut KeptBody, pieces: &mut Pieces, most: usize) -> (Vec<u8>, bool) {
        let mut source = KeptSource {
            kept,
            source: pieces,
        };
        let mut all = Vec::new();
        for number in 0..most {
            assert!(source.next_piece().unwrap());
            all.extend_from_slice(source.piece());
            if source.is_done() {
                source.consume();
                return (all, true);
            }
            if number + 1 < most {
                source.consume();
            }
        }
        (all, false)
    }

    #[test]
    fn a_body_is_read_again_from_its_start_wherever_it_stopped() {
        let all: [&[u8]; 4] = [b"one ", b"two ", b"three ", b"four"];
        for first in 1..=5 {
            for second in 1..=6 {
                let (mut kept, mut pieces) = (KeptBody::default(), Pieces::new(&all));
                kept.start();
                for most in [first, second] {
                    read(&mut kept, &mut pieces, most);
                    assert!(kept.is_whole(&&mut pieces));
                    kept.rewind(&mut &mut pieces);
                }
                let (whole, done) = read(&mut kept, &mut pieces, 9);
                assert_eq!((&whole[..], done), (&b"one two three four"[..], true));
            }
        }
    }

    #[test]
    fn a_body_longer_than_the_bound_is_not_kept() {
        let half = vec![b'x'; MAX_KEPT / 2];
        let (mut kept, mut pieces) = (KeptBody::default(), Pieces::new(&[&half, &half, b"y"]));
        kept.start();
        read(&mut kept, &mut pieces, 3);
        assert!(!kept.is_whole(&&mut pieces));
        let (mut kept, mut pieces) = (KeptBody::default(), Pieces::new(&[&half, &half, b""]));
        kept.start();
        read(&mut kept, &mut pieces, 3);
        assert!(kept.is_whole(&&mut pieces));
    }
}
