//! A request that asks a shared store, and what it makes of the answer.

use std::cmp::Ordering;
use std::time::Duration;

use super::generations::Generations;
use super::key::{Scope, Scopes, SharedKey};
use super::value::{EntryValue, Value};
use crate::rules::fields::FieldLines;
use crate::rules::invalidation;
use crate::rules::policy::Policy;
use crate::rules::request::Request;
use crate::rules::stored::StoredHead;
use crate::rules::storing::{self, Response};
use crate::rules::time::Timestamp;
use crate::rules::vary;
use crate::store::disk::seal::DiskKey;

/// A request that asks a shared store.
#[derive(Debug, Clone, Copy)]
pub struct SharedAsk {
    /// Of its URL: where a response is that does not vary.
    pub key: SharedKey,
    pub scopes: Scopes,
}

/// What an engine has.
#[derive(Debug)]
pub struct Got {
    /// The value, and how long it will be kept. `None`: there is none.
    pub value: Option<(Vec<u8>, Duration)>,
    /// Of its scopes; at least those of the purges of this machine.
    pub generations: Generations,
}

/// What a store's answer means for a request.
#[derive(Debug)]
pub enum Read {
    Entry(Box<SharedEntry>),
    /// A tag was purged since it was written: the generations of its own are to be asked for.
    Tagged(Box<SharedEntry>),
    /// The response varies: this is the request's variant.
    Variant(SharedKey),
    Nothing,
    /// The value is no entry of what was asked for, or it was purged.
    Refused,
}

/// A response that another machine has stored, in the times of this one.
#[derive(Debug)]
pub struct SharedEntry {
    pub(crate) head: StoredHead,
    pub(crate) body: Vec<u8>,
    pub(crate) fetched_in: Duration,
    pub(crate) scopes: Scopes,
    pub(crate) generations: Generations,
    /// The scopes of its tags.
    pub(crate) tags: Box<[Scope]>,
    /// The generation of all tags, as the store has it.
    pub(crate) found_tags: u64,
}

impl SharedEntry {
    pub fn tags(&self) -> &[Scope] {
        &self.tags
    }

    /// Whether none of its tags was purged, where the store has these generations of them, in their order.
    pub fn keeps_tags(&self, found: &[u64]) -> bool {
        let own = self.generations.tags();
        found.len() == self.tags.len() && found.iter().all(|purged| *purged <= own)
    }

    pub fn head(&self) -> &StoredHead {
        &self.head
    }
}

impl SharedAsk {
    /// `None`: its response is not shared.
    pub fn new(space: &str, request: &Request<'_>) -> Option<SharedAsk> {
        let asks = request.is_get() && !request.has_credentials() && !request.has_body;
        asks.then(|| SharedAsk {
            key: SharedKey::new(space, request),
            scopes: Scopes::of_url(&request.target.url()),
        })
    }

    /// Where the response is for a request with this variant's key.
    pub(super) fn key_of(&self, vary_key: &[u8]) -> SharedKey {
        match vary_key {
            [] => self.key,
            vary_key => self.key.variant(vary_key),
        }
    }

    /// Reads what the store has under `key`: this request's, or that of its variant.
    pub fn read(
        &self,
        key: &SharedKey,
        got: &Got,
        secret: Option<&DiskKey>,
        request: &Request<'_>,
        (policy, now): (&Policy, Timestamp),
    ) -> Read {
        let Some((bytes, left)) = &got.value else {
            return Read::Nothing;
        };
        match Value::decode(bytes, key, secret, policy) {
            Ok(Value::Names(names)) if *key == self.key => {
                match vary::key_of(names.iter().map(|name| &**name), request.sent) {
                    Some(vary_key) => Read::Variant(self.key.variant(&vary_key)),
                    None => Read::Refused,
                }
            }
            Ok(Value::Entry(entry)) if entry.generations.are_current(&got.generations) => {
                let entry = self.entry(*entry, *left, request, policy, now);
                let found = got.generations.tags();
                let its = |entry: &SharedEntry| *key == self.key_of(&entry.head.vary_key);
                match entry.filter(its) {
                    Some(entry) => with_tags(Box::new(entry), found),
                    None => Read::Refused,
                }
            }
            _ => Read::Refused,
        }
    }

    /// The entry as the response of an origin: all rules of what may be stored for this request hold.
    fn entry(
        &self,
        value: EntryValue,
        left: Duration,
        request: &Request<'_>,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<SharedEntry> {
        let old = value.description.head;
        if *value.description.url != *request.target.url() {
            return None;
        }
        // The store's clock tells how long ago it was written; the clocks of two machines may differ.
        let ago = value.kept.checked_sub(left)?.as_millis().div_ceil(1000);
        let ahead = now.plus(-i64::try_from(ago).ok()?).since(value.written);
        let received = old.received.plus(ahead);
        let fields = FieldLines(&old.lines);
        let response = Response {
            status: old.status,
            fields: &fields,
            body_len: Some(value.body.len() as u64),
        };
        let mut head = storing::store(request, &response, received, received, policy).ok()?;
        if !is_shared(&head) {
            return None;
        }
        head.generated = head.generated.min(old.generated.plus(ahead));
        Some(SharedEntry {
            head,
            body: value.body,
            fetched_in: Duration::from_millis(value.description.fetch_millis.into()),
            scopes: self.scopes,
            generations: value.generations,
            tags: Box::default(),
            found_tags: 0,
        })
    }
}

/// What is to be done about the tags of an entry, where the store has this generation of all tags.
fn with_tags(mut entry: Box<SharedEntry>, found: u64) -> Read {
    let tags = invalidation::tags(&FieldLines(&entry.head.lines));
    entry.tags = tags.iter().map(|tag| Scope::tag(tag)).collect();
    entry.found_tags = found;
    match found.cmp(&entry.generations.tags()) {
        _ if entry.tags.is_empty() => Read::Entry(entry),
        Ordering::Equal => Read::Entry(entry),
        Ordering::Greater => Read::Tagged(entry),
        // The store has lost a purge.
        Ordering::Less => Read::Refused,
    }
}

/// Whether a response may be on other machines: it is a whole, and sets no cookie.
pub(super) fn is_shared(head: &StoredHead) -> bool {
    head.status != 206 && head.get("set-cookie").is_none() && head.get("set-cookie2").is_none()
}
