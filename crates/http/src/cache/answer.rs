//! Answers a request from a stored response: all of it, a part, or that the client has it already.

use std::sync::Arc;

use privet_cache::rules::answer::{self, Answer};
use privet_cache::rules::multipart::Multipart;
use privet_cache::rules::range::ByteRange;
use privet_cache::rules::request::Request;
use privet_cache::{BodyReader, Cache, Entry, Timestamp};
use privet_net::{Connected, DialTimings, Stream};
use tokio::sync::watch;

use super::delivery::{AnswerBody, Delivery};
use super::fields::ClientFields;
use super::fill::FillControl;
use super::multipart::PartsBody;
use super::status::CacheUse;
use super::stored_body::StoredBody;
use super::url::target_of;
use crate::body::Transfer;
use crate::exchange::{Downstream, Outcome};
use crate::head::{Method, Version};
use crate::headers::response::StoredResponse;
use crate::headers::write_number;
use crate::request::RequestFlow;
use crate::request::flow::{NextStep, request};
use crate::request::live_connections::LiveConnections;
use crate::scanning::gate::Gate;
use crate::scanning::range::{self, SelectedRange};
use crate::service::{Fetch, Service};
use crate::turn;

/// A stored response that answers a request.
pub struct StoredAnswer {
    /// What the entry is of.
    pub cache: Option<Arc<Cache>>,
    /// Opens with the body's verdict, where it is being scanned.
    pub gate: Option<watch::Receiver<Gate>>,
    pub entry: Entry,
    /// Of the whole body or of the part, where one was made already.
    pub reader: Option<BodyReader>,
    pub used: CacheUse,
    /// The row that counts the answer's bytes.
    pub row: usize,
    /// Ends the fill that the answer is read from, where this client caused it.
    pub control: Option<FillControl>,
    /// The part of it that answers; none: as the request asks.
    pub part: Option<ByteRange>,
    /// This process's entry in `Via` is added.
    pub via: bool,
}

/// Leaves the row of an origin's connection to the fill that still uses it, also where the client's task is dropped.
struct RowGuard<'a> {
    rows: &'a mut LiveConnections,
    at: usize,
    control: Option<FillControl>,
}

impl Drop for RowGuard<'_> {
    fn drop(&mut self) {
        if let Some(control) = self.control.take()
            && let Some(live) = self.rows.take(self.at)
        {
            control.adopt(live);
        }
    }
}

/// Writes the lines that each answer has anew.
fn write_own(out: &mut Vec<u8>, entry: &Entry, used: CacheUse) {
    let now = Timestamp::from(turn::wall_time());
    out.extend_from_slice(b"Age: ");
    write_number(out, u64::from(entry.head().age(now)));
    out.extend_from_slice(b"\r\n");
    used.write_line(out);
}

/// What the route of an answer from the cache is called in the connection log.
fn cache_route() -> Arc<str> {
    thread_local!(static CACHE: Arc<str> = Arc::from("cache"));
    CACHE.with(Arc::clone)
}

/// In place of a connection to an origin.
fn no_connection(route: Arc<str>) -> Connected {
    Connected {
        stream: Stream::Boxed(Box::pin(tokio::io::empty())),
        preread: bytes::Bytes::new(),
        local: None,
        remote: None,
        route,
        timings: DialTimings::default(),
        absolute_form: None,
        alpn: None,
    }
}

/// The head and the body of an answer.
struct Form {
    status: u16,
    /// Takes the place of the stored lines.
    lines: Option<Vec<u8>>,
    length: Option<u64>,
    body: AnswerBody,
}

/// How the client's connection goes on after an answer.
struct Ending {
    keep_client: bool,
    /// The body ends with the connection.
    ends_by_close: bool,
}

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    /// The row of answers from the cache to this client.
    pub(super) fn cache_row(&mut self, fetch: &S::Fetch) -> Option<usize> {
        if let Some(scanning) = fetch.scanner() {
            self.begin_scans(scanning);
        }
        let request = request!(self, self.client.head_bytes())?;
        let service = self.service;
        let route = cache_route();
        let (key, target) = (fetch.pool_key(), request.target);
        let row = self.live_connections.find_or_open(key, target, &route, || {
            service.record(&request, fetch, &no_connection(route.clone()))
        });
        Some(row)
    }

    pub(super) async fn answer(&mut self, ready: StoredAnswer) -> NextStep {
        let StoredAnswer {
            cache,
            gate,
            entry,
            reader,
            used,
            row,
            control,
            part,
            via,
        } = ready;
        self.observe(row);
        self.observed.cache = Some(used);
        if let Some(outcome) = self.pass_gate(gate.clone()).await {
            return self.refuse(outcome, row).await;
        }
        let began = self.observed.waits_since;
        let began = began.unwrap_or_else(|| turn::now().into_std());
        self.observed.origin_took = Some((entry.fetch_time(), began));
        // An answer of the origin that this one takes the place of.
        drop(self.scans.take_down());
        // Who asked the origin has judged the body by itself.
        let judges = gate.is_none() && reader.is_none();
        let form = self.form(&entry, reader, part, judges);
        let Ending {
            keep_client,
            ends_by_close,
        } = self.start_answer(&form, &entry, used, via);
        let mut guard = RowGuard {
            rows: self.live_connections,
            at: row,
            control,
        };
        let outcome = match guard.rows.get(row) {
            Some(live) => {
                let delivery = Delivery {
                    client: self.client,
                    body: form.body,
                    scans: &mut self.scans,
                    live,
                    deadline: self.deadline,
                    idle: self.service.timeouts().idle,
                    keep_client,
                    ends_by_close,
                    down: &mut self.observed.down,
                    transfer: Transfer::default(),
                };
                delivery.run().await
            }
            None => Outcome::Cancelled,
        };
        let control = guard.control.take();
        drop(guard);
        let outcome = self.after_scan(outcome, gate, &entry, cache);
        self.record_request(row, &outcome);
        self.after_answer(outcome, row, control).await
    }

    /// Queues the head of an answer.
    fn start_answer(&mut self, form: &Form, entry: &Entry, used: CacheUse, via: bool) -> Ending {
        let mut own = std::mem::take(&mut self.observed.lines);
        own.clear();
        write_own(&mut own, entry, used);
        let unbounded = form.length.is_none() && !form.body.is_none();
        let modern = self.head.version == Version::Http11;
        let ends_by_close = unbounded && !modern;
        let keep_client = self.head.keeps_alive() && !ends_by_close;
        let head = StoredResponse {
            status: form.status,
            stored: form.lines.as_deref().unwrap_or(&entry.head().lines),
            own: &own,
            length: form.length,
            chunked: unbounded && modern,
            close: !keep_client,
            via,
        };
        self.observed.down_head = self.client.start_stored(&head);
        own.clear();
        self.observed.lines = own;
        self.client.release_head();
        self.observed
            .answer_stored(form.status, entry.head().get("content-type"));
        Ending {
            keep_client,
            ends_by_close,
        }
    }

    pub(super) async fn after_answer(
        &mut self,
        outcome: Outcome,
        row: usize,
        control: Option<FillControl>,
    ) -> NextStep {
        match (&outcome, control) {
            (Outcome::Cancelled, Some(control)) => control.cancel(),
            (Outcome::Broken { reset, .. }, Some(control)) => {
                if *reset {
                    self.client.reset();
                }
                if let Some(live) = self.live_connections.take(row) {
                    control.adopt(live);
                }
                return NextStep::Close;
            }
            _ => {}
        }
        match self.conclude(outcome, None, row).await {
            crate::request::fetched::Fetched::Next(next) => next,
            _ => NextStep::Close,
        }
    }

    /// How a stored response answers this request.
    fn form(
        &mut self,
        entry: &Entry,
        reader: Option<BodyReader>,
        asked: Option<ByteRange>,
        judges: bool,
    ) -> Form {
        let bytes = self.client.head_bytes();
        let client = ClientFields {
            head: self.head,
            bytes,
        };
        let method = self.head.method_span.of_buffer(bytes);
        let port = self.head.target.as_ref().map_or(80, |target| target.port);
        let complete = entry.body_len();
        let shape = match target_of(self.url, "http", port) {
            // The response to another method answers as it is.
            Some(target) if matches!(method, b"GET" | b"HEAD") => {
                let request = Request::new(method, target, &client);
                match asked {
                    Some(part) => answer::answer_part(&request, entry.head(), part),
                    None => answer::answer(&request, entry.head(), complete),
                }
            }
            _ => Answer::Whole,
        };
        let judged = self.is_judged(entry);
        let judges = judges && !judged && !self.is_judged_on_arrival(entry);
        let multipart = multipart_of(entry, &shape);
        let (shape, cut) = match shape {
            // A part is sent of what was judged whole alone: of all of it, which is judged now, or not at all.
            Answer::Partial(ranges) if !judged => {
                let complete = complete.filter(|_| judges);
                let multipart = multipart.as_ref();
                match complete.and_then(|complete| SelectedRange::of(&ranges, complete, multipart))
                {
                    Some(cut) => (Answer::Partial(ranges), Some(cut)),
                    None => (Answer::Whole, None),
                }
            }
            shape => (shape, None),
        };
        let mut form = form_of(entry, &shape, reader, asked.is_some(), multipart.as_ref());
        if cut.is_some() {
            form.body = AnswerBody::Whole(StoredBody::new(entry.reader(0), complete));
        }
        if self.head.method == Method::Head {
            form.body = AnswerBody::Whole(StoredBody::none());
        }
        if judges && !form.body.is_none() {
            self.scans.plan_stored(entry, cut);
        }
        form
    }
}

/// How several parts are sent, where the answer has some.
fn multipart_of<'e>(entry: &'e Entry, shape: &Answer) -> Option<Multipart<'e>> {
    let Answer::Partial(ranges) = shape else {
        return None;
    };
    (ranges.len() > 1).then(|| {
        let content_type = entry.head().get("content-type");
        let complete = entry.body_len().unwrap_or(0);
        Multipart::new(range::boundary(), content_type, complete)
    })
}

/// `reader`: of the whole body, or of the only part where `is_part`. `multipart`: how several parts are sent.
fn form_of(
    entry: &Entry,
    shape: &Answer,
    reader: Option<BodyReader>,
    is_part: bool,
    multipart: Option<&Multipart<'_>>,
) -> Form {
    let head = entry.head();
    let complete = entry.body_len();
    let status = answer::status(head, shape);
    let lines = |multipart: Option<&Multipart<'_>>| {
        let mut lines = Vec::with_capacity(512);
        answer::write_fields(&mut lines, head, shape, complete, multipart);
        Some(lines)
    };
    let without_body = |length| Form {
        status,
        lines: lines(None),
        length,
        body: AnswerBody::Whole(StoredBody::none()),
    };
    match shape {
        Answer::Whole => Form {
            status,
            lines: None,
            length: complete,
            body: AnswerBody::Whole(StoredBody::new(
                reader.unwrap_or_else(|| entry.reader(0)),
                complete,
            )),
        },
        Answer::NotModified => without_body(None),
        Answer::RangeNotSatisfiable => without_body(Some(0)),
        Answer::Partial(ranges) => match (ranges.as_slice(), multipart) {
            (ranges, Some(multipart)) => Form {
                status,
                lines: lines(Some(multipart)),
                length: Some(multipart.body_len(ranges)),
                body: AnswerBody::Parts(PartsBody::new(entry.clone(), ranges, multipart)),
            },
            (&[range, ..], None) => {
                let reader = match reader {
                    Some(reader) if is_part => reader,
                    // Made while the other one is there: a body that is not stored keeps nothing that nobody reads.
                    _ => entry.range_reader(range.first, range.len()),
                };
                Form {
                    status,
                    lines: lines(None),
                    length: Some(range.len()),
                    body: AnswerBody::Whole(StoredBody::new(reader, Some(range.len()))),
                }
            }
            // An answer in parts has one at least.
            ([], None) => without_body(Some(0)),
        },
    }
}
