//! Replays recorded connections against a changed policy and counts what would be decided differently.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use crate::explanation::{Outcome, OutcomeAction};
use crate::{
    Action, App, Inspection, Listener, Policy, Protocol, Request, Target, Treatment, Verdict,
    simulate,
};

/// The most differences that are listed; all are counted.
pub const MAX_DIFFERENCES: usize = 1000;
/// The most programs with separate counts; the others are counted together as [`OTHERS`].
pub const MAX_APPS: usize = 1000;
/// Programs beyond [`MAX_APPS`].
pub const OTHERS: &str = "(others)";
/// Connections whose program is not known.
pub const UNKNOWN: &str = "(unknown)";

/// What is needed of a past connection to decide on it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedConnection {
    pub listener: Listener,
    pub protocol: Protocol,
    pub user: Option<Arc<str>>,
    pub app: Option<Arc<App>>,
    pub target: Target,
    /// The target's addresses, where they are recorded.
    pub addresses: Vec<IpAddr>,
    pub url: Option<Arc<str>>,
    pub at: SystemTime,
}

/// What a change of the policy would have changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replay {
    /// Connections replayed.
    pub total: u64,
    /// Connections with another decision: the sum of the three below.
    pub changed: u64,
    /// Passed before, blocked now.
    pub newly_blocked: u64,
    /// Blocked before, passed now.
    pub newly_allowed: u64,
    /// Passed by another route now.
    pub rerouted: u64,
    /// Passed both times, and HTTPS in them would be inspected now; not among the changed.
    pub newly_inspected: u64,
    /// Passed both times, and would not be inspected any more.
    pub no_longer_inspected: u64,
    /// Passed both times, and bodies would be scanned now.
    pub newly_scanned: u64,
    /// Passed both times, and bodies would not be scanned any more.
    pub no_longer_scanned: u64,
    /// The first [`MAX_DIFFERENCES`] of the changed ones.
    pub differing: Vec<ReplayDifference>,
    /// By the program's name.
    pub by_app: BTreeMap<String, Changes>,
}

/// Changed connections of one program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    pub newly_blocked: u64,
    pub newly_allowed: u64,
    pub rerouted: u64,
}

/// One connection with another decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayDifference {
    pub target: Target,
    pub protocol: Protocol,
    pub app: Option<Arc<str>>,
    pub user: Option<Arc<str>>,
    pub at: SystemTime,
    pub before: Outcome,
    pub after: Outcome,
}

/// Decides on each record with both policies, as the engine would. Nothing is counted as a hit.
pub fn replay(
    old: &Policy,
    new: &Policy,
    records: impl IntoIterator<Item = RecordedConnection>,
) -> Replay {
    let mut replay = Replay::default();
    for record in records {
        replay.total += 1;
        let (before, after) = (
            simulate(&record.request(), old),
            simulate(&record.request(), new),
        );
        replay.compare_content(&before, &after);
        let before = Outcome::of(&before, old);
        let after = Outcome::of(&after, new);
        if !before.has_same_route(&after) {
            replay.add(record, before, after);
        }
    }
    replay
}

impl Replay {
    fn compare_content(&mut self, before: &Verdict, after: &Verdict) {
        let passes = |verdict: &Verdict| matches!(verdict.action, Action::Route(_));
        if !passes(before) || !passes(after) {
            return;
        }
        let (before, after) = (before.treatment, after.treatment);
        let inspects =
            |treatment: Treatment| matches!(treatment.inspection, Inspection::Inspect { .. });
        match (inspects(before), inspects(after)) {
            (false, true) => self.newly_inspected += 1,
            (true, false) => self.no_longer_inspected += 1,
            _ => {}
        }
        match (before.scan, after.scan) {
            (false, true) => self.newly_scanned += 1,
            (true, false) => self.no_longer_scanned += 1,
            _ => {}
        }
    }

    /// What would happen to content, for the end of a sentence; empty: the same.
    fn content_note(&self) -> String {
        [
            (self.newly_inspected, "inspected"),
            (self.no_longer_inspected, "no longer inspected"),
            (self.newly_scanned, "scanned"),
            (self.no_longer_scanned, "no longer scanned"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("; {count} would be {what}"))
        .collect()
    }

    fn add(&mut self, record: RecordedConnection, before: Outcome, after: Outcome) {
        let app = record.app.map(|app| app.name.clone());
        let changes = self.of_app(app.as_deref().unwrap_or(UNKNOWN));
        let one = match (before.action, after.action) {
            (_, OutcomeAction::Block) => (1, 0, 0),
            (OutcomeAction::Block, _) => (0, 1, 0),
            _ => (0, 0, 1),
        };
        changes.newly_blocked += one.0;
        changes.newly_allowed += one.1;
        changes.rerouted += one.2;
        self.newly_blocked += one.0;
        self.newly_allowed += one.1;
        self.rerouted += one.2;
        self.changed += 1;
        if self.differing.len() < MAX_DIFFERENCES {
            self.differing.push(ReplayDifference {
                target: record.target,
                protocol: record.protocol,
                app,
                user: record.user,
                at: record.at,
                before,
                after,
            });
        }
    }

    fn of_app(&mut self, name: &str) -> &mut Changes {
        let known = self.by_app.len() < MAX_APPS || self.by_app.contains_key(name);
        let name = if known { name } else { OTHERS };
        self.by_app.entry(name.to_owned()).or_default()
    }
}

impl fmt::Display for Replay {
    /// One sentence for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changed == 0 {
            return write!(
                f,
                "all {} connections would have gone the same way{}",
                self.total,
                self.content_note()
            );
        }
        write!(
            f,
            "{} of {} connections, of {} programs, would have gone differently: {} blocked, {} no longer blocked, {} by \
             another route{}",
            self.changed,
            self.total,
            self.by_app.len(),
            self.newly_blocked,
            self.newly_allowed,
            self.rerouted,
            self.content_note()
        )
    }
}

impl RecordedConnection {
    fn request(&self) -> Request<'_> {
        Request {
            listener: self.listener,
            // The client's address is not recorded, and no rule depends on it.
            client: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
            protocol: self.protocol,
            user: self.user.as_deref(),
            app: self.app.as_deref().into(),
            target: &self.target,
            addresses: self.addresses.as_slice().into(),
            url: self.url.as_deref(),
            page: None,
            at: self.at,
        }
    }
}
