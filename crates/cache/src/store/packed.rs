//! Small entries that are not in use, each in one allocation: a million of them have to fit.
//!
//! ```text
//! flags[1] serial status generated received fetch_millis
//! owner[8] page[4] judged[8] route[4]                              where the flags say so
//! lengths of URL, lines, vary_key and trailers, then these and the body
//! ```
//!
//! Numbers without a length are little-endian groups of seven bits, as in LEB128.

use std::sync::Arc;

use smallvec::SmallVec;

use super::disk::codec::{ByteReader, Damaged};
use super::disk::description::Description;
use crate::body::MemoryBody;
use crate::budget::{Budget, allocated, block};
use crate::entry::Entry;
use crate::key::Key;
use crate::rules::policy::Policy;
use crate::rules::stored::StoredHead;
use crate::rules::time::Timestamp;

/// The longest body that is packed: it is copied each time.
pub(crate) const MOST: u64 = 16 * 1024;
const KEEP_ON_DISK: u8 = 1;
const HAS_OWNER: u8 = 2;
const HAS_PAGE: u8 = 4;
const IS_JUDGED: u8 = 8;
const HAS_ROUTE: u8 = 16;

#[derive(Debug)]
pub(crate) struct Packed(Box<[u8]>);

impl Packed {
    /// None where the entry is too large, not complete, or has its body on disk.
    pub(crate) fn of(entry: &Entry) -> Option<Packed> {
        let body = entry.memory_body().filter(|body| body.len() <= MOST)?;
        let (head, trailers) = (entry.head(), body.trailers());
        let (owner, page) = (entry.owner(), entry.page());
        let (judged, route) = (entry.judged(), entry.route());
        let blocks = body.blocks();
        let texts = [
            entry.url().as_bytes(),
            &head.lines,
            &head.vary_key,
            &trailers,
        ];
        let len = texts.iter().map(|text| text.len()).sum::<usize>()
            + blocks.iter().map(|block| block.len()).sum::<usize>();
        let mut numbers = SmallVec::<[u8; 96]>::new();
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        numbers.push(
            flag(entry.keep_on_disk(), KEEP_ON_DISK)
                | flag(owner != 0, HAS_OWNER)
                | flag(page != 0, HAS_PAGE)
                | flag(judged != 0, IS_JUDGED)
                | flag(route != 0, HAS_ROUTE),
        );
        put(&mut numbers, entry.serial());
        put(&mut numbers, head.status.into());
        // What is not after 1970 takes more bytes, and is right.
        put(&mut numbers, head.generated.0 as u64);
        put(&mut numbers, head.received.0 as u64);
        put(&mut numbers, entry.fetch_time().as_millis() as u64);
        if owner != 0 {
            numbers.extend_from_slice(&owner.to_le_bytes());
        }
        if page != 0 {
            numbers.extend_from_slice(&page.to_le_bytes());
        }
        if judged != 0 {
            numbers.extend_from_slice(&judged.to_le_bytes());
        }
        if route != 0 {
            numbers.extend_from_slice(&route.to_le_bytes());
        }
        texts
            .iter()
            .for_each(|text| put(&mut numbers, text.len() as u64));
        // Exactly so much: a rest that is given back would be too small for anything else.
        let mut bytes = Vec::with_capacity(numbers.len() + len);
        bytes.extend_from_slice(&numbers);
        texts.iter().for_each(|text| bytes.extend_from_slice(text));
        blocks
            .iter()
            .for_each(|block| bytes.extend_from_slice(block));
        Some(Packed(bytes.into_boxed_slice()))
    }

    /// Bytes that it takes in memory.
    pub(crate) fn weight(&self) -> u64 {
        allocated(self.0.len())
    }

    pub(crate) fn serial(&self) -> u64 {
        self.view().map_or(0, |view| view.serial)
    }

    pub(crate) fn view(&self) -> Option<PackedView<'_>> {
        PackedView::read(&self.0).ok()
    }

    /// The entry that it was.
    pub(crate) fn unpack(&self, key: Key, policy: &Policy, budget: &Arc<Budget>) -> Option<Entry> {
        let view = self.view()?;
        let (lines, vary_key) = (view.lines.into(), view.vary_key.into());
        let (received, generated) = (view.received, view.generated);
        let description = Description {
            key,
            head: StoredHead::restore(view.status, lines, vary_key, received, generated, policy),
            url: view.url.into(),
            owner: view.owner,
            page: view.page,
            route: view.route,
            fetch_millis: view.fetch_millis,
            judged: view.judged,
            body_len: view.body.len() as u64,
            trailers: view.trailers.to_vec(),
        };
        budget.force(view.body.len() as u64);
        let body = Some(block(view.body.into(), budget)).into_iter();
        let body = MemoryBody::new(body, view.trailers.to_vec().into());
        let keep = view.flags & KEEP_ON_DISK != 0;
        Some(Entry::unpacked(description, body, view.serial, keep))
    }
}

/// A packed entry in the bytes that it was read from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PackedView<'a> {
    flags: u8,
    serial: u64,
    status: u16,
    generated: Timestamp,
    received: Timestamp,
    fetch_millis: u32,
    pub(crate) owner: u64,
    pub(crate) page: u32,
    judged: u64,
    route: u32,
    pub(crate) url: &'a str,
    pub(crate) lines: &'a [u8],
    pub(crate) vary_key: &'a [u8],
    trailers: &'a [u8],
    body: &'a [u8],
}

impl<'a> PackedView<'a> {
    fn read(bytes: &'a [u8]) -> Result<PackedView<'a>, Damaged> {
        let mut from = ByteReader(bytes);
        let flags = from.u8()?;
        let serial = take(&mut from)?;
        let status = u16::try_from(take(&mut from)?).map_err(|_| Damaged)?;
        let generated = Timestamp(take(&mut from)? as i64);
        let received = Timestamp(take(&mut from)? as i64);
        let fetch_millis = u32::try_from(take(&mut from)?).map_err(|_| Damaged)?;
        let owner = match flags & HAS_OWNER {
            0 => 0,
            _ => from.u64()?,
        };
        let page = match flags & HAS_PAGE {
            0 => 0,
            _ => from.u32()?,
        };
        let judged = match flags & IS_JUDGED {
            0 => 0,
            _ => from.u64()?,
        };
        let route = match flags & HAS_ROUTE {
            0 => 0,
            _ => from.u32()?,
        };
        let mut lens = [0; 4];
        for len in &mut lens {
            *len = usize::try_from(take(&mut from)?).map_err(|_| Damaged)?;
        }
        let [url, lines, vary_key, trailers] = lens;
        Ok(PackedView {
            flags,
            serial,
            status,
            generated,
            received,
            fetch_millis,
            owner,
            page,
            judged,
            route,
            url: std::str::from_utf8(from.bytes(url)?).map_err(|_| Damaged)?,
            lines: from.bytes(lines)?,
            vary_key: from.bytes(vary_key)?,
            trailers: from.bytes(trailers)?,
            body: from.0,
        })
    }
}

fn put(out: &mut SmallVec<[u8; 96]>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take(from: &mut ByteReader<'_>) -> Result<u64, Damaged> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = from.u8()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        for number in [
            0,
            1,
            127,
            128,
            1 << 14,
            1_900_000_000,
            u64::MAX,
            -5_i64 as u64,
        ] {
            let mut bytes = SmallVec::new();
            put(&mut bytes, number);
            let mut from = ByteReader(&bytes);
            assert_eq!(take(&mut from), Ok(number));
            assert!(from.0.is_empty());
        }
    }

    #[test]
    fn an_entry_is_unpacked_as_it_was() {
        let cache = cache();
        let get = get("/packed");
        get.fill(&cache, FRESH, b"a body");
        let entry = match get.first(&cache) {
            crate::Lookup::Hit { entry, .. } => entry,
            other => panic!("{other:?}"),
        };
        entry.set_judged(7);
        let key = get.key(&cache);
        let packed = Packed::of(&entry).expect("it is small");
        let head = entry.head();
        let texts = [head.lines.len(), head.vary_key.len(), entry.url().len(), 6];
        let text = texts.iter().sum::<usize>() as u64;
        let beside = packed.0.len() as u64 - text;
        assert!(beside < 48, "{beside} bytes beside its text");
        let again = packed
            .unpack(key, cache.policy(), cache.budget())
            .expect("it is whole");
        assert!(again.is_same(&entry) && again.owner() == entry.owner());
        assert_eq!(again.description(6), entry.description(6));
        assert_eq!(read(again.reader(0)).as_deref(), Ok(&b"a body"[..]));
        for len in 0..packed.0.len() - 6 {
            let cut = Packed(packed.0[..len].into());
            assert!(cut.view().is_none(), "{len}");
        }
    }
}
