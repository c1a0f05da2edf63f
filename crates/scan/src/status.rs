//! State and counts of the engines.

use std::net::IpAddr;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

use crate::allowance::VALID;
use crate::counters::EngineCounts;
use crate::scanner::Scanner;
use crate::shared::{RecentFinding, Totals};
use crate::verdict::{Engine, Finding};

/// Findings that are remembered.
const MAX_RECENT: usize = 50;
/// Signatures that are older are said to be old.
const OLD: Duration = Duration::from_secs(7 * 24 * 3600);

/// Whether an engine can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineState {
    Ready,
    /// It has nothing to judge by.
    Empty,
    Failed,
}

/// State and counts of one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    pub engine: Engine,
    pub state: EngineState,
    pub version: Option<String>,
    pub signatures: Option<Timestamp>,
    pub signatures_are_old: bool,
    pub rules: Option<usize>,
    pub counts: EngineCounts,
    /// What is wrong, each as a sentence.
    pub faults: Vec<String>,
}

impl Scanner {
    pub(crate) fn remember(&self, url: String, client: Option<IpAddr>, finding: Finding) {
        let mut recent = self
            .shared
            .recent
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        recent.truncate(MAX_RECENT - 1);
        recent.push_front(RecentFinding {
            at: SystemTime::now(),
            url,
            client,
            finding,
        });
    }

    /// A body that is larger than what is judged was passed.
    pub fn passed_oversize(&self) {
        self.shared.oversize.fetch_add(1, Ordering::Relaxed);
    }

    /// Lets the client that was stopped take that body once, within a time. `None`: no such body was stopped lately. The
    /// client, and how long the permission waits.
    pub fn permit_once(
        &self,
        sha256: &str,
        client: Option<IpAddr>,
    ) -> Option<(Option<IpAddr>, Duration)> {
        let recent = self.recent();
        let stopped = recent.iter().find(|stopped| {
            *stopped.finding.sha256 == *sha256 && (client.is_none() || stopped.client == client)
        })?;
        let allowances = &self.shared.allowances;
        allowances.permit(
            stopped.finding.sha256.clone(),
            stopped.client,
            Instant::now(),
        );
        Some((stopped.client, VALID))
    }

    /// Whether this client may take a body that was stopped.
    pub fn may_take_risk(&self, client: IpAddr) -> bool {
        self.shared.allowances.waits(Some(client), Instant::now())
    }

    /// Uses up the permission to take a body. `false`: there is none.
    pub fn takes_risk(&self, finding: &Finding, client: Option<IpAddr>) -> bool {
        self.shared
            .allowances
            .take(&finding.sha256, client, Instant::now())
    }

    /// The newest findings first.
    pub fn recent(&self) -> Vec<RecentFinding> {
        let recent = self
            .shared
            .recent
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        recent.iter().cloned().collect()
    }

    pub fn totals(&self) -> Totals {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            clean: get(&self.shared.clean),
            bad: get(&self.shared.bad),
            failed: get(&self.shared.failed),
            oversize: get(&self.shared.oversize),
        }
    }

    /// Says that the signatures of an engine are old, as far as it was asked.
    pub fn old_signatures(&self) -> Option<String> {
        let made = self.clamd.as_ref()?.version()?.signatures?;
        let text = || format!("the signatures of clamd are old: they were made at {made}");
        is_old(made).then(text)
    }

    /// The engines, asked now.
    pub async fn status(&self) -> Vec<EngineStatus> {
        let (clamd_fault, icap_fault) = self.check().await;
        let mut all = vec![self.yara_status()];
        if let Some(clamd) = &self.clamd {
            let version = clamd.version();
            let signatures = version.as_ref().and_then(|version| version.signatures);
            let text = version.map(|version| version.text.clone());
            all.push(self.outside(Engine::Clamd, clamd_fault, text, signatures));
        }
        if let Some(icap) = &self.icap {
            let options = icap.known_options();
            let text = options.map(|options| match &options.service {
                Some(service) => format!("{service} {}", options.tag),
                None => options.tag.clone(),
            });
            all.push(self.outside(Engine::Icap, icap_fault, text, None));
        }
        all
    }

    fn yara_status(&self) -> EngineStatus {
        EngineStatus {
            engine: Engine::Yara,
            state: match (self.rules.count(), self.uses_yara()) {
                (0, true) => EngineState::Failed,
                (0, false) => EngineState::Empty,
                _ => EngineState::Ready,
            },
            version: None,
            signatures: None,
            signatures_are_old: false,
            rules: Some(self.rules.count()),
            counts: self.counters(Engine::Yara).get(),
            faults: self.faults.iter().map(ToString::to_string).collect(),
        }
    }

    fn outside(
        &self,
        engine: Engine,
        fault: Option<String>,
        version: Option<String>,
        signatures: Option<Timestamp>,
    ) -> EngineStatus {
        EngineStatus {
            engine,
            state: match fault {
                None => EngineState::Ready,
                Some(_) => EngineState::Failed,
            },
            version,
            signatures,
            signatures_are_old: signatures.is_some_and(is_old),
            rules: None,
            counts: self.counters(engine).get(),
            faults: fault.into_iter().collect(),
        }
    }
}

fn is_old(signatures: Timestamp) -> bool {
    Timestamp::now().duration_since(signatures).unsigned_abs() > OLD
}
