//! The bytes of a value in a shared store.
//!
//! ```text
//! value    "PrvtShr2" kind[1] salt[16] contents tag
//! entry    generations[32] kept[8] written[8] description body       kind 1
//! names    the names that Vary has, in lower case, a line each       kind 2
//! ```
//!
//! The tag is a checksum, or authenticates and encrypts the contents where the machines share a key. It covers the
//! value's name: a value under another name is damaged. Numbers are little-endian.

use std::time::Duration;

use super::generations::Generations;
use super::key::SharedKey;
use super::lifetime::MAX_VALUE_LIFETIME;
use crate::rules::lifetime::Lifetime;
use crate::rules::policy::Policy;
use crate::rules::time::Timestamp;
use crate::rules::vary;
use crate::store::disk::codec::{ByteReader, Damaged, put_counted};
use crate::store::disk::description::Description;
use crate::store::disk::seal::{DiskKey, Piece, SALT, Seal, random};

/// It changes with the form of a description.
const MAGIC: &[u8; 8] = b"PrvtShr2";
const ENTRY: u8 = 1;
const NAMES: u8 = 2;
/// The largest body that is shared, in bytes.
pub const MOST_BODY: u64 = 1 << 20;
/// The longest description.
const MOST_DESCRIPTION: usize = 64 << 10;
/// The longest value.
pub const MOST_VALUE: usize = MOST_BODY as usize + MOST_DESCRIPTION + 256;
/// Seconds after its lifetime for which an entry is kept at most.
const MOST_STALE: u32 = 24 * 3600;

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Entry(Box<EntryValue>),
    /// The response depends on these fields of the request: each variant has a value of its own.
    Names(Vec<Box<[u8]>>),
}

/// An entry as another machine has written it. Its times are those of that machine's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryValue {
    pub(crate) generations: Generations,
    /// For how long it was to be kept when it was written.
    pub(crate) kept: Duration,
    pub(crate) written: Timestamp,
    pub(crate) description: Description,
    pub(crate) body: Vec<u8>,
}

/// For how long an entry with this lifetime is kept that will be fresh for `ttl` seconds: as long as it is of use.
pub fn kept_for(lifetime: &Lifetime, ttl: i64) -> Option<Duration> {
    if lifetime.no_cache || ttl <= 0 {
        return None;
    }
    let stale = match lifetime.must_revalidate {
        true => 0,
        false => lifetime
            .stale_while_revalidate
            .max(lifetime.stale_if_error.unwrap_or(0)),
    };
    let seconds = u64::try_from(ttl).ok()? + u64::from(stale.min(MOST_STALE));
    Some(Duration::from_secs(seconds).min(MAX_VALUE_LIFETIME))
}

impl Value {
    fn contents(&self) -> Option<(u8, Vec<u8>)> {
        let entry = match self {
            Value::Names(names) => return Some((NAMES, names.join(&b'\n'))),
            Value::Entry(entry) => entry,
        };
        let description = entry.description.write();
        if description.len() > MOST_DESCRIPTION || entry.body.len() as u64 > MOST_BODY {
            return None;
        }
        let mut out = Vec::with_capacity(64 + description.len() + entry.body.len());
        for generation in entry.generations.0 {
            out.extend_from_slice(&generation.to_le_bytes());
        }
        let kept = u64::try_from(entry.kept.as_millis()).ok()?;
        out.extend_from_slice(&kept.to_le_bytes());
        out.extend_from_slice(&entry.written.0.to_le_bytes());
        put_counted(&mut out, &description);
        out.extend_from_slice(&entry.body);
        Some((ENTRY, out))
    }

    /// The bytes to keep under this name. `None`: it is too large.
    pub(crate) fn encode(&self, key: &SharedKey, secret: Option<&DiskKey>) -> Option<Vec<u8>> {
        let (kind, mut contents) = self.contents()?;
        let salt = random::<SALT>().ok()?;
        let seal = Seal::new(secret, salt).ok()?;
        let mut tag = Vec::with_capacity(16);
        let beside = beside(kind, key);
        // The salt makes a key of its own for each value, so there is one piece.
        seal.seal(Piece::Block(0), &beside, &mut contents, &mut tag)
            .ok()?;
        Some([&MAGIC[..], &[kind], &salt, &contents, &tag].concat())
    }

    /// What was kept under this name.
    ///
    /// # Errors
    ///
    /// Where it is anything else than a value that was made for this name under this key.
    pub(crate) fn decode(
        bytes: &[u8],
        key: &SharedKey,
        secret: Option<&DiskKey>,
        policy: &Policy,
    ) -> Result<Value, Damaged> {
        if bytes.len() > MOST_VALUE {
            return Err(Damaged);
        }
        let mut from = ByteReader(bytes);
        if from.bytes(MAGIC.len())? != MAGIC {
            return Err(Damaged);
        }
        let kind = from.u8()?;
        let seal = Seal::new(secret, from.array()?).map_err(|_| Damaged)?;
        let contents = from.0.len().checked_sub(seal.tag_len()).ok_or(Damaged)?;
        let mut contents = from.bytes(contents)?.to_vec();
        seal.open(Piece::Block(0), &beside(kind, key), &mut contents, from.0)?;
        match kind {
            ENTRY => Value::entry(&contents, policy),
            NAMES => Value::names(&contents),
            _ => Err(Damaged),
        }
    }

    fn entry(contents: &[u8], policy: &Policy) -> Result<Value, Damaged> {
        let mut from = ByteReader(contents);
        let generations = Generations([from.u64()?, from.u64()?, from.u64()?, from.u64()?]);
        let kept = Duration::from_millis(from.u64()?);
        let written = Timestamp(from.i64()?);
        let description = from.counted()?;
        if description.len() > MOST_DESCRIPTION || kept > MAX_VALUE_LIFETIME {
            return Err(Damaged);
        }
        let description = Description::read(description, policy)?;
        let body = from.0;
        let is_whole = description.body_len == body.len() as u64 && description.trailers.is_empty();
        // Nothing is younger than what it was written with.
        let head = &description.head;
        let is_past = head.generated <= head.received && head.received <= written;
        if !is_whole || !is_past || body.len() as u64 > MOST_BODY {
            return Err(Damaged);
        }
        Ok(Value::Entry(Box::new(EntryValue {
            generations,
            kept,
            written,
            body: body.to_vec(),
            description,
        })))
    }

    fn names(contents: &[u8]) -> Result<Value, Damaged> {
        let names: Vec<Box<[u8]>> = contents
            .split(|byte| *byte == b'\n')
            .map(Into::into)
            .collect();
        let fits = names.len() <= vary::MAX_NAMES && contents.len() <= vary::MAX_KEY;
        let are_names = names
            .iter()
            .all(|name| !name.is_empty() && vary::is_token(name));
        match fits && are_names {
            true => Ok(Value::Names(names)),
            false => Err(Damaged),
        }
    }
}

/// What the tag covers beside the contents.
fn beside(kind: u8, key: &SharedKey) -> Vec<u8> {
    [&MAGIC[..], &[kind], &key.0].concat()
}

/// Reads any bytes as values, for the fuzz target: what can be read is written again alike.
#[doc(hidden)]
pub fn check(bytes: &[u8]) {
    let policy = Policy::shared();
    let key = SharedKey([7; 32]);
    // Any bytes: with a wrong tag, as nearly all of them are.
    let _ = Value::decode(bytes, &key, None, &policy);
    let _ = Value::decode(bytes, &key, Some(&DiskKey::new([1; 32])), &policy);
    // The same as contents with a right one.
    for value in [Value::entry(bytes, &policy), Value::names(bytes)] {
        let Ok(value) = value else { continue };
        for secret in [None, Some(&DiskKey::new([1; 32]))] {
            let again = value.encode(&key, secret);
            let read = again.map(|again| Value::decode(&again, &key, secret, &policy));
            assert!(read == Some(Ok(value.clone())), "{value:?}");
        }
    }
}
