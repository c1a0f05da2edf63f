//! Moves one message from a source to a sink: its head, which the sink has queued, then the body as it arrives. Used in
//! both directions.

use std::io;
use std::task::{Context, Poll, ready};

use super::decoder::BodyError;
use super::source::{BodySink, BodySource, Piece, SourceError};

/// What failed, and on which side.
#[derive(Debug)]
pub enum TransferError {
    /// Reading failed.
    Source(io::Error),
    /// The source's bytes violate the framing.
    Body(BodyError),
    /// Writing failed.
    Sink(io::Error),
}

impl From<SourceError> for TransferError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Read(error) => Self::Source(error),
            SourceError::Body(error) => Self::Body(error),
        }
    }
}

/// How far one message has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Progress {
    /// The next piece is awaited.
    #[default]
    Waiting,
    Writing {
        last: bool,
    },
    Done,
}

/// The state of one message on its way.
#[derive(Debug, Default)]
pub struct Transfer(Progress);

impl Transfer {
    /// A transfer without a message.
    pub fn finished() -> Self {
        Self(Progress::Done)
    }

    pub fn is_done(&self) -> bool {
        self.0 == Progress::Done
    }

    /// Whether the next step is to read more of the body.
    pub fn waits_for_source(&self) -> bool {
        self.0 == Progress::Waiting
    }

    /// Moves what can be moved. Ready when the whole message is written.
    pub fn poll<R: BodySource, W: BodySink>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut R,
        sink: &mut W,
        moved: &mut u64,
    ) -> Poll<Result<(), TransferError>> {
        loop {
            match self.0 {
                Progress::Done => return Poll::Ready(Ok(())),
                Progress::Waiting => {
                    if sink.takes_files() && source.next_file() {
                        let last = source.is_done();
                        self.0 = Progress::Writing { last };
                    } else if !self.take_piece(source, sink).map_err(TransferError::Body)? {
                        ready!(source.poll_read(cx))?;
                    }
                }
                Progress::Writing { last } => {
                    let written = match source.file() {
                        Some(file) => sink.poll_write_file(cx, file, moved),
                        None => sink.poll_write_blocks(cx, source.piece(), source.blocks(), moved),
                    };
                    ready!(written).map_err(TransferError::Sink)?;
                    source.consume();
                    self.0 = if last {
                        Progress::Done
                    } else {
                        Progress::Waiting
                    };
                }
            }
        }
    }

    /// Prepares the next write. `false`: more bytes have to be read first.
    fn take_piece<R: BodySource, W: BodySink>(
        &mut self,
        source: &mut R,
        sink: &mut W,
    ) -> Result<bool, BodyError> {
        let found = source.next_piece()?;
        if !found && (source.holds_head() || !sink.has_queued()) {
            return Ok(false);
        }
        let mut last = source.is_done();
        match sink.frame(source.piece(), last.then(|| source.trailers()))? {
            Piece::Copied => source.consume(),
            Piece::Borrowed if !last && sink.takes_blocks() => {
                source.take_blocks();
                last = source.is_done();
            }
            Piece::Borrowed => {}
        }
        self.0 = Progress::Writing { last };
        Ok(true)
    }
}
