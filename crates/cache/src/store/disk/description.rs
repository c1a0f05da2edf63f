//! What an object's file says of the object.

use std::sync::Arc;

use super::codec::{ByteReader, Damaged, put_counted};
use crate::key::Key;
use crate::rules::policy::Policy;
use crate::rules::stored::StoredHead;
use crate::rules::time::Timestamp;

/// What an object's file says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) key: Key,
    pub(crate) head: StoredHead,
    pub(crate) url: Arc<str>,
    pub(crate) owner: u64,
    pub(crate) page: u32,
    pub(crate) route: u32,
    pub(crate) fetch_millis: u32,
    /// What judged the body, as the entry has it. 0: nothing did.
    pub(crate) judged: u64,
    pub(crate) body_len: u64,
    pub(crate) trailers: Vec<u8>,
}

impl Description {
    pub(crate) fn write(&self) -> Vec<u8> {
        let head = &self.head;
        let mut out = Vec::with_capacity(128 + head.lines.len() + head.vary_key.len());
        out.extend_from_slice(&self.key.0.to_le_bytes());
        out.extend_from_slice(&head.status.to_le_bytes());
        out.extend_from_slice(&head.received.0.to_le_bytes());
        out.extend_from_slice(&head.generated.0.to_le_bytes());
        out.extend_from_slice(&self.owner.to_le_bytes());
        out.extend_from_slice(&self.page.to_le_bytes());
        out.extend_from_slice(&self.route.to_le_bytes());
        out.extend_from_slice(&self.fetch_millis.to_le_bytes());
        out.extend_from_slice(&self.judged.to_le_bytes());
        out.extend_from_slice(&self.body_len.to_le_bytes());
        put_counted(&mut out, self.url.as_bytes());
        put_counted(&mut out, &head.lines);
        put_counted(&mut out, &head.vary_key);
        put_counted(&mut out, &self.trailers);
        out
    }

    pub(crate) fn read(bytes: &[u8], policy: &Policy) -> Result<Description, Damaged> {
        let view = DescriptionView::read(bytes)?;
        let (lines, vary_key) = (view.lines.into(), view.vary_key.into());
        let (received, generated) = (view.received, view.generated);
        Ok(Description {
            key: view.key,
            head: StoredHead::restore(view.status, lines, vary_key, received, generated, policy),
            url: view.url.into(),
            owner: view.owner,
            page: view.page,
            route: view.route,
            fetch_millis: view.fetch_millis,
            judged: view.judged,
            body_len: view.body_len,
            trailers: view.trailers.to_vec(),
        })
    }
}

/// A description in the bytes that it was read from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DescriptionView<'a> {
    key: Key,
    pub(crate) status: u16,
    received: Timestamp,
    generated: Timestamp,
    pub(crate) owner: u64,
    pub(crate) page: u32,
    route: u32,
    fetch_millis: u32,
    judged: u64,
    body_len: u64,
    pub(crate) url: &'a str,
    pub(crate) lines: &'a [u8],
    pub(crate) vary_key: &'a [u8],
    trailers: &'a [u8],
}

impl<'a> DescriptionView<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<DescriptionView<'a>, Damaged> {
        let mut from = ByteReader(bytes);
        let view = DescriptionView {
            key: Key(from.u128()?),
            status: from.u16()?,
            received: Timestamp(from.i64()?),
            generated: Timestamp(from.i64()?),
            owner: from.u64()?,
            page: from.u32()?,
            route: from.u32()?,
            fetch_millis: from.u32()?,
            judged: from.u64()?,
            body_len: from.u64()?,
            url: from.text()?,
            lines: from.counted()?,
            vary_key: from.counted()?,
            trailers: from.counted()?,
        };
        from.end()?;
        Ok(view)
    }
}
