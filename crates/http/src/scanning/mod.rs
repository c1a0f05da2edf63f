//! Scanning of bodies in the pipeline: a body is withheld until its verdict, in both directions.
//!
//! [`plan`] decides from the heads whether and how a body is scanned; [`body_scan`] withholds it in a [`withheld_body`], [`progress`]
//! counts what was forwarded, [`body_end`] ends it; [`stream`] scans what cannot be withheld; [`scanned`] is the body source of the
//! stage; [`report`] is the result for rows and pages.

mod body_end;
pub(crate) mod body_scan;
mod fault;
pub(crate) mod gate;
mod grpc;
mod hold;
mod plan;
mod progress;
pub(crate) mod range;
pub(crate) mod report;
pub(crate) mod scanned;
mod stream;
mod withheld_body;

use std::net::IpAddr;

use privet_scan::{Direction, Message, RequestScanner};
use range::{RequestedRange, SelectedRange};

pub(crate) use body_scan::BodyScan;
pub(crate) use report::ScanReport;
pub(crate) use scanned::Scanned;

/// The client of a request, as far as scanning depends on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScanClient {
    pub ip: IpAddr,
    pub speaks_http2: bool,
}

/// The scans of one request. Without any it is one pointer.
#[derive(Default)]
pub(crate) struct Scans(Option<Box<Active>>);

struct Active {
    scanning: RequestScanner,
    method: String,
    url: String,
    client: IpAddr,
    /// The client asked for a stream of events.
    wants_events: bool,
    speaks_grpc: bool,
    /// The range or ranges that the client asked for.
    part: Option<RequestedRange>,
    up: Option<Box<BodyScan>>,
    down: Option<Box<BodyScan>>,
    report: Option<ScanReport>,
}

/// The body must not be forwarded. The report has the reason.
pub(crate) struct Refused;

impl Scans {
    /// Whether no body is scanned.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// The scan of the request's body.
    pub fn up(&mut self) -> Option<&mut BodyScan> {
        self.0.as_mut()?.up.as_deref_mut()
    }

    /// The scan of the response's body.
    pub fn down(&mut self) -> Option<&mut BodyScan> {
        self.0.as_mut()?.down.as_deref_mut()
    }

    /// Takes the scan of the response's body, where a cache fill receives that body apart from the request.
    pub fn take_down(&mut self) -> Option<Box<BodyScan>> {
        let mut scan = self.0.as_mut()?.down.take()?;
        scan.without_part();
        Some(scan)
    }

    /// The range of the response's body to forward; `None`: all of it.
    pub fn part(&self) -> Option<&SelectedRange> {
        self.0.as_ref()?.down.as_ref()?.part()
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

    /// The worst result of the request's scans.
    pub fn report(&self) -> Option<&ScanReport> {
        let active = self.0.as_ref()?;
        let bodies = [&active.up, &active.down].into_iter().flatten();
        let reports = bodies.filter_map(|body| body.report());
        reports
            .chain(&active.report)
            .max_by_key(|report| report.outcome)
    }

    /// Takes over a result that was found outside of this request.
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
            .is_none_or(|old| old.outcome < report.outcome)
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
