//! Who passes untouched for a while: programs that refused the minted certificate, and hosts that ask for a certificate of
//! the client.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use privet_policy::{Host, Target, UntouchedBy};

/// A program is excepted once it refused the certificate this often…
const REFUSALS: u32 = 2;
/// …within this time.
const REFUSALS_WITHIN: Duration = Duration::from_secs(600);
/// How long an exception holds.
const HOLDS: Duration = Duration::from_secs(3_600);
/// The most hosts and programs that are remembered.
const MOST: usize = 1024;

/// Whom an exception is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ExceptedClient {
    /// A program's path, or its name where the path is not known.
    Program(Arc<str>),
    /// A client on another machine, or one whose program is not known.
    Address(IpAddr),
    /// Whoever connects to this port of the host.
    Everybody(u16),
}

impl fmt::Display for ExceptedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
            Self::Everybody(_) => f.write_str("*"),
        }
    }
}

/// Why a host passes untouched for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExceptionReason {
    RefusedCertificate,
    ClientCertificate,
}

/// An exception that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    pub host: String,
    /// The program's path or name, or the client's address; `None`: whoever connects.
    pub client: Option<String>,
    pub reason: ExceptionReason,
    pub since: SystemTime,
    pub until: SystemTime,
    /// How often the certificate was refused.
    pub times: u32,
}

#[derive(Debug, Clone)]
struct Entry {
    reason: ExceptionReason,
    times: u32,
    /// Those of `times` that were only a closed connection, without an alert.
    silent: u32,
    since: SystemTime,
    until: SystemTime,
}

impl Entry {
    fn holds_at(&self, now: SystemTime) -> bool {
        now < self.until
            && (self.reason == ExceptionReason::ClientCertificate || self.times >= REFUSALS)
    }
}

type Key = (Host, ExceptedClient);

/// The exceptions, and refusals that are none yet.
#[derive(Default)]
pub(crate) struct Exceptions {
    entries: Mutex<HashMap<Key, Entry>>,
    count: AtomicUsize,
    /// Who sent requests in inspected tunnels to a host, and until when that counts.
    accepting: Mutex<HashMap<Key, SystemTime>>,
}

impl Exceptions {
    /// Whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Why this client's tunnel to the host passes untouched now.
    pub(crate) fn find(&self, target: &Target, client: &ExceptedClient) -> Option<UntouchedBy> {
        let now = SystemTime::now();
        let entries = self.lock();
        let of = |client: ExceptedClient| entries.get(&(target.host.clone(), client));
        let for_client = of(client.clone());
        let for_all = || of(ExceptedClient::Everybody(target.port));
        let entry = for_client
            .filter(|entry| entry.holds_at(now))
            .or_else(|| for_all().filter(|entry| entry.holds_at(now)))?;
        Some(match entry.reason {
            ExceptionReason::RefusedCertificate => UntouchedBy::RefusedCertificate,
            ExceptionReason::ClientCertificate => UntouchedBy::ClientCertificate,
        })
    }

    /// The client refused the certificate for this host; `silent`: it only closed its connection, which counts unless it
    /// was seen to accept the certificate. Returns whether it is excepted from now on.
    pub(super) fn refused(&self, host: &Host, client: ExceptedClient, silent: bool) -> bool {
        self.refused_at(host, client, silent, SystemTime::now())
    }

    fn refused_at(
        &self,
        host: &Host,
        client: ExceptedClient,
        silent: bool,
        now: SystemTime,
    ) -> bool {
        if silent && self.has_accepted(host, &client, now) {
            return false;
        }
        self.change(|entries| {
            let new = Entry {
                reason: ExceptionReason::RefusedCertificate,
                times: 0,
                silent: 0,
                since: now,
                until: now + REFUSALS_WITHIN,
            };
            let entry = entries
                .entry((host.clone(), client))
                .or_insert_with(|| new.clone());
            if now >= entry.until {
                *entry = new;
            }
            entry.times = entry.times.saturating_add(1);
            entry.silent = entry.silent.saturating_add(u32::from(silent));
            if entry.times >= REFUSALS {
                entry.until = now + HOLDS;
            }
            entry.holds_at(now)
        })
    }

    /// The client sent a request in an inspected tunnel to the host: what it closes unused later is no refusal.
    pub(super) fn accepted(&self, host: &Host, client: ExceptedClient) {
        self.accepted_at(host, client, SystemTime::now());
    }

    fn accepted_at(&self, host: &Host, client: ExceptedClient, now: SystemTime) {
        let key = (host.clone(), client);
        if !self.is_empty() {
            self.change(|entries| {
                let Some(entry) = entries.get_mut(&key).filter(|entry| !entry.holds_at(now)) else {
                    return;
                };
                entry.times = entry
                    .times
                    .saturating_sub(std::mem::take(&mut entry.silent));
                if entry.times == 0 {
                    entries.remove(&key);
                }
            });
        }
        let mut accepting = lock(&self.accepting);
        if accepting.len() >= MOST {
            accepting.retain(|_, until| now < *until);
        }
        if accepting.len() >= MOST {
            accepting.clear();
        }
        accepting.insert(key, now + HOLDS);
    }

    fn has_accepted(&self, host: &Host, client: &ExceptedClient, now: SystemTime) -> bool {
        let key = (host.clone(), client.clone());
        lock(&self.accepting)
            .get(&key)
            .is_some_and(|until| now < *until)
    }

    /// The host asks for a certificate of the client.
    pub(super) fn asks_for_certificate(&self, target: &Target) {
        let now = SystemTime::now();
        self.change(|entries| {
            entries.insert(
                (target.host.clone(), ExceptedClient::Everybody(target.port)),
                Entry {
                    reason: ExceptionReason::ClientCertificate,
                    times: 1,
                    silent: 0,
                    since: now,
                    until: now + HOLDS,
                },
            );
        });
    }

    /// Those that hold now, the newest first.
    pub(super) fn list(&self) -> Vec<Exception> {
        let now = SystemTime::now();
        let entries = self.lock();
        let holding = entries.iter().filter(|(_, entry)| entry.holds_at(now));
        let mut all: Vec<Exception> = holding
            .map(|((host, client), entry)| Exception {
                host: host.to_string(),
                client: match client {
                    ExceptedClient::Everybody(_) => None,
                    client => Some(client.to_string()),
                },
                reason: entry.reason,
                since: entry.since,
                until: entry.until,
                times: entry.times,
            })
            .collect();
        all.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.host.cmp(&b.host)));
        all
    }

    pub(super) fn forget(&self, host: &str, client: Option<&str>) -> usize {
        self.change(|entries| {
            let before = entries.len();
            entries.retain(|(known, who), _| {
                let is_host = known.to_string() == host;
                let is_client = client.is_none_or(|client| who.to_string() == client);
                !(is_host && is_client)
            });
            before - entries.len()
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<Key, Entry>) -> T) -> T {
        let now = SystemTime::now();
        let mut entries = self.lock();
        let changed = change(&mut entries);
        if entries.len() > MOST {
            entries.retain(|_, entry| now < entry.until);
        }
        while entries.len() > MOST {
            let soonest = entries.iter().min_by_key(|(_, entry)| entry.until);
            let Some(key) = soonest.map(|(key, _)| key.clone()) else {
                break;
            };
            entries.remove(&key);
        }
        self.count.store(entries.len(), Ordering::Relaxed);
        changed
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        lock(&self.entries)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Host {
        Host::parse(name).unwrap()
    }

    fn target(name: &str) -> Target {
        Target {
            host: host(name),
            port: 443,
        }
    }

    fn program(path: &str) -> ExceptedClient {
        ExceptedClient::Program(path.into())
    }

    #[test]
    fn a_program_that_refuses_twice_is_excepted_for_that_host_only() {
        let exceptions = Exceptions::default();
        let a = host("a.test");
        assert!(exceptions.is_empty());
        assert!(!exceptions.refused(&a, program("/x"), false));
        assert_eq!(exceptions.find(&target("a.test"), &program("/x")), None);
        assert!(exceptions.list().is_empty());
        assert!(exceptions.refused(&a, program("/x"), false));
        assert_eq!(
            exceptions.find(&target("a.test"), &program("/x")),
            Some(UntouchedBy::RefusedCertificate)
        );
        assert_eq!(exceptions.find(&target("a.test"), &program("/y")), None);
        assert_eq!(exceptions.find(&target("b.test"), &program("/x")), None);
        let listed = exceptions.list();
        assert_eq!(listed[0].client.as_deref(), Some("/x"));
        assert_eq!(exceptions.forget("a.test", Some("/y")), 0);
        assert_eq!(exceptions.forget("a.test", Some("/x")), 1);
        assert_eq!(exceptions.find(&target("a.test"), &program("/x")), None);
        assert!(exceptions.is_empty());
    }

    #[test]
    fn refusals_that_are_far_apart_count_alone() {
        let exceptions = Exceptions::default();
        let a = host("a.test");
        let now = SystemTime::now();
        assert!(!exceptions.refused_at(&a, program("/x"), false, now));
        assert!(!exceptions.refused_at(&a, program("/x"), false, now + REFUSALS_WITHIN));
        assert!(exceptions.refused_at(&a, program("/x"), false, now + REFUSALS_WITHIN * 3 / 2));
    }

    #[test]
    fn connections_closed_without_a_word_count_only_where_the_certificate_was_never_accepted() {
        let exceptions = Exceptions::default();
        let a = host("a.test");
        let now = SystemTime::now();
        let closes = |at| exceptions.refused_at(&a, program("/x"), true, at);
        assert!(!closes(now));
        assert!(closes(now));
        exceptions.forget("a.test", None);
        // A browser that opens connections ahead: one of them is used.
        assert!(!closes(now));
        exceptions.accepted_at(&a, program("/x"), now);
        assert!(exceptions.is_empty());
        for _ in 0..3 {
            assert!(!closes(now));
        }
        assert!(exceptions.is_empty());
        // An alert counts all the same, and another program is another one.
        assert!(!exceptions.refused_at(&a, program("/x"), false, now));
        exceptions.accepted_at(&a, program("/x"), now);
        assert!(exceptions.refused_at(&a, program("/x"), false, now));
        assert!(!exceptions.refused_at(&a, program("/y"), true, now));
        assert!(exceptions.refused_at(&a, program("/y"), true, now));
        // What was accepted long ago says nothing any more.
        exceptions.forget("a.test", None);
        assert!(!closes(now + HOLDS));
        assert!(closes(now + HOLDS));
    }

    #[test]
    fn a_port_that_asks_for_a_certificate_is_excepted_for_everybody() {
        let exceptions = Exceptions::default();
        exceptions.asks_for_certificate(&target("a.test"));
        assert_eq!(
            exceptions.find(&target("a.test"), &program("/x")),
            Some(UntouchedBy::ClientCertificate)
        );
        let other_port = Target {
            port: 8443,
            ..target("a.test")
        };
        assert_eq!(exceptions.find(&other_port, &program("/x")), None);
        assert_eq!(exceptions.list()[0].client, None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let exceptions = Exceptions::default();
        for number in 0..MOST + 50 {
            exceptions.refused(&host(&format!("h{number}.test")), program("/x"), false);
        }
        assert_eq!(exceptions.lock().len(), MOST);
    }
}
