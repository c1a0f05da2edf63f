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
/// Batches may use a twenty-fifth of a core: only a flood of short connections needs more, and then some of them stay without
/// a program. While there is credit each look-up is answered at once, since a short connection ends soon.
const BATCH_SHARE: u32 = 25;
const BATCH_CREDIT: Duration = Duration::from_millis(60);
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
        let queue = Arc::new(LookupQueue::new());
        let of_thread = queue.clone();
        thread::Builder::new()
            .name("programs".to_owned())
            .spawn(move || Worker::new(lookup).run(&of_thread))?;
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
    batches: SearchBudget,
    searches: SearchBudget,
    /// Not found among recent processes: all processes have to be searched.
    to_search: Vec<QueuedLookup>,
}

impl<L: ProcessLookup> Worker<L> {
    fn new(lookup: L) -> Self {
        let now = Instant::now();
        Self {
            lookup,
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
        let (now, began) = (Instant::now(), thread_time());
        let missing = self.answer(batch, SearchScope::RecentProcesses);
        let took = thread_time().saturating_sub(began);
        self.batches.spend(now, took);
        self.to_search.extend(missing);
        let excess = self.to_search.len().saturating_sub(MAX_SEARCHED);
        for queued in self.to_search.drain(..excess) {
            queued.lookup.answer(None);
        }
    }

    /// Searches all processes for all waiting look-ups if the budget allows it, else for urgent ones.
    fn search(&mut self) {
        let (now, began) = (Instant::now(), thread_time());
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
        let took = thread_time().saturating_sub(began);
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
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use privet_policy::App;

    use super::*;
    use crate::process::ProgramState;

    /// Reports the size of each batch, and answers it on a signal.
    struct Slow {
        go: Receiver<()>,
        batches: Sender<usize>,
    }

    impl ProcessLookup for Slow {
        fn programs_of(
            &mut self,
            connections: &[Connection],
            _: SearchScope,
        ) -> Vec<ProgramAnswer> {
            let _ = self.batches.send(connections.len());
            let _ = self.go.recv();
            let found = |connection: &Connection| {
                let name = connection.client.port().to_string();
                ProgramAnswer::Found(Arc::new(app(&name)))
            };
            connections.iter().map(found).collect()
        }
    }

    /// Finds programs only by a slow search through all processes.
    struct Searching(Sender<SearchScope>);

    impl ProcessLookup for Searching {
        fn programs_of(
            &mut self,
            connections: &[Connection],
            scope: SearchScope,
        ) -> Vec<ProgramAnswer> {
            let _ = self.0.send(scope);
            let answer = match scope {
                SearchScope::RecentProcesses => ProgramAnswer::NotRecent,
                SearchScope::AllProcesses => {
                    let until = thread_time() + SEARCH_CREDIT * 2;
                    while thread_time() < until {
                        std::hint::spin_loop();
                    }
                    ProgramAnswer::Found(Arc::new(app("x")))
                }
            };
            vec![answer; connections.len()]
        }
    }

    fn app(name: &str) -> App {
        App {
            name: name.into(),
            path: None,
            pid: 1,
            user: None,
        }
    }

    fn slow() -> (ProgramFinder, Sender<()>, Receiver<usize>) {
        let (go, gone) = channel();
        let (batches, seen) = channel();
        let finder = ProgramFinder::start(Slow { go: gone, batches }).expect("a thread");
        (finder, go, seen)
    }

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn look_ups_during_a_batch_share_the_next_one() {
        let (finder, go, seen) = slow();
        let (replies, answers) = channel();
        let ask = |port| {
            let replies = replies.clone();
            finder.find(at(port), at(1)).on_answer(move |app| {
                let _ = replies.send((port, app.map(|app| app.name.to_string())));
            });
        };
        ask(10);
        assert_eq!(seen.recv(), Ok(1));
        for port in 11..=110 {
            ask(port);
        }
        go.send(()).expect("it waits");
        assert_eq!(seen.recv(), Ok(100));
        go.send(()).expect("it waits");
        for _ in 10..=110 {
            let (port, name) = answers.recv().expect("each is answered");
            assert_eq!(name, Some(port.to_string()));
        }
    }

    #[test]
    fn past_the_bound_a_look_up_is_rejected_and_counted() {
        let (finder, go, seen) = slow();
        let first = finder.find(at(1), at(1));
        assert_eq!(seen.recv(), Ok(1));
        let mut waiting = vec![first];
        while finder.dropped() == 0 {
            waiting.push(finder.find(at(1), at(1)));
        }
        assert_eq!(waiting.len(), 2 + crate::process::lookup_queue::MAX_WAITING);
        assert_eq!(waiting[1].state(), ProgramState::Pending);
        assert_eq!(
            waiting.pop().expect("the last").state(),
            ProgramState::Unknown
        );
        drop(go);
    }

    #[test]
    fn an_abandoned_look_up_is_not_made() {
        let (finder, go, seen) = slow();
        let _first = finder.find(at(1), at(1));
        assert_eq!(seen.recv(), Ok(1));
        drop(finder.find(at(2), at(1)));
        let _third = finder.find(at(3), at(1));
        go.send(()).expect("it waits");
        assert_eq!(seen.recv(), Ok(1), "the third alone");
        drop(go);
    }

    #[test]
    fn a_decision_does_not_wait_for_the_pause_after_a_search() {
        let (scopes, seen) = channel();
        let finder = ProgramFinder::start(Searching(scopes)).expect("a thread");
        assert!(finder.is_prompt());
        let first = finder.find(at(1), at(1));
        let (replies, answers) = channel();
        first.on_answer(move |_| {
            let _ = replies.send(());
        });
        answers.recv().expect("answered");
        // The budget is spent: look-ups that are not urgent wait.
        let patient = finder.find(at(2), at(1));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let urgent = finder.find(at(3), at(1));
        finder.hurry(&urgent);
        let found = runtime.block_on(urgent.wait(Duration::from_secs(10)));
        assert_eq!(found, ProgramState::Known(Arc::new(app("x"))));
        assert_eq!(patient.state(), ProgramState::Pending);
        assert!(!finder.is_prompt());
        assert!(
            seen.try_iter()
                .any(|scope| scope == SearchScope::AllProcesses)
        );
    }

    #[test]
    fn nobody_is_told_to_wait_while_a_look_up_hangs() {
        let (finder, go, seen) = slow();
        assert!(finder.is_prompt());
        let hangs = finder.find(at(1), at(1));
        assert_eq!(seen.recv(), Ok(1));
        let until = |wanted| {
            while finder.is_prompt() != wanted {
                thread::yield_now();
            }
        };
        until(false);
        assert_eq!(hangs.state(), ProgramState::Pending);
        go.send(()).expect("it waits");
        until(true);
        assert!(matches!(hangs.state(), ProgramState::Known(_)));
    }

    #[test]
    fn a_client_of_another_machine_is_never_looked_up() {
        let (finder, _go, seen) = slow();
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 5));
        assert_eq!(finder.find(elsewhere, at(1)).state(), ProgramState::Absent);
        assert!(seen.try_recv().is_err());
    }

    #[test]
    fn a_client_that_reached_its_own_address_is_on_this_machine() {
        let (finder, _go, seen) = slow();
        let own = SocketAddr::from(([192, 0, 2, 1], 5));
        let lookup = finder.find(own, SocketAddr::from(([192, 0, 2, 1], 7280)));
        assert_eq!(seen.recv(), Ok(1));
        assert_eq!(lookup.state(), ProgramState::Pending);
    }

    #[test]
    fn the_thread_ends_with_the_last_finder() {
        let (finder, go, seen) = slow();
        let second = finder.clone();
        drop(finder);
        drop(second);
        drop(go);
        // The thread owned the sender.
        assert!(seen.recv().is_err());
    }
}
