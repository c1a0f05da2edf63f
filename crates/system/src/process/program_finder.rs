//! The thread that finds programs, so that data-plane threads make no system calls for it.
//!
//! Every connection is looked up. Look-ups that arrive while a batch is answered share the next one. Recently found processes
//! are searched first; a search through all processes has a separate budget. Urgent look-ups are exempt from both budgets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::lookup_queue::{LookupQueue, QueuedLookup, Schedule};
use super::process_lookup::{Connection, ProcessLookup, ProgramAnswer, SearchScope};
use super::program_lookup::ProgramLookup;
use super::search_budget::SearchBudget;

/// Whether look-ups are supported on this system.
pub const SUPPORTED: bool = cfg!(target_os = "linux");
/// Batches may use a fortieth of a core: only a flood of short connections needs more, and then some of them stay without a
/// program. While there is credit each look-up is answered at once, since a short connection ends soon.
const BATCH_SHARE: u32 = 40;
const BATCH_CREDIT: Duration = Duration::from_millis(40);
/// Searches through all processes may use a tenth of a core.
const SEARCH_SHARE: u32 = 10;
const SEARCH_CREDIT: Duration = Duration::from_millis(100);
/// Maximum of look-ups that wait for such a search; more are answered with "unknown", the oldest first.
const MAX_SEARCHED: usize = 1024;

/// A handle to the thread, which ends with the last clone.
#[derive(Clone)]
pub struct ProgramFinder(Arc<Handle>);

struct Handle(Arc<LookupQueue>);

impl ProgramFinder {
    /// Starts the thread.
    ///
    /// # Errors
    /// The thread cannot be created.
    pub fn start(lookup: impl ProcessLookup + 'static) -> std::io::Result<Self> {
        Self::start_timed(lookup, thread_time)
    }

    /// The same with another clock for the time that the thread uses.
    fn start_timed(
        lookup: impl ProcessLookup + 'static,
        used_time: fn() -> Duration,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(LookupQueue::new());
        let of_thread = queue.clone();
        thread::Builder::new()
            .name("programs".to_owned())
            .spawn(move || Worker::new(lookup, used_time).run(&of_thread))?;
        Ok(Self(Arc::new(Handle(queue))))
    }

    /// Starts looking up the program behind a connection from `client` to `local`, an address of ours. A client that is
    /// not on this machine is answered at once.
    pub fn find(&self, client: SocketAddr, local: SocketAddr) -> ProgramLookup {
        let connection = Connection { client, local };
        if !SUPPORTED || !connection.is_on_this_machine() {
            return ProgramLookup::absent();
        }
        let lookup = ProgramLookup::pending();
        self.0.0.push(connection, lookup.clone());
        lookup
    }

    /// Exempts a look-up from the budgets: a decision waits for it.
    pub fn hurry(&self, lookup: &ProgramLookup) {
        lookup.set_urgent();
        self.0.0.hurry();
    }

    /// Whether look-ups are answered as soon as the thread runs: few were made lately, none hangs, and a client can wait for
    /// its own.
    pub fn is_prompt(&self) -> bool {
        self.0.0.is_prompt()
    }

    /// Look-ups that were rejected because the queue was full.
    pub fn dropped(&self) -> usize {
        self.0.0.dropped()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What the thread keeps between batches.
struct Worker<L> {
    lookup: L,
    used_time: fn() -> Duration,
    batches: SearchBudget,
    searches: SearchBudget,
    /// Not found among recent processes: all processes have to be searched.
    to_search: Vec<QueuedLookup>,
}

impl<L: ProcessLookup> Worker<L> {
    fn new(lookup: L, used_time: fn() -> Duration) -> Self {
        let now = Instant::now();
        Self {
            lookup,
            used_time,
            batches: SearchBudget::new(BATCH_SHARE, BATCH_CREDIT, now),
            searches: SearchBudget::new(SEARCH_SHARE, SEARCH_CREDIT, now),
            to_search: Vec::new(),
        }
    }

    fn run(mut self, queue: &LookupQueue) {
        while let Some(batch) = queue.next(&self.schedule()) {
            self.answer_batch(batch);
            self.search();
            queue.set_prompt_from(self.batches.half_from().max(self.searches.half_from()));
        }
    }

    fn schedule(&self) -> Schedule {
        let now = Instant::now();
        Schedule {
            batch: now + self.batches.rest(now),
            search: (!self.to_search.is_empty()).then(|| now + self.searches.rest(now)),
        }
    }

    /// Answers look-ups from recently found processes.
    fn answer_batch(&mut self, mut batch: Vec<QueuedLookup>) {
        batch.retain(|queued| queued.lookup.is_wanted());
        if batch.is_empty() {
            return;
        }
        let (now, began) = (Instant::now(), (self.used_time)());
        let missing = self.answer(batch, SearchScope::RecentProcesses);
        let took = (self.used_time)().saturating_sub(began);
        self.batches.spend(now, took);
        self.to_search.extend(missing);
        let excess = self.to_search.len().saturating_sub(MAX_SEARCHED);
        for queued in self.to_search.drain(..excess) {
            queued.lookup.answer(None);
        }
    }

    /// Searches all processes for all waiting look-ups if the budget allows it, else for urgent ones.
    fn search(&mut self) {
        if self.to_search.is_empty() {
            return;
        }
        let (now, began) = (Instant::now(), (self.used_time)());
        let searched: Vec<QueuedLookup> = match self.searches.rest(now).is_zero() {
            true => std::mem::take(&mut self.to_search),
            false => {
                let waiting = std::mem::take(&mut self.to_search).into_iter();
                let (urgent, patient) = waiting.partition(|queued| queued.lookup.is_urgent());
                self.to_search = patient;
                urgent
            }
        };
        if searched.is_empty() {
            return;
        }
        self.answer(searched, SearchScope::AllProcesses);
        let took = (self.used_time)().saturating_sub(began);
        self.searches.spend(now, took);
    }

    /// Answers look-ups; those that need a wider search are given back.
    fn answer(&mut self, batch: Vec<QueuedLookup>, scope: SearchScope) -> Vec<QueuedLookup> {
        let connections: Vec<Connection> = batch.iter().map(|queued| queued.connection).collect();
        let answers = self.lookup.programs_of(&connections, scope);
        let mut missing = Vec::new();
        for (queued, answer) in batch.into_iter().zip(answers) {
            match answer {
                ProgramAnswer::Found(program) => queued.lookup.answer(Some(program)),
                ProgramAnswer::Unknown => queued.lookup.answer(None),
                ProgramAnswer::NotRecent => missing.push(queued),
            }
        }
        missing
    }
}

/// Processor time that this thread has used. On a busy machine the time that passes is longer, and would spend the budgets
/// on waiting.
#[cfg(target_os = "linux")]
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Nothing is looked up on this system.
#[cfg(not(target_os = "linux"))]
fn thread_time() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests;
