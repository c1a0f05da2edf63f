//! Scanning of bodies in the pipeline: a body is withheld until its verdict, in both directions.
//!
//! [`plan`] decides by the heads whether and how a body is looked at; [`body_scan`] withholds it; [`scanned`] is the stage;
//! [`report`] is what is said of it afterwards.

pub(crate) mod body_scan;
mod hold;
mod plan;
pub(crate) mod report;
pub(crate) mod scanned;

use std::net::IpAddr;
use std::sync::Arc;

use privet_scan::{Direction, Message, Scanner};

pub(crate) use body_scan::BodyScan;
pub(crate) use report::ScanReport;
pub(crate) use scanned::Scanned;

/// The scans of one request, where there are any. Without, it is one word.
#[derive(Default)]
pub(crate) struct Scans(Option<Box<Active>>);

struct Active {
    scanner: Arc<Scanner>,
    method: String,
    url: String,
    client: IpAddr,
    /// The client asked for a stream of events, or speaks gRPC.
    streams: bool,
    up: Option<Box<BodyScan>>,
    down: Option<Box<BodyScan>>,
    report: Option<ScanReport>,
}

/// The body may not go on. Why is in the report.
pub(crate) struct Refused;

impl Scans {
    /// The scan of the request's body.
    pub fn up(&mut self) -> Option<&mut BodyScan> {
        self.0.as_mut()?.up.as_deref_mut()
    }

    /// The scan of the response's body.
    pub fn down(&mut self) -> Option<&mut BodyScan> {
        self.0.as_mut()?.down.as_deref_mut()
    }

    /// The scan of the response's body, for who receives that apart from the request.
    pub fn take_down(&mut self) -> Option<Box<BodyScan>> {
        self.0.as_mut()?.down.take()
    }

    /// Bytes that scans have read of the request's body, and of the response's.
    pub fn read(&self) -> (u64, u64) {
        let Some(active) = &self.0 else {
            return (0, 0);
        };
        let read = |scan: &Option<Box<BodyScan>>| scan.as_ref().map_or(0, |scan| scan.read());
        (read(&active.up), read(&active.down))
    }

    /// Whether a verdict is awaited: it comes within the scanner's own limit.
    pub fn is_asking(&self) -> bool {
        let Some(active) = &self.0 else {
            return false;
        };
        let mut bodies = [&active.up, &active.down].into_iter().flatten();
        bodies.any(|scan| scan.is_asking())
    }

    /// What is said of the request so far: the worst.
    pub fn report(&self) -> Option<&ScanReport> {
        let active = self.0.as_ref()?;
        let bodies = [&active.up, &active.down].into_iter().flatten();
        let reports = bodies.filter_map(|body| body.report());
        reports
            .chain(&active.report)
            .max_by_key(|report| report.word)
    }

    /// Takes over what was found apart from this request.
    pub fn add(&mut self, report: ScanReport) {
        if let Some(active) = &mut self.0 {
            active.add(report);
        }
    }
}

impl Active {
    fn add(&mut self, report: ScanReport) {
        if self
            .report
            .as_ref()
            .is_none_or(|old| old.word < report.word)
        {
            self.report = Some(report);
        }
    }

    fn message(&self, direction: Direction, status: u16, media_type: String) -> Message {
        Message {
            direction,
            method: self.method.clone(),
            url: self.url.clone(),
            status,
            media_type,
            client: Some(self.client),
        }
    }
}
