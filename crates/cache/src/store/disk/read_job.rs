//! What the reading threads do.

use std::sync::Arc;

use super::blocks::Blocks;
use super::format::Record;
use super::load::Load;
use super::read_slot::ReadSlot;
use crate::key::Key;

/// What the reading threads do.
#[derive(Debug)]
pub(crate) enum ReadJob {
    Load {
        key: Key,
        records: Vec<Arc<Record>>,
        load: Arc<Load>,
    },
    Blocks {
        blocks: Arc<Blocks>,
        /// The object, once it is one.
        record: Option<Arc<Record>>,
        first: u64,
        count: u64,
        slot: Arc<ReadSlot>,
    },
}
