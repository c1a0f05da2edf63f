//! `[cache]`: the sizes of the HTTP cache.

use std::ops::RangeInclusive;

use crate::keys;
use crate::model::Cache;
use crate::tree::Table;

const MEMORY: RangeInclusive<u64> = 0..=1 << 40;
const DISK: RangeInclusive<u64> = 0..=1 << 50;

pub(super) fn read(top: &Table<'_>) -> Cache {
    let default = Cache::default();
    let Some(table) = top.get("cache").and_then(|v| v.table(&keys::CACHE)) else {
        return default;
    };
    Cache {
        // Who writes the section wants it.
        enabled: table.boolean("enabled", true),
        memory: table
            .get("memory")
            .and_then(|v| v.size(MEMORY))
            .unwrap_or(default.memory),
        disk: table
            .get("disk")
            .and_then(|v| v.size(DISK))
            .unwrap_or(default.disk),
        encrypt: table.boolean("encrypt", default.encrypt),
        shared: table.boolean("shared", default.shared),
    }
}
