use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;

use super::*;
use crate::body::BLOCK;
use crate::body_reader::BodyReader;
use crate::incoming_reader::IncomingReader;

const MIB: u64 = 1 << 20;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(&crate::budget::Pools::new(64 * MIB, 0).memory))
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 % 251) as u8).collect()
}

/// Reads until the reader waits or ends.
fn read(reader: &mut IncomingReader, into: &mut Vec<u8>) -> Poll<Result<(), BodyReadError>> {
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match reader.poll_next(&mut cx, usize::MAX) {
            Poll::Ready(Ok(Some(piece))) => into.extend_from_slice(&piece),
            Poll::Ready(Ok(None)) => return Poll::Ready(Ok(())),
            Poll::Ready(Err(broken)) => return Poll::Ready(Err(broken)),
            Poll::Pending => return Poll::Pending,
        }
    }
}

/// The body, where it is kept in memory.
fn finish(writer: IncomingWriter, trailers: &[u8]) -> Option<MemoryBody> {
    match writer.finish(trailers).expect("complete") {
        Received::InMemory(body) => Some(body),
        Received::OnDisk(..) | Received::NotKept => None,
    }
}

fn ready(writer: &mut IncomingWriter) -> Poll<Result<(), Gone>> {
    writer.poll_ready(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn readers_see_what_has_arrived_and_wait_for_the_rest() {
    let (mut writer, incoming) = incoming(None, MIB, &budget(), None);
    let mut early = incoming.reader(0);
    let woken = Arc::new(Count::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    assert!(early.poll_next(&mut cx, usize::MAX).is_pending());
    writer.push(b"first ").expect("open");
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    let mut late = incoming.reader(0);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    assert!(read(&mut early, &mut a).is_pending());
    writer.push(b"second").expect("open");
    assert!(read(&mut late, &mut b).is_pending());
    let body = finish(writer, b"x: y\r\n").expect("kept");
    assert_eq!(read(&mut early, &mut a), Poll::Ready(Ok(())));
    assert_eq!(read(&mut late, &mut b), Poll::Ready(Ok(())));
    assert_eq!(
        (a.as_slice(), b.as_slice()),
        (&b"first second"[..], &b"first second"[..])
    );
    assert_eq!(body.len(), 12);
    assert_eq!(&late.trailers()[..], b"x: y\r\n");
}

#[test]
fn a_body_that_is_aborted_or_dropped_never_ends() {
    for drops in [false, true] {
        let (mut writer, incoming) = incoming(None, MIB, &budget(), None);
        writer.push(b"half").expect("open");
        let mut reader = incoming.reader(0);
        if drops {
            drop(writer);
        } else {
            writer.abort();
        }
        let mut got = Vec::new();
        assert_eq!(
            read(&mut reader, &mut got),
            Poll::Ready(Err(BodyReadError::Aborted))
        );
        assert_eq!(got, b"half");
        assert!(!incoming.is_complete() && !incoming.is_whole());
    }
}

#[test]
fn a_body_of_another_length_than_announced_is_broken() {
    let (mut writer, shorter) = incoming(Some(5), MIB, &budget(), None);
    writer.push(b"four").expect("open");
    let wrong = Incomplete::WrongLength {
        expected: 5,
        received: 4,
    };
    assert_eq!(writer.finish(b"").err(), Some(wrong));
    assert!(!shorter.is_complete());

    let (mut writer, longer) = incoming(Some(3), MIB, &budget(), None);
    assert_eq!(writer.push(b"four"), Err(Incomplete::TooLong));
    assert!(writer.finish(b"").is_err());
    let mut got = Vec::new();
    assert_eq!(
        read(&mut longer.reader(0), &mut got),
        Poll::Ready(Err(BodyReadError::Aborted))
    );
}

#[test]
fn a_slow_reader_of_a_stored_body_holds_nobody() {
    let (mut writer, incoming) = incoming(None, 8 * MIB, &budget(), None);
    let mut slow = incoming.reader(0);
    let data = bytes(4 * MIB as usize);
    for piece in data.chunks(10_000) {
        assert_eq!(ready(&mut writer), Poll::Ready(Ok(())));
        writer.push(piece).expect("open");
    }
    let body = finish(writer, b"").expect("kept");
    let mut got = Vec::new();
    assert_eq!(read(&mut slow, &mut got), Poll::Ready(Ok(())));
    assert!(got == data);
    assert!(body.blocks().concat() == data);
    assert!(
        body.blocks()
            .iter()
            .rev()
            .skip(1)
            .all(|block| block.len() == BLOCK)
    );
}

#[test]
fn a_body_past_its_limit_goes_on_through_a_bounded_window() {
    let budget = budget();
    let (mut writer, incoming) = incoming(None, MIB, &budget, None);
    let mut reader = incoming.reader(0);
    let data = bytes(1000);
    let (mut sent, mut got, mut most) = (0, Vec::new(), 0);
    while sent < 20 * MIB {
        match ready(&mut writer) {
            Poll::Ready(result) => {
                result.expect("it is read");
                writer.push(&data).expect("open");
                sent += 1000;
            }
            Poll::Pending => assert!(read(&mut reader, &mut got).is_pending()),
        }
        most = most.max(budget.used());
    }
    assert!(most < 3 * MIB, "{most} bytes were kept");
    assert!(!incoming.is_whole());
    assert!(finish(writer, b"").is_none(), "it is not stored");
    assert_eq!(read(&mut reader, &mut got), Poll::Ready(Ok(())));
    assert_eq!(got.len() as u64, sent);
    assert!(got.chunks(1000).all(|chunk| chunk == data));
    let mut late = incoming.reader(0);
    assert_eq!(
        read(&mut late, &mut got),
        Poll::Ready(Err(BodyReadError::Overtaken))
    );
}

#[test]
fn the_slowest_reader_is_overtaken_where_the_body_is_not_stored() {
    let budget = budget();
    let (mut writer, incoming) = incoming(None, MIB, &budget, None);
    let mut slow = incoming.reader(0);
    let mut quick = incoming.reader(0);
    let (mut got, data) = (Vec::new(), bytes(50_000));
    for _ in 0..200 {
        assert_eq!(
            ready(&mut writer),
            Poll::Ready(Ok(())),
            "the quick one is not held"
        );
        writer.push(&data).expect("open");
        assert!(read(&mut quick, &mut got).is_pending());
    }
    assert!(budget.used() < 3 * MIB);
    assert_eq!(
        read(&mut slow, &mut Vec::new()),
        Poll::Ready(Err(BodyReadError::Overtaken))
    );
    drop((slow, quick));
    assert_eq!(ready(&mut writer), Poll::Ready(Err(Gone)));
}

#[test]
fn all_memory_is_given_back_once_the_last_reader_is_gone() {
    let budget = budget();
    let (mut writer, incoming) = incoming(None, MIB, &budget, None);
    for piece in bytes(300_000).chunks(777) {
        writer.push(piece).expect("open");
    }
    let body = finish(writer, b"").expect("kept");
    assert_eq!(budget.used(), 300_000);
    let mut reader = BodyReader::memory(body, 0, u64::MAX);
    drop(incoming);
    let first = reader.poll_next(&mut Context::from_waker(Waker::noop()));
    drop(reader);
    let Poll::Ready(Ok(Some(first))) = first else {
        panic!("a body in memory does not wait");
    };
    assert_eq!(
        budget.used(),
        first.len() as u64,
        "what is still being written counts"
    );
    drop(first);
    assert_eq!(budget.used(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Readers that start anywhere, at any moment, read exactly the rest of the body.
    #[test]
    fn every_reader_reads_the_same_body(
        pieces in proptest::collection::vec(0_usize..90_000, 0..20),
        starts in proptest::collection::vec((0_usize..20, 0_u64..200_000), 0..6),
        limit in prop_oneof![Just(0_u64), Just(100_000), Just(u64::MAX)],
        ends in any::<bool>(),
    ) {
        let total: usize = pieces.iter().sum();
        let data = bytes(total);
        let (mut writer, incoming) = incoming(ends.then_some(total as u64), limit, &budget(), None);
        let mut readers = vec![(0, Vec::new(), incoming.reader(0))];
        let mut at = 0;
        for (turn, len) in pieces.iter().enumerate() {
            writer.push(&data[at..at + len]).expect("open");
            at += len;
            for (_, start) in starts.iter().filter(|(when, _)| *when == turn) {
                let start = (*start).min(at as u64);
                readers.push((start, Vec::new(), incoming.reader(start)));
            }
            for (_, got, reader) in &mut readers {
                let _ = read(reader, got);
            }
        }
        if ends {
            writer.finish(b"").expect("complete");
        } else {
            writer.abort();
        }
        for (start, mut got, mut reader) in readers {
            let rest = &data[start as usize..];
            match read(&mut reader, &mut got) {
                Poll::Ready(Ok(())) => prop_assert!(ends && got == rest),
                Poll::Ready(Err(BodyReadError::Aborted)) => prop_assert!(!ends && rest.starts_with(&got)),
                Poll::Ready(Err(BodyReadError::Overtaken)) => {
                    prop_assert!(limit < u64::MAX && got.is_empty() && start > 0);
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
