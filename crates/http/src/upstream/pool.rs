//! Idle upstream connections of one thread, for the next request to the same target by the same route.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::time::Duration;

use privet_policy::Target;
use tokio::time::Instant;

use super::connection::OriginConnection;
use crate::turn;

/// How long an upstream connection may be idle.
pub const IDLE: Duration = Duration::from_secs(60);
/// The most idle connections of a thread to one target by one route.
pub const PER_TARGET: usize = 128;
/// The most idle connections of a thread.
pub const IN_ALL: usize = 1024;
/// How often idle connections are checked.
const SWEEP: Duration = Duration::from_secs(5);

struct Idle {
    origin: Box<OriginConnection>,
    since: Instant,
}

#[derive(Default)]
struct Pool {
    /// By the keyed hash of key and target.
    idle: HashMap<u64, Vec<Idle>, BuildHasherDefault<AsItIs>>,
    count: usize,
    hasher: RandomState,
    sweeping: bool,
}

/// Takes a hash as it is.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::new(Pool::default());
}

/// Takes the most recently used open connection to `target`. `thorough`: see [`OriginConnection::is_quiet`].
pub fn take(key: u64, target: &Target, thorough: bool) -> Option<Box<OriginConnection>> {
    POOL.with_borrow_mut(|pool| {
        let slot = pool.slot(key, target);
        let list = pool.idle.get_mut(&slot)?;
        while let Some(at) = list
            .iter()
            .rposition(|idle| idle.origin.key == key && idle.origin.target == *target)
        {
            let mut idle = list.swap_remove(at);
            pool.count -= 1;
            if idle.origin.is_quiet(thorough) {
                idle.origin.slot = Some(slot);
                return Some(idle.origin);
            }
        }
        None
    })
}

/// Returns a connection to the pool, unless the pool is full.
pub fn give(mut origin: Box<OriginConnection>) {
    origin.rest();
    let sweep = POOL.with_borrow_mut(|pool| {
        if pool.count >= IN_ALL {
            return false;
        }
        let slot = origin.slot;
        let slot = slot.unwrap_or_else(|| pool.slot(origin.key, &origin.target));
        let list = pool.idle.entry(slot).or_default();
        if list.len() >= PER_TARGET {
            return false;
        }
        list.push(Idle {
            origin,
            since: turn::now(),
        });
        pool.count += 1;
        !std::mem::replace(&mut pool.sweeping, true)
    });
    if sweep {
        tokio::spawn(sweep_until_empty());
    }
}

/// Closes up to `most` idle connections of this thread, to free their descriptors. Returns how many it closed.
pub fn close_idle(most: usize) -> usize {
    POOL.with_borrow_mut(|pool| {
        let before = pool.count;
        pool.idle.retain(|_, list| {
            while before - pool.count < most && !list.is_empty() {
                list.swap_remove(0);
                pool.count -= 1;
            }
            !list.is_empty()
        });
        before - pool.count
    })
}

impl Pool {
    fn slot(&self, key: u64, target: &Target) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        key.hash(&mut hasher);
        target.hash(&mut hasher);
        hasher.finish()
    }

    fn sweep(&mut self, now: Instant) {
        self.idle.retain(|_, list| {
            list.retain_mut(|idle| {
                now.duration_since(idle.since) < IDLE && idle.origin.is_quiet(false)
            });
            !list.is_empty()
        });
        self.count = self.idle.values().map(Vec::len).sum();
    }
}

/// Runs as long as the thread's pool holds connections.
async fn sweep_until_empty() {
    let _sweeping = Sweeping;
    loop {
        tokio::time::sleep(SWEEP).await;
        let empty = POOL.with_borrow_mut(|pool| {
            pool.sweep(Instant::now());
            pool.count == 0
        });
        if empty {
            return;
        }
    }
}

/// Marks the sweeper as stopped, also when its runtime ended.
struct Sweeping;

impl Drop for Sweeping {
    fn drop(&mut self) {
        let _ = POOL.try_with(|pool| {
            if let Ok(mut pool) = pool.try_borrow_mut() {
                pool.sweeping = false;
            }
        });
    }
}
