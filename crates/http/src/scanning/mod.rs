//! Scanning of bodies in the pipeline: a body is withheld until its verdict, in both directions.
//!
//! [`plan`] decides by the heads whether and how a body is looked at; [`body_scan`] withholds it; [`scanned`] is the stage;
//! [`report`] is what is said of it afterwards.

pub(crate) mod body_scan;
mod hold;
mod plan;
pub(crate) mod report;
pub(crate) mod scanned;

use std::sync::Arc;

use privet_scan::{Direction, Message, Scanner};

pub(crate) use body_scan::BodyScan;
pub(crate) use report::ScanReport;
pub(crate) use scanned::Scanned;

/// The scans of one request, where there are any.
#[derive(Default)]
pub(crate) struct Scans {
    request: Option<Box<ScannedRequest>>,
    pub up: Option<Box<BodyScan>>,
    pub down: Option<Box<BodyScan>>,
    report: Option<ScanReport>,
}

/// What scans need of a request, once its head is gone.
struct ScannedRequest {
    scanner: Arc<Scanner>,
    method: String,
    url: String,
    /// The client asked for a stream of events, or speaks gRPC.
    streams: bool,
}

/// The body may not go on. Why is in the report.
pub(crate) struct Refused;

impl Scans {
    /// Bytes that scans have read of the request's body, and of the response's.
    pub fn read(&self) -> (u64, u64) {
        let read = |scan: &Option<Box<BodyScan>>| scan.as_ref().map_or(0, |scan| scan.read());
        (read(&self.up), read(&self.down))
    }

    /// Whether a verdict is awaited: it comes within the scanner's own limit.
    pub fn is_asking(&self) -> bool {
        let asks =
            |scan: &Option<Box<BodyScan>>| scan.as_ref().is_some_and(|scan| scan.is_asking());
        asks(&self.up) || asks(&self.down)
    }

    /// What is said of the request so far: the worst.
    pub fn report(&self) -> Option<&ScanReport> {
        let bodies = [&self.up, &self.down].into_iter().flatten();
        let reports = bodies.filter_map(|body| body.report());
        reports.chain(&self.report).max_by_key(|report| report.word)
    }

    /// Takes over what was found apart from this request.
    pub fn add(&mut self, report: ScanReport) {
        if self
            .report
            .as_ref()
            .is_none_or(|old| old.word < report.word)
        {
            self.report = Some(report);
        }
    }

    fn message(&self, direction: Direction, status: u16, media_type: String) -> Option<Message> {
        let request = self.request.as_ref()?;
        Some(Message {
            direction,
            method: request.method.clone(),
            url: request.url.clone(),
            status,
            media_type,
        })
    }
}
