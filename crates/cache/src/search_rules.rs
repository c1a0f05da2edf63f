//! What the last response of each path said about queries (`No-Vary-Search`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::key::Key;
use crate::rules::no_vary_search::NoVarySearch;

/// Paths that are remembered; with one more all are learned again.
const MOST_PATHS: usize = 4096;
/// What the last response of each path said.
#[derive(Debug, Default)]
pub(crate) struct SearchRules {
    /// Whether there is one: without, look-ups take no lock.
    is_used: AtomicBool,
    by_path: RwLock<HashMap<Key, Arc<NoVarySearch>>>,
}

impl SearchRules {
    pub(crate) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    pub(crate) fn get(&self, path: Key) -> Option<Arc<NoVarySearch>> {
        let rules = self.by_path.read().unwrap_or_else(PoisonError::into_inner);
        rules.get(&path).cloned()
    }

    pub(crate) fn set(&self, path: Key, rule: Option<NoVarySearch>) {
        if rule.is_none() && !self.is_used() {
            return;
        }
        let mut rules = self.by_path.write().unwrap_or_else(PoisonError::into_inner);
        match rule {
            Some(rule) => {
                if rules.len() >= MOST_PATHS && !rules.contains_key(&path) {
                    rules.clear();
                }
                rules.insert(path, Arc::new(rule));
            }
            None => drop(rules.remove(&path)),
        }
        self.is_used.store(!rules.is_empty(), Ordering::Relaxed);
    }
}
