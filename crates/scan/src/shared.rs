//! State that outlives a reload: budgets, counters, recent findings, permissions.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use crate::allowance::Allowances;
use crate::budget::Budget;
use crate::counters::Counters;
use crate::verdict::Finding;

/// State that outlives a reload.
pub(crate) struct Shared {
    /// Memory of bodies that wait for their verdict.
    pub memory: Budget,
    pub spool: Budget,
    pub yara: Counters,
    pub clamd: Counters,
    pub icap: Counters,
    pub clean: AtomicU64,
    pub bad: AtomicU64,
    pub failed: AtomicU64,
    pub oversize: AtomicU64,
    pub recent: Mutex<VecDeque<RecentFinding>>,
    pub allowances: Allowances,
}

/// A body that was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentFinding {
    pub at: SystemTime,
    pub url: String,
    /// The client that asked for it.
    pub client: Option<IpAddr>,
    pub finding: Finding,
}

/// Bodies by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub clean: u64,
    pub bad: u64,
    pub failed: u64,
    /// Passed unscanned, as larger than `max_body`.
    pub oversize: u64,
}

impl Shared {
    pub fn new(memory: u64, spool: u64) -> Self {
        Self {
            memory: Budget::new(memory),
            spool: Budget::new(spool),
            yara: Counters::default(),
            clamd: Counters::default(),
            icap: Counters::default(),
            clean: AtomicU64::default(),
            bad: AtomicU64::default(),
            failed: AtomicU64::default(),
            oversize: AtomicU64::default(),
            recent: Mutex::default(),
            allowances: Allowances::default(),
        }
    }
}
