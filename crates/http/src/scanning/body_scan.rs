//! One body that is withheld until its verdict: what was received, what may be forwarded, and how it ends.

use std::task::{Context, Poll, ready};
use std::time::Instant;

use privet_cache::Entry;
use privet_scan::decode::Coding;
use privet_scan::{Direction, Message, RequestScanner};
use tokio::sync::watch;

use super::fault::ScanFault;
use super::gate::Gate;
use super::hold::{self, Hold, MAGIC, SMALL};
use super::progress::{Due, Piece, Progress};
use super::range::SelectedRange;
use super::report::{ScanOutcome, ScanReport};
use super::stream::{PendingVerdict, StreamScan};
use super::withheld_body::{BufferFull, WithheldBody};

/// Most bytes that are forwarded in one piece.
const PIECE: usize = 64 * 1024;

pub(super) enum State {
    /// The body is being received.
    Collecting,
    /// The body is complete.
    Complete,
    /// Waiting for the verdict.
    Asking(PendingVerdict),
    /// The verdict allows forwarding.
    Released,
    /// Not scanned any further: what was received is forwarded, then the rest.
    Passing,
    Refused,
    /// A stream, scanned while it is forwarded.
    Stream(Box<StreamScan>),
}

pub(crate) struct BodyScan {
    pub(super) scanning: RequestScanner,
    pub(super) message: Message,
    pub(super) codings: Vec<Coding>,
    /// The announced length.
    length: Option<u64>,
    hold: Hold,
    pub(super) state: State,
    pub(super) store: WithheldBody,
    /// The first bytes, which tell the type.
    start: Vec<u8>,
    /// The ranges to forward, and the progress.
    progress: Progress,
    /// The part of the current piece of the source to forward, if it is not all of it.
    cut: Vec<u8>,
    /// Bytes received.
    read: u64,
    pub(super) asked: Option<Instant>,
    pub(super) report: Option<ScanReport>,
    /// Passes the verdict to the cache fill.
    pub(super) told: Option<watch::Sender<Gate>>,
    /// The stored response in which a clean verdict is recorded.
    pub(super) stored: Option<Entry>,
}

impl BodyScan {
    pub fn new(
        scanning: RequestScanner,
        message: Message,
        codings: Vec<Coding>,
        length: Option<u64>,
    ) -> Self {
        let whole = message.direction == Direction::Upload
            || scanning.holds_all()
            || length.is_some_and(|length| length <= SMALL);
        Self {
            store: WithheldBody::new(scanning.budget(), scanning.spool()),
            scanning,
            message,
            codings,
            length,
            hold: if whole { Hold::Whole } else { Hold::Undecided },
            state: State::Collecting,
            start: Vec::new(),
            progress: Progress::of_whole(),
            cut: Vec::new(),
            read: 0,
            asked: None,
            report: None,
            told: None,
            stored: None,
        }
    }

    /// A scan of a stream, which is scanned while it is forwarded.
    pub fn of_stream(scanning: RequestScanner, message: Message, stream: StreamScan) -> Self {
        Self {
            state: State::Stream(Box::new(stream)),
            report: Some(ScanReport::of(ScanOutcome::StreamPassed)),
            ..Self::new(scanning, message, Vec::new(), None)
        }
    }

    /// Forwards only this range, once the whole body was scanned.
    pub fn cut_to(&mut self, part: SelectedRange) {
        self.hold = Hold::Whole;
        self.progress = Progress::of(part);
    }

    /// The range to forward; `None`: the whole body.
    pub fn part(&self) -> Option<&SelectedRange> {
        self.progress.part()
    }

    /// Forwards the whole body instead of a range.
    pub fn without_part(&mut self) {
        self.progress = Progress::of_whole();
    }

    /// The generation of the scanners.
    pub fn judge(&self) -> u64 {
        self.scanning.generation()
    }

    /// Bytes received.
    pub fn read(&self) -> u64 {
        self.read
    }

    pub fn is_asking(&self) -> bool {
        match &self.state {
            State::Complete | State::Asking(_) => true,
            State::Stream(stream) => stream.is_asking(),
            _ => false,
        }
    }

    pub fn report(&self) -> Option<&ScanReport> {
        self.report.as_ref()
    }

    /// Whether the message's head has to wait.
    pub fn holds_head(&self) -> bool {
        // An upload is harmless without its body, and its client may wait for a 100.
        if self.message.direction == Direction::Upload {
            return false;
        }
        match self.state {
            State::Collecting | State::Complete | State::Asking(_) => self.hold != Hold::Tail,
            State::Refused => !self.progress.has_begun(),
            State::Released | State::Passing | State::Stream(_) => false,
        }
    }

    pub fn is_refused(&self) -> bool {
        matches!(self.state, State::Refused)
    }

    pub fn is_collecting(&self) -> bool {
        matches!(self.state, State::Collecting)
    }

    /// The scan of a stream.
    pub fn stream(&mut self) -> Option<&mut StreamScan> {
        match &mut self.state {
            State::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    /// Whether the source's pieces are forwarded unchanged.
    pub fn is_passing(&self) -> bool {
        matches!(self.state, State::Passing) && self.due() == Due::Bytes(0)
    }

    /// The source has a piece, in the unchanged state.
    pub fn pass_piece(&mut self, piece: &[u8]) {
        if let Some(part) = self.progress.part() {
            self.cut.clear();
            part.cut(self.read, piece, &mut self.cut);
        }
    }

    /// The part of the source's piece to forward, in the unchanged state.
    pub fn passed<'p>(&'p self, piece: &'p [u8]) -> &'p [u8] {
        match self.progress.part() {
            Some(_) => &self.cut,
            None => piece,
        }
    }

    /// A piece of the source was forwarded.
    pub fn count(&mut self, bytes: usize) {
        self.read += bytes as u64;
    }

    /// The range that may be forwarded now.
    fn due(&self) -> Due<'_> {
        self.progress.due(match self.state {
            State::Collecting => self.free(),
            State::Passing | State::Released => self.store.len(),
            _ => self.progress.at(),
        })
    }

    /// Finds the next piece of the withheld bytes. `false`: none is ready.
    pub fn next_piece(&mut self) -> bool {
        if let State::Stream(stream) = &self.state {
            return stream.has_piece();
        }
        let (piece, left) = match self.due() {
            Due::Text(_) => (Piece::Text, 0),
            Due::Bytes(left) => {
                let here = self.store.available(self.progress.at()).len();
                let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                (Piece::Bytes(most.min(here)), left)
            }
        };
        self.progress.set_piece(piece);
        piece != Piece::Bytes(0) || (left == 0 && matches!(self.state, State::Released))
    }

    /// The current piece of the withheld bytes.
    pub fn piece(&self) -> &[u8] {
        if let State::Stream(stream) = &self.state {
            return stream.piece();
        }
        match (self.progress.piece(), self.due()) {
            (Piece::Text, Due::Text(text)) => text,
            (Piece::Text, Due::Bytes(_)) => &[],
            (Piece::Bytes(bytes), _) => {
                let here = self.store.available(self.progress.at());
                here.get(..bytes).unwrap_or_default()
            }
        }
    }

    /// Whether nothing follows the current piece.
    pub fn is_last_piece(&self) -> bool {
        match &self.state {
            State::Released => self.progress.is_last_piece(self.store.len()),
            State::Stream(stream) => stream.is_last_piece(),
            _ => false,
        }
    }

    /// The current piece was forwarded.
    pub fn consume(&mut self) {
        if let State::Stream(stream) = &mut self.state {
            return stream.consume();
        }
        self.progress.consume();
        if self.part().is_none() && self.is_passing() {
            self.store.clear();
            self.progress = Progress::of_whole();
        }
    }

    /// Whether bytes may be forwarded before the verdict.
    pub fn has_free(&self) -> bool {
        matches!(self.state, State::Collecting) && self.free() > self.progress.at()
    }

    /// How many bytes may be forwarded before the verdict.
    fn free(&self) -> u64 {
        match self.hold {
            Hold::Tail => hold::free(self.length, self.store.len()).max(self.progress.at()),
            Hold::Undecided | Hold::Whole => self.progress.at(),
        }
    }

    /// Takes the next piece of the body.
    pub fn take(&mut self, piece: &[u8], last: bool) {
        let taken = match &mut self.state {
            State::Stream(stream) => stream.take(piece, last),
            State::Collecting => {
                let missing = MAGIC.saturating_sub(self.start.len()).min(piece.len());
                self.start
                    .extend_from_slice(piece.get(..missing).unwrap_or_default());
                self.store
                    .push(piece)
                    .map_err(|BufferFull| ScanFault::NoRoom)
            }
            _ => return,
        };
        self.read += piece.len() as u64;
        let too_large = self.is_collecting() && self.read > self.scanning.max_body;
        match taken {
            _ if too_large => return self.is_oversize(),
            Ok(()) => {}
            Err(ScanFault::Oversize) => return self.is_oversize(),
            Err(fault) => return self.fail(fault.text()),
        }
        if !self.is_collecting() {
            return;
        }
        if last {
            self.state = State::Complete;
            return;
        }
        let known = self.start.len() >= MAGIC && self.length.is_some_and(|length| length > SMALL);
        if self.hold == Hold::Undecided && (known || self.store.len() > SMALL) {
            self.decide();
        }
    }

    /// Decides from the first bytes whether the body may be forwarded before its verdict.
    fn decide(&mut self) {
        let Message {
            media_type, url, ..
        } = &self.message;
        if hold::is_executable(media_type, url, &self.start) {
            self.hold = Hold::Whole;
        } else {
            self.hold = Hold::Tail;
            self.tell(Gate::Trickles);
        }
    }

    /// Ready once the received bytes are in the file, or it failed.
    pub fn poll_store(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Err(error) = ready!(self.store.poll_flush(cx)) {
            self.fail(format!("the spool takes no more: {error}"));
        }
        Poll::Ready(())
    }

    /// Ready once the next piece is available.
    pub fn poll_load(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.due() {
            Due::Text(_) | Due::Bytes(0) => Poll::Ready(Ok(())),
            Due::Bytes(_) => self.store.poll_load(cx, self.progress.at()),
        }
    }
}
