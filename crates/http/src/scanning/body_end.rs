//! The end of a withheld body: its verdict, or why there is none.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use privet_cache::Entry;
use privet_scan::{Body, Verdict};
use tokio::sync::watch;

use super::body_scan::{BodyScan, State};
use super::gate::Gate;
use super::report::{ScanOutcome, ScanReport};
use super::stream::PendingVerdict;
use super::withheld_body::{CompleteBody, read_whole};

impl BodyScan {
    /// The verdict, for a cache fill, which does not read the body.
    pub fn gate(&mut self) -> watch::Receiver<Gate> {
        let (told, gate) = watch::channel(match self.state {
            State::Stream(_) => Gate::Trickles,
            _ => Gate::Closed,
        });
        self.told = Some(told);
        gate
    }

    /// Records a clean verdict in this stored response, before the last piece of its body is forwarded.
    pub fn notes_at(&mut self, entry: Entry) {
        self.stored = Some(entry);
    }

    /// Starts the scan of what a stream has received. `false`: there is nothing to scan.
    pub fn ask_window(&mut self) -> bool {
        let State::Stream(stream) = &mut self.state else {
            return false;
        };
        match stream.ask(&self.scanning, &self.message) {
            Ok(asks) => {
                self.asked = Some(Instant::now());
                asks
            }
            Err(fault) => {
                self.fail(fault.text());
                true
            }
        }
    }

    fn ask(&mut self) {
        let codings = std::mem::take(&mut self.codings);
        let (scanning, message) = (self.scanning.clone(), self.message.clone());
        self.asked = Some(Instant::now());
        let asking: PendingVerdict = match self.store.whole() {
            CompleteBody::Memory(bytes) => {
                let body = Body {
                    bytes,
                    codings,
                    message,
                };
                Box::pin(async move { scanning.scan(body).await })
            }
            CompleteBody::File(file, written, behind) => {
                let len = self.store.len();
                let read = move || read_whole(&file, written, &behind);
                Box::pin(async move { scanning.scan_spooled(len, message, codings, read).await })
            }
        };
        self.state = State::Asking(asking);
    }

    /// Ready once there is a verdict.
    pub fn poll_verdict(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if matches!(self.state, State::Complete) {
            self.ask();
        }
        let verdict = match &mut self.state {
            State::Asking(asking) => ready!(asking.as_mut().poll(cx)),
            State::Stream(stream) => match ready!(stream.poll_verdict(cx)) {
                Some(verdict) => {
                    let report = self.report_of(verdict);
                    self.judged_window(report);
                    return Poll::Ready(());
                }
                None => return Poll::Ready(()),
            },
            _ => return Poll::Ready(()),
        };
        let report = self.report_of(verdict);
        if let (ScanOutcome::Clean, Some(stored)) = (report.outcome, &self.stored) {
            stored.set_judged(self.scanning.generation());
        }
        self.state = match report.blocks() {
            true => State::Refused,
            false => State::Released,
        };
        self.end_with(report);
        Poll::Ready(())
    }

    fn report_of(&self, verdict: Verdict) -> ScanReport {
        // Other clients may read the stored response at once.
        let is_shared = self.stored.is_some();
        let (scanning, client) = (&self.scanning, self.message.client);
        let mut report = ScanReport::of_verdict(verdict, scanning.block_on_error, |finding| {
            !is_shared && scanning.takes_risk(finding, client)
        });
        report.took = self.asked.map(|asked| asked.elapsed()).unwrap_or_default();
        report
    }

    /// A window of a stream was scanned; the next one may begin.
    fn judged_window(&mut self, report: ScanReport) {
        if report.blocks() {
            return self.refuse(report);
        }
        let Some(known) = &mut self.report else {
            return;
        };
        let took = known.took + report.took;
        if report.outcome > known.outcome {
            *known = report;
        }
        known.took = took;
    }

    /// The body is larger than `max_body`.
    pub fn is_oversize(&mut self) {
        match self.scanning.block_oversize {
            true => self.refuse(ScanReport::of(ScanOutcome::Oversize)),
            false => {
                self.scanning.passed_oversize();
                self.pass(ScanReport::of(ScanOutcome::OversizePassed));
            }
        }
    }

    /// The body cannot be scanned.
    pub fn fail(&mut self, why: impl Into<Arc<str>>) {
        match self.scanning.block_on_error {
            true => self.refuse(ScanReport::error(false, why)),
            false => self.pass(ScanReport::error(true, why)),
        }
    }

    fn refuse(&mut self, report: ScanReport) {
        self.state = State::Refused;
        self.store.clear();
        self.end_with(report);
    }

    fn pass(&mut self, report: ScanReport) {
        if let State::Stream(stream) = &mut self.state {
            // The bytes behind the last window; the rest is not scanned.
            let rest = stream.take_rest();
            let _ = self.store.push(&rest);
        }
        self.state = State::Passing;
        self.end_with(report);
    }

    fn end_with(&mut self, report: ScanReport) {
        self.tell(Gate::Ended(report.clone()));
        self.report = Some(report);
    }

    pub(super) fn tell(&self, gate: Gate) {
        if let Some(told) = &self.told {
            // No waiting reader is left.
            let _ = told.send(gate);
        }
    }
}
