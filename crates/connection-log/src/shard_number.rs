//! Parts of the live table, by number: one for each thread.

/// Shards of a table. More threads than this share shards, which is slower but correct.
pub(crate) const SHARDS: usize = 32;

/// The calling thread's shard.
pub(crate) fn of_this_thread() -> usize {
    privet_policy::thread_index::current() % SHARDS
}
