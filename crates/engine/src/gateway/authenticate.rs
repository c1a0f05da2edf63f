//! User names and passwords of SOCKS5 (RFC 1929) and HTTP Basic (RFC 7617): compared in constant time, failures delayed per
//! client address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};

/// RFC 1929: a name or password has at most 255 bytes.
const MAX_FIELD: usize = 255;
/// Client addresses whose failures are remembered; the oldest makes room for a new one.
const MAX_CLIENTS: usize = 4096;
/// The delay after the first failure; it doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(5);
/// Failures of a client are forgotten after this long without another one.
const FORGET_AFTER: Duration = Duration::from_secs(300);

/// The configured users with their passwords.
#[derive(Default)]
pub(crate) struct Users(Vec<User>);

struct User {
    name: Arc<str>,
    password: SecretString,
}

impl Users {
    pub(crate) fn new(users: Vec<(String, SecretString)>) -> Self {
        Self(
            users
                .into_iter()
                .map(|(name, password)| User {
                    name: name.into(),
                    password,
                })
                .collect(),
        )
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn knows(&self, name: &str) -> bool {
        self.0.iter().any(|user| &*user.name == name)
    }

    /// The user of this name and password. Every user is compared in full, so the time taken depends on neither.
    pub(crate) fn check(&self, name: &[u8], password: &[u8]) -> Option<Arc<str>> {
        let mut found = None;
        for user in &self.0 {
            let same = equal(user.name.as_bytes(), name)
                & equal(user.password.expose_secret().as_bytes(), password);
            if bool::from(same) {
                found = Some(user.name.clone());
            }
        }
        found
    }
}

fn equal(a: &[u8], b: &[u8]) -> Choice {
    if a.len() > MAX_FIELD || b.len() > MAX_FIELD {
        return Choice::from(0);
    }
    padded(a).ct_eq(&padded(b)) & (a.len() as u64).ct_eq(&(b.len() as u64))
}

fn padded(text: &[u8]) -> [u8; MAX_FIELD] {
    let mut whole = [0; MAX_FIELD];
    for (to, from) in whole.iter_mut().zip(text) {
        *to = *from;
    }
    whole
}

/// Failed logins by client address.
#[derive(Default)]
pub(crate) struct LoginFailures {
    /// Length of `clients`, so that the lock is taken only after a failure.
    count: AtomicUsize,
    clients: Mutex<HashMap<IpAddr, ClientFailures>>,
}

struct ClientFailures {
    times: u32,
    last: Instant,
}

impl LoginFailures {
    /// How long this client has to wait before its login is checked.
    pub(crate) fn wait(&self, client: IpAddr, now: Instant) -> Duration {
        if self.count.load(Ordering::Relaxed) == 0 {
            return Duration::ZERO;
        }
        let Ok(clients) = self.clients.lock() else {
            return Duration::ZERO;
        };
        match clients.get(&client) {
            Some(failed) if now.saturating_duration_since(failed.last) < FORGET_AFTER => {
                delay_after(failed.times)
            }
            _ => Duration::ZERO,
        }
    }

    pub(crate) fn failed(&self, client: IpAddr, now: Instant) {
        let Ok(mut clients) = self.clients.lock() else {
            return;
        };
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(&client) {
            let oldest = clients
                .iter()
                .min_by_key(|(_, failed)| failed.last)
                .map(|(address, _)| *address);
            oldest.map(|address| clients.remove(&address));
        }
        let failed = clients.entry(client).or_insert(ClientFailures {
            times: 0,
            last: now,
        });
        if now.saturating_duration_since(failed.last) >= FORGET_AFTER {
            failed.times = 0;
        }
        failed.times = failed.times.saturating_add(1);
        failed.last = now;
        self.count.store(clients.len(), Ordering::Relaxed);
    }

    pub(crate) fn succeeded(&self, client: IpAddr) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let Ok(mut clients) = self.clients.lock() else {
            return;
        };
        clients.remove(&client);
        self.count.store(clients.len(), Ordering::Relaxed);
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
    use super::*;

    fn users() -> Users {
        Users::new(vec![
            ("alice".into(), "wonder".to_string().into()),
            ("bob".into(), String::new().into()),
        ])
    }

    #[test]
    fn a_login_needs_the_whole_name_and_the_whole_password() {
        let users = users();
        assert_eq!(users.check(b"alice", b"wonder").as_deref(), Some("alice"));
        for (name, password) in [
            ("alice", "wonde"),
            ("alice", "wonder\0"),
            ("alic", "wonder"),
            ("bob", "wonder"),
            ("", ""),
        ] {
            assert_eq!(
                users.check(name.as_bytes(), password.as_bytes()),
                None,
                "{name}:{password}"
            );
        }
        assert_eq!(users.check(&[b'a'; 300], &[b'b'; 300]), None);
    }

    #[test]
    fn each_failure_doubles_the_wait_up_to_five_seconds_and_success_ends_it() {
        let failures = LoginFailures::default();
        let client = "127.0.0.1".parse().unwrap();
        let now = Instant::now();
        assert_eq!(failures.wait(client, now), Duration::ZERO);
        failures.failed(client, now);
        assert_eq!(failures.wait(client, now), Duration::from_millis(100));
        failures.failed(client, now);
        assert_eq!(failures.wait(client, now), Duration::from_millis(200));
        (0..40).for_each(|_| failures.failed(client, now));
        assert_eq!(failures.wait(client, now), MAX_DELAY);
        assert_eq!(failures.wait(client, now + FORGET_AFTER), Duration::ZERO);
        failures.succeeded(client);
        assert_eq!(failures.wait(client, now), Duration::ZERO);
    }

    #[test]
    fn only_so_many_clients_are_remembered() {
        let failures = LoginFailures::default();
        let now = Instant::now();
        for n in 0..(MAX_CLIENTS as u32 + 10) {
            failures.failed(
                IpAddr::from(n.to_be_bytes()),
                now + Duration::from_millis(u64::from(n)),
            );
        }
        assert_eq!(failures.count.load(Ordering::Relaxed), MAX_CLIENTS);
    }
}
