//! One body that is withheld until its verdict: what came of it, what may go on, and how it ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use privet_cache::Entry;
use privet_scan::decode::Coding;
use privet_scan::{Body, Direction, Held, Message, Scanner, Verdict};
use tokio::sync::watch;

use super::hold::{self, MAGIC, SMALL, TAIL};
use super::report::{ScanReport, ScanWord};

/// Bytes that go on in one piece.
const PIECE: usize = 64 * 1024;

type Asking = Pin<Box<dyn Future<Output = Verdict> + Send>>;

enum State {
    /// It is read.
    Collecting(Vec<u8>),
    /// All of it is there, and its verdict is awaited.
    Asking(Asking, Bytes),
    /// The verdict lets it go on.
    Released(Bytes),
    /// It is not looked at any more: what was read goes on, then the rest.
    Passing(Vec<u8>),
    Refused,
}

/// What of a body is withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// Everything so far.
    Undecided,
    Whole,
    /// The end.
    Tail,
}

pub(crate) struct BodyScan {
    scanner: Arc<Scanner>,
    message: Message,
    codings: Vec<Coding>,
    /// The announced length.
    length: Option<u64>,
    hold: Hold,
    state: State,
    /// Bytes that went on.
    sent: usize,
    /// Bytes of the current piece.
    piece: usize,
    read: u64,
    memory: Held,
    asked: Option<Instant>,
    report: Option<ScanReport>,
    /// Who waits for the verdict apart from the body.
    told: Option<watch::Sender<Gate>>,
    /// The stored response that a clean verdict is noted at.
    stored: Option<Entry>,
}

/// What a body's verdict lets a client have.
#[derive(Debug, Clone, Default)]
pub(crate) enum Gate {
    #[default]
    Closed,
    /// Its beginning goes on before its verdict.
    Trickles,
    Ended(ScanReport),
}

impl BodyScan {
    pub fn new(
        scanner: Arc<Scanner>,
        message: Message,
        codings: Vec<Coding>,
        length: Option<u64>,
    ) -> Self {
        let uploads = message.direction == Direction::Upload;
        let whole = uploads || length.is_some_and(|length| length <= SMALL);
        Self {
            memory: scanner.budget().hold(),
            scanner,
            message,
            codings,
            length,
            hold: if whole { Hold::Whole } else { Hold::Undecided },
            state: State::Collecting(Vec::new()),
            sent: 0,
            piece: 0,
            read: 0,
            asked: None,
            report: None,
            told: None,
            stored: None,
        }
    }

    /// The verdict, for who does not read the body.
    pub fn gate(&mut self) -> watch::Receiver<Gate> {
        let (told, gate) = watch::channel(Gate::Closed);
        self.told = Some(told);
        gate
    }

    /// A clean verdict is noted at this stored response, before the last piece of its body goes on.
    pub fn notes_at(&mut self, entry: Entry) {
        self.stored = Some(entry);
    }

    /// The number of what judges.
    pub fn judge(&self) -> u64 {
        self.scanner.generation()
    }

    /// Bytes that were read.
    pub fn read(&self) -> u64 {
        self.read
    }

    pub fn is_asking(&self) -> bool {
        matches!(self.state, State::Asking(..))
    }

    pub fn report(&self) -> Option<&ScanReport> {
        self.report.as_ref()
    }

    /// Whether the message's head may not go on yet.
    pub fn holds_head(&self) -> bool {
        // What is uploaded cannot do harm without its body, and its client may wait for a 100.
        if self.message.direction == Direction::Upload {
            return false;
        }
        match self.state {
            State::Collecting(_) | State::Asking(..) => self.hold != Hold::Tail,
            State::Refused => self.sent == 0,
            State::Released(_) | State::Passing(_) => false,
        }
    }

    pub fn is_refused(&self) -> bool {
        matches!(self.state, State::Refused)
    }

    pub fn is_collecting(&self) -> bool {
        matches!(self.state, State::Collecting(_))
    }

    /// Whether the source's own pieces go on as they are.
    pub fn is_passing(&self) -> bool {
        matches!(&self.state, State::Passing(kept) if self.sent >= kept.len())
    }

    pub fn is_released(&self) -> bool {
        matches!(self.state, State::Released(_))
    }

    /// Finds the next piece of what is held. `false`: there is none.
    pub fn next_piece(&mut self) -> bool {
        let end = match &self.state {
            State::Collecting(bytes) => self.free(bytes.len()),
            State::Passing(bytes) => bytes.len(),
            State::Released(bytes) => bytes.len(),
            State::Asking(..) | State::Refused => self.sent,
        };
        self.piece = (end - self.sent).min(PIECE);
        self.piece > 0 || self.is_released()
    }

    /// The current piece of what is held.
    pub fn piece(&self) -> &[u8] {
        let bytes = match &self.state {
            State::Collecting(bytes) | State::Passing(bytes) => &bytes[..],
            State::Released(bytes) => &bytes[..],
            State::Asking(..) | State::Refused => &[],
        };
        bytes
            .get(self.sent..self.sent + self.piece)
            .unwrap_or_default()
    }

    /// Whether nothing follows the current piece.
    pub fn is_last_piece(&self) -> bool {
        match &self.state {
            State::Released(bytes) => self.sent + self.piece >= bytes.len(),
            _ => false,
        }
    }

    /// The current piece went on.
    pub fn consume(&mut self) {
        self.sent += std::mem::take(&mut self.piece);
    }

    /// Whether bytes may go on before the verdict.
    pub fn has_free(&self) -> bool {
        matches!(&self.state, State::Collecting(bytes) if self.free(bytes.len()) > self.sent)
    }

    /// How much may go on before the verdict.
    fn free(&self, collected: usize) -> usize {
        if self.hold != Hold::Tail {
            return self.sent;
        }
        let tail = usize::try_from(TAIL).unwrap_or(usize::MAX);
        let most = match self.length.and_then(|length| usize::try_from(length).ok()) {
            Some(length) => length.saturating_sub(tail).min(collected),
            None => collected.saturating_sub(tail),
        };
        most.max(self.sent)
    }

    /// Takes the next piece of the body.
    pub fn take(&mut self, piece: &[u8], last: bool) {
        let State::Collecting(bytes) = &mut self.state else {
            return;
        };
        self.read += piece.len() as u64;
        if self.read > self.scanner.max_body {
            bytes.extend_from_slice(piece);
            return self.is_oversize();
        }
        if !self.memory.grow(piece.len() as u64) {
            bytes.extend_from_slice(piece);
            return self.fail("too much memory is held by bodies that wait for their verdict");
        }
        bytes.extend_from_slice(piece);
        if last {
            return self.ask();
        }
        let known = bytes.len() >= MAGIC && self.length.is_some_and(|length| length > SMALL);
        if self.hold == Hold::Undecided && (known || bytes.len() as u64 > SMALL) {
            let Message {
                media_type, url, ..
            } = &self.message;
            if hold::is_executable(media_type, url, bytes) {
                self.hold = Hold::Whole;
            } else {
                self.hold = Hold::Tail;
                self.tell(Gate::Trickles);
            }
        }
    }

    fn ask(&mut self) {
        let State::Collecting(bytes) = &mut self.state else {
            return;
        };
        let bytes = Bytes::from(std::mem::take(bytes));
        let body = Body {
            bytes: bytes.clone(),
            codings: std::mem::take(&mut self.codings),
            message: self.message.clone(),
        };
        let scanner = self.scanner.clone();
        let asking = async move { scanner.scan(body).await };
        self.asked = Some(Instant::now());
        self.state = State::Asking(Box::pin(asking), bytes);
    }

    /// Ready once there is a verdict.
    pub fn poll_verdict(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let State::Asking(asking, bytes) = &mut self.state else {
            return Poll::Ready(());
        };
        let verdict = ready!(asking.as_mut().poll(cx));
        let bytes = std::mem::take(bytes);
        let passes = !self.scanner.block_on_error;
        let mut report = match verdict {
            Verdict::Clean => {
                if let Some(stored) = &self.stored {
                    stored.set_judged(self.scanner.generation());
                }
                ScanReport::of(ScanWord::Clean)
            }
            Verdict::Bad(finding) => {
                let taken = self.scanner.takes_risk(&finding, self.message.client);
                let word = if taken {
                    ScanWord::BadPassed
                } else {
                    ScanWord::Bad
                };
                ScanReport {
                    finding: Some(finding),
                    ..ScanReport::of(word)
                }
            }
            Verdict::Error(why) => ScanReport::error(passes, why),
        };
        report.took = self.asked.map(|asked| asked.elapsed()).unwrap_or_default();
        self.state = match report.blocks() {
            true => State::Refused,
            false => State::Released(bytes),
        };
        self.end(report);
        Poll::Ready(())
    }

    /// It is larger than is scanned.
    pub fn is_oversize(&mut self) {
        match self.scanner.block_oversize {
            true => self.refuse(ScanReport::of(ScanWord::Oversize)),
            false => {
                self.scanner.passed_oversize();
                self.pass(ScanReport::of(ScanWord::OversizePassed));
            }
        }
    }

    /// It cannot be judged.
    pub fn fail(&mut self, why: &'static str) {
        match self.scanner.block_on_error {
            true => self.refuse(ScanReport::error(false, why)),
            false => self.pass(ScanReport::error(true, why)),
        }
    }

    fn refuse(&mut self, report: ScanReport) {
        self.state = State::Refused;
        self.end(report);
    }

    fn pass(&mut self, report: ScanReport) {
        if let State::Collecting(bytes) = &mut self.state {
            self.state = State::Passing(std::mem::take(bytes));
        }
        self.end(report);
    }

    fn end(&mut self, report: ScanReport) {
        self.tell(Gate::Ended(report.clone()));
        self.report = Some(report);
    }

    fn tell(&self, gate: Gate) {
        if let Some(told) = &self.told {
            // Nobody may wait any more.
            let _ = told.send(gate);
        }
    }
}
