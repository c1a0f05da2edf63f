//! Scanning and the cache: stored responses were scanned, and are scanned again when rules or signatures have changed.

use std::future::poll_fn;
use std::sync::Arc;

use privet_cache::{Cache, Entry, EntryChange, EntrySelector};
use tokio::sync::watch;

use crate::exchange::downstream::unless_gone;
use crate::exchange::{Downstream, Outcome};
use crate::request::RequestFlow;
use crate::request::fetched::Fetched;
use crate::request::flow::NextStep;
use crate::scanning::ScanReport;
use crate::scanning::gate::Gate;
use crate::scanning::report::ScanOutcome;
use crate::service::Service;

/// What came of the wait for the start of a body.
pub(super) enum BodyStart {
    Here,
    Broken,
    ClientGone,
}

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    /// Waits until a body that is being stored may go on, from its beginning at least. The outcome: it may not.
    pub(super) async fn pass_gate(
        &mut self,
        gate: Option<watch::Receiver<Gate>>,
    ) -> Option<Outcome> {
        let mut gate = gate?;
        let (_, watch) = self.client.head_and_watch();
        let opened = gate.wait_for(|gate| !matches!(gate, Gate::Closed));
        let report = match unless_gone(watch, opened).await {
            Ok(Ok(gate)) => match &*gate {
                Gate::Ended(report) if report.blocks() => report.clone(),
                _ => return None,
            },
            // It ended without a verdict: so does what is read of it.
            Ok(Err(_)) => return None,
            Err(error) => {
                let text = format!("the client's connection broke: {error}");
                return Some(Outcome::Broken { reset: false, text });
            }
        };
        let text = report.text();
        self.scans.add(report);
        Some(Outcome::Refused { text })
    }

    /// Waits for the first bytes of a body that is judged while it arrives: they come once they may be sent. Where they do not,
    /// it was stopped, or its origin broke off, and this client asks by itself.
    pub(super) async fn await_start(&mut self, entry: &Entry) -> BodyStart {
        if !entry.is_being_judged() {
            return BodyStart::Here;
        }
        let mut reader = entry.reader(0);
        let (_, watch) = self.client.head_and_watch();
        match unless_gone(watch, poll_fn(|cx| reader.poll_next(cx))).await {
            Ok(Ok(_)) => BodyStart::Here,
            Ok(Err(_)) => BodyStart::Broken,
            Err(_) => BodyStart::ClientGone,
        }
    }

    /// Ends a request whose answer may not be sent.
    pub(super) async fn refuse(&mut self, outcome: Outcome, row: usize) -> NextStep {
        self.record_request(row, &outcome);
        match self.conclude(outcome, None, row).await {
            Fetched::Next(next) => next,
            _ => NextStep::Close,
        }
    }

    /// Whether a stored response was judged by what judges now, or need not be judged.
    pub(super) fn is_judged(&self, entry: &Entry) -> bool {
        let judges = self.scans.generation();
        judges.is_none_or(|generation| entry.judged() == generation)
    }

    /// Whether a body that still arrives is judged meanwhile by what judges now.
    pub(super) fn is_judged_on_arrival(&self, entry: &Entry) -> bool {
        let judges = self.scans.generation();
        !entry.is_complete()
            && judges.is_none_or(|generation| entry.is_judged_on_arrival(generation))
    }

    /// What a scan said of an answer that was sent meanwhile. A stored response that is stopped is removed.
    pub(super) fn after_scan(
        &mut self,
        outcome: Outcome,
        gate: Option<watch::Receiver<Gate>>,
        entry: &Entry,
        cache: Option<Arc<Cache>>,
    ) -> Outcome {
        match (gate, &cache) {
            (Some(gate), _) => {
                if let Gate::Ended(report) = &*gate.borrow() {
                    self.scans.add(report.clone());
                }
            }
            // It was read from the store and judged anew.
            (None, Some(cache))
                if self
                    .scans
                    .report()
                    .is_some_and(|report| report.outcome == ScanOutcome::Clean) =>
            {
                cache.keep_verdict(entry);
            }
            (None, _) => {}
        }
        let bad = |report: &&ScanReport| report.outcome >= ScanOutcome::BadPassed;
        let Some(report) = self.scans.report().filter(bad) else {
            return outcome;
        };
        if let Some(cache) = cache {
            cache.change(&EntrySelector::Url(entry.url()), EntryChange::Remove);
        }
        match outcome {
            Outcome::Broken { .. } if report.blocks() => Outcome::Broken {
                reset: true,
                text: report.text(),
            },
            outcome => outcome,
        }
    }
}
