//! Streams that are scanned while they are forwarded: server-sent events by what has arrived, gRPC message by message. The head is
//! not trusted: bytes that are not of such a stream end it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use privet_scan::decode::{Coding, Decoder};
use privet_scan::{Body, Message, RequestScanner, Reservation, Verdict};

use super::fault::ScanFault;
use super::grpc::{self, Frame};

/// Bytes of events in one window, while more are available.
pub const WINDOW: usize = 64 * 1024;
/// Bytes of earlier events that are scanned again with the next ones: a match may span both.
const CONTEXT: usize = 16 * 1024;
/// Bytes to which the codings of one window of events may expand.
const MAX_EXPANDED: u64 = 4 << 20;

/// A pending verdict.
pub type PendingVerdict = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// The framing of a stream.
pub enum Framing {
    Events {
        /// Of the content codings, the last one first.
        decoders: Vec<Decoder>,
        /// The last bytes of the previous window.
        context: Vec<u8>,
    },
    Grpc {
        /// That of compressed messages; `None`: it cannot be removed.
        coding: Option<Coding>,
        max_message: u64,
    },
}

pub struct StreamScan {
    framing: Framing,
    /// Bytes received and not forwarded.
    pending: Vec<u8>,
    /// How many of them may be forwarded.
    released: usize,
    /// How many of them the pending verdict covers.
    asking: Option<(PendingVerdict, usize)>,
    source_ended: bool,
    memory: Reservation,
}

impl StreamScan {
    pub fn new(framing: Framing, memory: Reservation) -> Self {
        Self {
            framing,
            pending: Vec::new(),
            released: 0,
            asking: None,
            source_ended: false,
            memory,
        }
    }

    pub fn is_asking(&self) -> bool {
        self.asking.is_some()
    }

    /// Whether a piece may be forwarded, or the stream has ended.
    pub fn has_piece(&self) -> bool {
        self.released > 0 || self.is_over()
    }

    fn is_over(&self) -> bool {
        self.source_ended && self.pending.len() == self.released && self.asking.is_none()
    }

    pub fn has_ended(&self) -> bool {
        self.source_ended
    }

    pub fn piece(&self) -> &[u8] {
        self.pending.get(..self.released).unwrap_or_default()
    }

    pub fn is_last_piece(&self) -> bool {
        self.is_over()
    }

    pub fn consume(&mut self) {
        self.pending.drain(..std::mem::take(&mut self.released));
        if self.pending.is_empty() {
            self.memory.clear();
        }
    }

    /// Whether a full window has arrived.
    pub fn is_full(&self) -> bool {
        self.pending.len() >= WINDOW
    }

    /// The bytes that were not forwarded.
    pub fn take_rest(&mut self) -> Vec<u8> {
        self.asking = None;
        std::mem::take(&mut self.pending)
    }

    pub fn take(&mut self, piece: &[u8], last: bool) -> Result<(), ScanFault> {
        self.source_ended = last;
        let fits = self.memory.grow(piece.len() as u64);
        self.pending.extend_from_slice(piece);
        if !fits {
            return Err(ScanFault::NoRoom);
        }
        let Framing::Grpc { max_message, .. } = self.framing else {
            return Ok(());
        };
        match grpc::check(&self.pending, max_message) {
            Ok(whole) if last && whole < self.pending.len() => Err(ScanFault::NotMessages),
            Ok(_) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// Starts the scan of what has arrived. `false`: nothing can be scanned yet.
    pub fn ask(&mut self, scanning: &RequestScanner, message: &Message) -> Result<bool, ScanFault> {
        if self.asking.is_some() || self.released > 0 {
            return Ok(false);
        }
        let (bodies, count) = match &mut self.framing {
            Framing::Events { decoders, context } => {
                if self.pending.is_empty() {
                    return Ok(false);
                }
                let text = window(decoders, context, &self.pending)?;
                (vec![text], self.pending.len())
            }
            Framing::Grpc {
                coding,
                max_message,
            } => messages(&self.pending, *coding, *max_message)?,
        };
        if count == 0 {
            return Ok(false);
        }
        let (scanning, message) = (scanning.clone(), message.clone());
        let asking = async move {
            let mut worst = Verdict::Clean;
            for (bytes, codings) in bodies {
                let body = Body {
                    bytes,
                    codings,
                    message: message.clone(),
                };
                match scanning.scan(body).await {
                    Verdict::Clean => {}
                    bad @ Verdict::Bad(_) => return bad,
                    other => worst = other,
                }
            }
            worst
        };
        self.asking = Some((Box::pin(asking), count));
        Ok(true)
    }

    /// Ready with the pending verdict, or at once if there is none.
    pub fn poll_verdict(&mut self, cx: &mut Context<'_>) -> Poll<Option<Verdict>> {
        let Some((asking, count)) = &mut self.asking else {
            return Poll::Ready(None);
        };
        let verdict = ready!(asking.as_mut().poll(cx));
        self.released = *count;
        self.asking = None;
        Poll::Ready(Some(verdict))
    }
}

type Part = (Bytes, Vec<Coding>);

/// The next window of events without its codings, after the last bytes of the previous one.
fn window(
    decoders: &mut [Decoder],
    context: &mut Vec<u8>,
    received: &[u8],
) -> Result<Part, ScanFault> {
    let mut text = received.to_vec();
    for decoder in decoders {
        let mut plain = Vec::new();
        decoder.allow(MAX_EXPANDED);
        let pushed = decoder.push(&text, &mut plain);
        pushed.map_err(|_| ScanFault::Coding)?;
        text = plain;
    }
    if !text.iter().copied().all(is_text) {
        return Err(ScanFault::NotEvents);
    }
    context.extend_from_slice(&text);
    let all = Bytes::copy_from_slice(context);
    context.drain(..context.len().saturating_sub(CONTEXT));
    Ok((all, Vec::new()))
}

/// No archive and no program is made of such bytes alone. Some logs colour their lines by ESC.
fn is_text(byte: u8) -> bool {
    byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b)
}

/// The whole messages at the start, and how many bytes they take.
fn messages(
    received: &[u8],
    coding: Option<Coding>,
    max_message: u64,
) -> Result<(Vec<Part>, usize), ScanFault> {
    let (mut parts, mut used) = (Vec::new(), 0);
    while let Some(Frame {
        len,
        compressed,
        message,
    }) = grpc::frame(received.get(used..).unwrap_or_default(), max_message)?
    {
        used += len;
        if message.is_empty() {
            continue;
        }
        let codings = match (compressed, coding) {
            (false, _) => Vec::new(),
            (true, Some(coding)) => vec![coding],
            (true, None) => return Err(ScanFault::Coding),
        };
        parts.push((Bytes::copy_from_slice(message), codings));
    }
    Ok((parts, used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_text_and_are_judged_with_what_came_before() {
        let mut context = Vec::new();
        let (first, _) = window(&mut [], &mut context, b"data: one\n").unwrap();
        assert_eq!(&first[..], b"data: one\n");
        let (second, _) = window(&mut [], &mut context, "data: zwölf\r\n\n".as_bytes()).unwrap();
        assert_eq!(&second[..], "data: one\ndata: zwölf\r\n\n".as_bytes());
        window(&mut [], &mut context, &[b'x'; 3 * CONTEXT]).unwrap();
        assert_eq!(context.len(), CONTEXT);
        for other in [
            &b"PK\x03\x04"[..],
            b"\x7fELF\x02\x01",
            b"\x1f\x8b\x08",
            b"a\0b",
        ] {
            assert_eq!(
                window(&mut [], &mut context, other),
                Err(ScanFault::NotEvents)
            );
        }
    }

    #[test]
    fn messages_are_judged_one_by_one() {
        let two = b"\0\0\0\0\x03one\x01\0\0\0\x01z\0\0\0\0\x09half";
        let (parts, used) = messages(two, Some(Coding::Gzip), 100).unwrap();
        assert_eq!(used, 14);
        assert_eq!(
            parts,
            [
                (Bytes::from_static(b"one"), vec![]),
                (Bytes::from_static(b"z"), vec![Coding::Gzip])
            ]
        );
        assert_eq!(messages(two, None, 100), Err(ScanFault::Coding));
        assert_eq!(messages(b"MZ", None, 100), Err(ScanFault::NotMessages));
        assert_eq!(messages(b"\0\0\0\0\x09", None, 8), Err(ScanFault::Oversize));
    }
}
