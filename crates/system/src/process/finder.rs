//! The thread that looks programs up, so that neither the system calls nor their time are the data plane's.
//!
//! Two kinds of question: those that a rule needs answered before it decides ([`Finder::look_up`]), answered at once; and
//! those that only make the table nicer ([`Finder::find`]), answered in batches that take at most two hundredths of a
//! core, and dropped when there are too many.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use privet_policy::App;
use tokio::sync::oneshot;

use super::{Connection, ProcessLookup};

/// Questions that wait because a rule needs them.
const MOST_URGENT: usize = 4096;
/// Questions that wait for their batch.
const MOST_PATIENT: usize = 256;
/// Patient questions earn one fiftieth of the time that passes: 2 % of a core.
const SHARE: u32 = 50;
/// So much unspent time is kept: while there is some, patient questions are answered at once, since a program that
/// makes one short connection is gone soon.
const MOST_CREDIT: Duration = Duration::from_millis(100);
/// How long a decision waits for its program.
const PATIENCE: Duration = Duration::from_millis(500);

type Reply = Box<dyn FnOnce(Option<Arc<App>>) + Send>;

/// A line to the thread; it ends with the last clone.
#[derive(Clone)]
pub struct Finder(Arc<Line>);

struct Line(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    news: Condvar,
    /// As many as `queue.patient`, to be read without the lock.
    patient: AtomicUsize,
    dropped: AtomicUsize,
    ended: AtomicBool,
}

#[derive(Default)]
struct Queue {
    urgent: VecDeque<(Connection, Reply)>,
    patient: VecDeque<(Connection, Reply)>,
}

impl Finder {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the system gives no more threads.
    pub fn start(lookup: impl ProcessLookup + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        thread::Builder::new()
            .name("processes".to_owned())
            .spawn(move || theirs.run(lookup))?;
        Ok(Self(Arc::new(Line(shared))))
    }

    /// Asks for a program when there is time; `reply` is called on the finder's thread. `false`: too many wait already,
    /// or the client is not on this machine, and there will be no reply.
    pub fn find(
        &self,
        client: SocketAddr,
        local: SocketAddr,
        reply: impl FnOnce(Option<Arc<App>>) + Send + 'static,
    ) -> bool {
        let shared = &self.0.0;
        if !client.ip().to_canonical().is_loopback() {
            return false;
        }
        if shared.patient.load(Ordering::Relaxed) >= MOST_PATIENT {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let reply: Reply = Box::new(reply);
        let mut queue = shared.queue();
        queue
            .patient
            .push_back((Connection { client, local }, reply));
        shared.patient.store(queue.patient.len(), Ordering::Relaxed);
        let first = queue.patient.len() == 1;
        drop(queue);
        if first {
            shared.news.notify_one();
        }
        true
    }

    /// Asks for a program and waits for it, half a second at most. `None`: not known, or the client is not on this
    /// machine.
    pub async fn look_up(&self, client: SocketAddr, local: SocketAddr) -> Option<Arc<App>> {
        if !client.ip().to_canonical().is_loopback() {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        let reply: Reply = Box::new(move |app| {
            let _ = answer.send(app);
        });
        {
            let mut queue = self.0.0.queue();
            if queue.urgent.len() >= MOST_URGENT {
                return None;
            }
            queue
                .urgent
                .push_back((Connection { client, local }, reply));
        }
        self.0.0.news.notify_one();
        let answer = tokio::time::timeout(PATIENCE, answered).await;
        answer.ok()?.ok()?
    }

    /// Questions of [`Finder::find`] that were turned away.
    pub fn dropped(&self) -> usize {
        self.0.0.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        // Under the lock, so that the thread is either before its check or already waiting.
        drop(self.0.queue());
        self.0.news.notify_one();
    }
}

impl Shared {
    fn run(&self, mut lookup: impl ProcessLookup) {
        let mut credit = Credit::new(Instant::now());
        while let Some(batch) = self.next(credit.rested) {
            let began = Instant::now();
            let (connections, replies): (Vec<_>, Vec<_>) = batch.asks.into_iter().unzip();
            let apps = lookup.apps_of(&connections);
            if batch.patient {
                credit.spend(began, began.elapsed());
            }
            for (reply, app) in replies.into_iter().zip(apps) {
                reply(app);
            }
        }
    }

    /// The next questions: urgent ones as they come, patient ones from `rested` on. `None`: nobody asks any more.
    fn next(&self, rested: Instant) -> Option<Batch> {
        let mut queue = self.queue();
        loop {
            if self.ended.load(Ordering::Acquire) {
                return None;
            }
            if !queue.urgent.is_empty() {
                return Some(Batch {
                    asks: std::mem::take(&mut queue.urgent),
                    patient: false,
                });
            }
            let rest = rested.saturating_duration_since(Instant::now());
            queue = if queue.patient.is_empty() {
                self.news
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner)
            } else if rest.is_zero() {
                self.patient.store(0, Ordering::Relaxed);
                return Some(Batch {
                    asks: std::mem::take(&mut queue.patient),
                    patient: true,
                });
            } else {
                let waited = self.news.wait_timeout(queue, rest);
                waited.unwrap_or_else(PoisonError::into_inner).0
            };
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time that patient questions may take.
struct Credit {
    /// All of it would be earned again by then; patient questions wait while that is further off than [`MOST_CREDIT`] is
    /// worth.
    whole: Instant,
    /// From when on a patient question may be answered.
    rested: Instant,
}

impl Credit {
    fn new(now: Instant) -> Self {
        Self {
            whole: now,
            rested: now,
        }
    }

    fn spend(&mut self, now: Instant, took: Duration) {
        self.whole = self.whole.max(now) + took * SHARE;
        let worth = MOST_CREDIT * SHARE;
        self.rested = self.whole.checked_sub(worth).unwrap_or(now).max(now);
    }
}

struct Batch {
    asks: VecDeque<(Connection, Reply)>,
    patient: bool,
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_few_questions_are_answered_at_once_and_many_take_a_fiftieth_of_the_time() {
        let start = Instant::now();
        let mut credit = Credit::new(start);
        credit.spend(start, MOST_CREDIT / 2);
        assert_eq!(credit.rested, start);
        credit.spend(start, MOST_CREDIT);
        assert_eq!(credit.rested, start + MOST_CREDIT / 2 * SHARE);
        let later = start + MOST_CREDIT * SHARE * 3;
        credit.spend(later, MOST_CREDIT);
        assert_eq!(credit.rested, later);
    }

    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Answers each batch when it is told to, and tells how large it was.
    struct Slow {
        go: Receiver<()>,
        batches: Sender<usize>,
    }

    impl ProcessLookup for Slow {
        fn apps_of(&mut self, connections: &[Connection]) -> Vec<Option<Arc<App>>> {
            let _ = self.batches.send(connections.len());
            let _ = self.go.recv();
            let named = |connection: &Connection| App {
                name: connection.client.port().to_string().into(),
                path: None,
                pid: 1,
            };
            connections
                .iter()
                .map(|connection| Some(Arc::new(named(connection))))
                .collect()
        }
    }

    fn slow() -> (Finder, Sender<()>, Receiver<usize>) {
        let (go, gone) = channel();
        let (batches, seen) = channel();
        let finder = Finder::start(Slow { go: gone, batches }).expect("a thread");
        (finder, go, seen)
    }

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn questions_that_come_while_one_is_answered_share_the_next_batch() {
        let (finder, go, seen) = slow();
        let (replies, answers) = channel();
        let ask = |port| {
            let replies = replies.clone();
            finder.find(at(port), at(1), move |app| {
                let _ = replies.send((port, app.map(|app| app.name.to_string())));
            })
        };
        assert!(ask(10));
        assert_eq!(seen.recv(), Ok(1));
        for port in 11..=110 {
            assert!(ask(port));
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
    fn past_the_bound_a_question_is_turned_away_and_counted() {
        let (finder, go, seen) = slow();
        assert!(finder.find(at(1), at(1), |_| {}));
        assert_eq!(seen.recv(), Ok(1));
        for _ in 0..MOST_PATIENT {
            assert!(finder.find(at(1), at(1), |_| {}));
        }
        assert!(!finder.find(at(1), at(1), |_| {}));
        assert_eq!(finder.dropped(), 1);
        drop(go);
    }

    #[test]
    fn a_decision_does_not_wait_for_the_rest_after_a_batch() {
        struct Instantly;
        impl ProcessLookup for Instantly {
            fn apps_of(&mut self, connections: &[Connection]) -> Vec<Option<Arc<App>>> {
                // Long enough for a rest past the patience of a decision.
                let until = Instant::now() + Duration::from_millis(20);
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
                let app = App {
                    name: "x".into(),
                    path: None,
                    pid: 1,
                };
                vec![Some(Arc::new(app)); connections.len()]
            }
        }
        let finder = Finder::start(Instantly).expect("a thread");
        let (replies, answers) = channel();
        finder.find(at(1), at(1), move |_| {
            let _ = replies.send(());
        });
        answers.recv().expect("answered");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        for _ in 0..5 {
            let found = runtime.block_on(finder.look_up(at(1), at(1)));
            assert_eq!(found.map(|app| app.name.to_string()), Some("x".to_owned()));
        }
    }

    #[test]
    fn a_client_of_another_machine_is_never_asked_for() {
        let (finder, _go, seen) = slow();
        let far = SocketAddr::from(([192, 0, 2, 1], 5));
        assert!(!finder.find(far, at(1), |_| {}));
        assert!(seen.try_recv().is_err());
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
