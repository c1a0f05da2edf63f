//! Slows down guesses at passwords: after a failure the logins of a client are checked one after another, each after a delay.
//! The caller's key distinguishes users too ([`ClientKey::of_login`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use privet_net::ClientKey;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Clients that are remembered; the one whose last failure is oldest makes room for a new one.
const MAX_CLIENTS: usize = 16_384;
/// Logins of one client that wait for their turn; further ones are refused unchecked.
const MAX_WAITING: usize = 32;
/// How long a login waits for its turn; then it is refused unchecked.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);
/// The delay after the first failure; it doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(5);
/// Failures of a client are forgotten after this long without another one.
const FORGET_AFTER: Duration = Duration::from_secs(300);
/// How often forgotten clients are removed.
const PURGE_INTERVAL: Duration = Duration::from_secs(1);

/// Failed logins by client.
#[derive(Default)]
pub(crate) struct LoginFailures {
    /// The number of clients, so that the lock is taken only after a failure.
    count: AtomicUsize,
    clients: Mutex<Clients>,
}

#[derive(Default)]
struct Clients {
    known: HashMap<ClientKey, Arc<ClientLogins>>,
    purged: Option<Instant>,
}

/// The logins of one client.
struct ClientLogins {
    /// One login at a time.
    turn: Semaphore,
    failures: Mutex<Failures>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Failures {
    times: u32,
    last: Option<Instant>,
}

impl LoginFailures {
    /// No login has failed lately: the next one needs no turn.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Records the failure of a login that had no turn.
    pub(crate) fn failed(&self, client: ClientKey) {
        if let Some(logins) = self.logins(client, Instant::now()) {
            logins.failed(Instant::now());
        }
    }

    /// Checks a login in its turn, after the delay that its client's failures ask for. `None`: it failed, or it was not checked
    /// since too many wait.
    pub(crate) async fn check_in_turn<T>(
        &self,
        client: ClientKey,
        check: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        let logins = self.logins(client, Instant::now())?;
        let in_turn = async {
            let _turn = logins.turn.acquire().await.ok()?;
            tokio::time::sleep(logins.delay(Instant::now())).await;
            let checked = check();
            match checked {
                Some(_) => logins.succeeded(),
                None => logins.failed(Instant::now()),
            }
            checked
        };
        let checked = timeout(TURN_TIMEOUT, in_turn).await.ok().flatten();
        if checked.is_some() {
            self.remove_unused(client, &logins);
        }
        checked
    }

    /// `None`: too many of this client's logins wait, or those of too many clients.
    fn logins(&self, client: ClientKey, now: Instant) -> Option<Arc<ClientLogins>> {
        let mut clients = self.lock();
        clients.purge(now);
        if let Some(logins) = clients.known.get(&client) {
            let waiting = Arc::strong_count(logins) - 1;
            return (waiting < MAX_WAITING).then(|| logins.clone());
        }
        if clients.known.len() >= MAX_CLIENTS && !clients.remove_oldest() {
            return None;
        }
        let logins = Arc::new(ClientLogins {
            turn: Semaphore::new(1),
            failures: Mutex::default(),
        });
        clients.known.insert(client, logins.clone());
        self.count.store(clients.known.len(), Ordering::Release);
        Some(logins)
    }

    /// Forgets a client without failures, unless others of its logins wait.
    fn remove_unused(&self, client: ClientKey, logins: &Arc<ClientLogins>) {
        let mut clients = self.lock();
        // The table's and the caller's.
        if Arc::strong_count(logins) <= 2 {
            clients.known.remove(&client);
        }
        self.count.store(clients.known.len(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clients {
    fn purge(&mut self, now: Instant) {
        let is_due = |purged: Instant| now.saturating_duration_since(purged) >= PURGE_INTERVAL;
        if self.purged.is_none_or(is_due) {
            self.purged = Some(now);
            self.known
                .retain(|_, logins| Arc::strong_count(logins) > 1 || !logins.is_forgotten(now));
        }
    }

    /// `false`: the logins of all clients are being checked.
    fn remove_oldest(&mut self) -> bool {
        let idle = self
            .known
            .iter()
            .filter(|(_, logins)| Arc::strong_count(logins) == 1);
        let oldest = idle.min_by_key(|(_, logins)| logins.failures().last);
        let oldest = oldest.map(|(client, _)| *client);
        oldest.is_some_and(|client| self.known.remove(&client).is_some())
    }
}

impl ClientLogins {
    /// How long the next login has to wait before it is checked.
    fn delay(&self, now: Instant) -> Duration {
        if self.is_forgotten(now) {
            return Duration::ZERO;
        }
        let Failures { times, last } = self.failures();
        let passed = last.map_or(Duration::MAX, |last| now.saturating_duration_since(last));
        delay_after(times).saturating_sub(passed)
    }

    fn failed(&self, now: Instant) {
        let times = match self.is_forgotten(now) {
            true => 0,
            false => self.failures().times,
        };
        self.set(Failures {
            times: times.saturating_add(1),
            last: Some(now),
        });
    }

    fn succeeded(&self) {
        self.set(Failures::default());
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        self.failures()
            .last
            .is_none_or(|last| now.saturating_duration_since(last) >= FORGET_AFTER)
    }

    fn failures(&self) -> Failures {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, failures: Failures) {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner) = failures;
    }
}

fn delay_after(times: u32) -> Duration {
    match times {
        0 => Duration::ZERO,
        n => FIRST_DELAY
            .saturating_mul(1 << (n - 1).min(16))
            .min(MAX_DELAY),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn client(number: u32) -> ClientKey {
        ClientKey::of_address(IpAddr::V4(Ipv4Addr::from(number)))
    }

    #[test]
    fn each_failure_doubles_the_delay_up_to_five_seconds_and_success_ends_it() {
        let failures = LoginFailures::default();
        let now = Instant::now();
        let logins = failures.logins(client(1), now).unwrap();
        assert_eq!(logins.delay(now), Duration::ZERO);
        logins.failed(now);
        assert_eq!(logins.delay(now), Duration::from_millis(100));
        logins.failed(now);
        assert_eq!(logins.delay(now), Duration::from_millis(200));
        let later = now + Duration::from_millis(150);
        assert_eq!(logins.delay(later), Duration::from_millis(50));
        (0..40).for_each(|_| logins.failed(now));
        assert_eq!(logins.delay(now), MAX_DELAY);
        assert_eq!(logins.delay(now + FORGET_AFTER), Duration::ZERO);
        logins.succeeded();
        assert_eq!(logins.delay(now), Duration::ZERO);
    }

    #[tokio::test]
    async fn parallel_guesses_of_a_client_are_checked_one_after_another() {
        let failures = Arc::new(LoginFailures::default());
        failures.failed(client(1));
        let checked = Arc::new(AtomicUsize::new(0));
        let mut guesses = tokio::task::JoinSet::new();
        for _ in 0..10_000 {
            let (failures, checked) = (failures.clone(), checked.clone());
            guesses.spawn(async move {
                let check = || {
                    checked.fetch_add(1, Ordering::Relaxed);
                    None::<()>
                };
                failures.check_in_turn(client(1), check).await
            });
        }
        // All but those that wait for their turn are refused at once.
        for _ in 0..10_000 - MAX_WAITING {
            guesses.join_next().await;
        }
        let started = Instant::now();
        let others = async { while guesses.join_next().await.is_some() {} };
        assert!(timeout(Duration::from_millis(500), others).await.is_err());
        // 100, 200, 400 and 800 ms: each delay is twice the one before.
        assert!(
            checked.load(Ordering::Relaxed) < 10,
            "{:?}",
            started.elapsed()
        );
        // Another client is not held up.
        let other = failures.check_in_turn(client(2), || Some(()));
        assert_eq!(timeout(MAX_DELAY, other).await, Ok(Some(())));
    }

    #[tokio::test]
    async fn guesses_at_one_users_password_do_not_hold_up_another_user_of_the_address() {
        let failures = LoginFailures::default();
        let guessed = client(1).of_login(b"bob");
        (0..40).for_each(|_| failures.failed(guessed));
        let names = [
            "alice", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan",
        ];
        let held_up = names
            .iter()
            .filter(|name| client(1).of_login(name.as_bytes()) == guessed);
        assert!(held_up.count() < names.len(), "all in one group");
        let mut keys: Vec<_> = (0..10_000_u32)
            .map(|name| client(1).of_login(&name.to_be_bytes()))
            .collect();
        keys.sort_by_key(|key| format!("{key:?}"));
        keys.dedup();
        assert!(keys.len() <= 16, "{} groups", keys.len());
        let other = keys.into_iter().find(|key| *key != guessed).unwrap();
        let login = failures.check_in_turn(other, || Some(()));
        assert_eq!(timeout(FIRST_DELAY, login).await, Ok(Some(())));
    }

    #[test]
    fn only_so_many_clients_are_remembered() {
        let failures = LoginFailures::default();
        for number in 0..(MAX_CLIENTS as u32 + 10) {
            failures.failed(client(number));
        }
        assert_eq!(failures.count.load(Ordering::Relaxed), MAX_CLIENTS);
        assert!(!failures.lock().known.contains_key(&client(0)));
        // One whose logins are being checked is not forgotten.
        let first = client(10);
        let held = failures.logins(first, Instant::now()).unwrap();
        failures.failed(client(u32::MAX));
        assert!(failures.lock().known.contains_key(&first));
        drop(held);
    }

    #[tokio::test]
    async fn a_client_is_forgotten_once_it_has_logged_in() {
        let failures = LoginFailures::default();
        failures.failed(client(1));
        assert!(!failures.is_empty());
        assert_eq!(failures.check_in_turn(client(1), || Some(5)).await, Some(5));
        assert!(failures.is_empty());
    }
}
