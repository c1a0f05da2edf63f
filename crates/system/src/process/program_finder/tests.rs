use std::sync::atomic::{AtomicU64, Ordering};
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
    fn programs_of(&mut self, connections: &[Connection], _: SearchScope) -> Vec<ProgramAnswer> {
        let _ = self.batches.send(connections.len());
        let _ = self.go.recv();
        let found = |connection: &Connection| {
            let name = connection.client.port().to_string();
            ProgramAnswer::Found(Arc::new(app(&name)))
        };
        connections.iter().map(found).collect()
    }
}

/// Hours of processor time that searches have used.
static HOURS: AtomicU64 = AtomicU64::new(0);

fn fake_time() -> Duration {
    Duration::from_hours(HOURS.load(Ordering::Relaxed))
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
                HOURS.fetch_add(1, Ordering::Relaxed);
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
    let finder = ProgramFinder::start_timed(Searching(scopes), fake_time).expect("a thread");
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
