//! What becomes of the response of an origin: it is stored, it confirms what is stored, it is passed on, or a stored one
//! takes its place.

use std::time::SystemTime;

use privet_cache::body::BodyReader;
use privet_cache::rules::cache_status::Forward;
use privet_cache::rules::request::{Request, Target};
use privet_cache::rules::storing::{self, Response};
use privet_cache::rules::validation::{self, Asked, Merged};
use privet_cache::{
    Entry, FieldLines, FillPermit, FillWriter, NewEntry, OnError, Policy, Timestamp,
};
use privet_config::HeaderMode;
use tokio::sync::watch;

use super::fields::{ClientFields, SentFields};
use super::fill::{Audience, FillControl};
use super::status::CacheUse;
use crate::exchange::head_observer::{HeadObserver, SeenHead};
use crate::head::BodyLength;
use crate::headers::response::for_each_field;
use crate::headers::write_field;
use crate::scanning::body_scan::Gate;

/// A stored response that an origin is asked to confirm.
pub struct Validating {
    pub entry: Entry,
    pub on_error: OnError,
    /// The conditions that go to the origin, as field lines.
    pub conditions: Vec<u8>,
}

/// The owned parts of a URL.
pub struct OwnedTarget {
    pub scheme: &'static str,
    pub host: Box<str>,
    pub port: u16,
    pub path_and_query: Box<[u8]>,
}

impl OwnedTarget {
    pub fn of(target: &Target<'_>, scheme: &'static str) -> Self {
        Self {
            scheme,
            host: target.host.into(),
            port: target.port,
            path_and_query: target.path_and_query.into(),
        }
    }

    pub fn get(&self) -> Target<'_> {
        Target {
            scheme: self.scheme,
            host: &self.host,
            port: self.port,
            path_and_query: &self.path_and_query,
        }
    }
}

/// What the cache took of a response.
pub enum Taken {
    /// It is being stored.
    Stored {
        entry: Entry,
        /// For who asked.
        reader: BodyReader,
        /// Until the body is received apart.
        writer: Option<FillWriter>,
        control: Option<FillControl>,
        /// Opens with the body's verdict, where it is scanned.
        gate: Option<watch::Receiver<Gate>>,
    },
    /// A stored one was confirmed.
    Confirmed(Entry),
    /// The origin confirmed something else than what is stored: it is asked again without conditions.
    Mismatch,
    /// The origin failed, and a stored one may be sent in place of its answer.
    Failed(Entry),
    /// Nobody asked for it, and it is not stored.
    Dropped,
}

/// Looks at the response to one request that leads.
pub struct Filling {
    pub permit: Option<FillPermit>,
    pub policy: Policy,
    pub target: OwnedTarget,
    pub validating: Option<Validating>,
    /// Why the request went to the origin.
    pub forward: Forward,
    pub mode: HeaderMode,
    /// Field lines of a site that say who asks.
    pub site_fields: Option<Vec<u8>>,
    pub requested: Timestamp,
    pub audience: Audience,
    pub owner: u64,
    pub keep_on_disk: bool,
    pub taken: Option<Taken>,
    /// What a response that is passed on says of the cache.
    pub lines: Vec<u8>,
}

impl Filling {
    /// The conditions that go to the origin in place of the client's.
    pub fn conditions(&self) -> Option<&[u8]> {
        let validating = self.validating.as_ref()?;
        Some(&validating.conditions)
    }

    /// No origin answered: the stored response that may be sent in place.
    pub fn failed(&mut self) -> Option<Entry> {
        if let Some(permit) = self.permit.take() {
            permit.failed();
        }
        let validating = self.validating.take()?;
        matches!(validating.on_error, OnError::Allowed { .. }).then_some(validating.entry)
    }

    fn decide(&mut self, seen: &SeenHead<'_>) -> Option<Taken> {
        let now = Timestamp::from(SystemTime::now());
        let mut lines = Vec::with_capacity(512);
        for_each_field(
            seen.response,
            seen.bytes,
            seen.style,
            false,
            |name, value| {
                write_field(&mut lines, name, value);
            },
        );
        let status = seen.response.status;
        if status == 304 {
            return self.confirm(seen, &lines, now);
        }
        if validation::is_failure(status)
            && let Some(validating) = self
                .validating
                .take_if(|held| matches!(held.on_error, OnError::Allowed { .. }))
        {
            if let Some(permit) = self.permit.take() {
                permit.failed();
            }
            return Some(Taken::Failed(validating.entry));
        }
        self.store(seen, &lines, now)
    }

    /// A 304 confirms a stored response, or is the answer to the client's own condition.
    fn confirm(&mut self, seen: &SeenHead<'_>, lines: &[u8], now: Timestamp) -> Option<Taken> {
        let validating = self.validating.take()?;
        let old = validating.entry.head();
        let fields = FieldLines(lines);
        if !validation::identifies(old, &fields, Asked::One) {
            return Some(Taken::Mismatch);
        }
        let merged = self.with_request(seen, |request| {
            let (requested, policy) = (self.requested, &self.policy);
            validation::merge(request, old, &fields, requested, now, policy)
        });
        let permit = self.permit.take()?;
        Some(match merged {
            Merged::Update(head) => match permit.not_modified(head) {
                Some(entry) => Taken::Confirmed(entry),
                None => Taken::Confirmed(validating.entry),
            },
            Merged::SendOnly(head, _) => {
                let entry = validating.entry.with_head(head);
                permit.forget(now);
                Taken::Confirmed(entry)
            }
        })
    }

    /// The request as the rules of the cache take it.
    fn with_request<T>(&self, seen: &SeenHead<'_>, read: impl FnOnce(&Request<'_>) -> T) -> T {
        let client = ClientFields {
            head: seen.request,
            bytes: seen.request_bytes,
        };
        let sent = SentFields {
            client,
            mode: self.mode,
            site: self.site_fields.as_deref(),
        };
        let method = seen.request.method_span.of_buffer(seen.request_bytes);
        read(&Request::new(method, self.target.get(), &client).with_sent(&sent))
    }

    fn store(&mut self, seen: &SeenHead<'_>, lines: &[u8], now: Timestamp) -> Option<Taken> {
        let fields = FieldLines(lines);
        let response = Response {
            status: seen.response.status,
            fields: &fields,
            body_len: match seen.response.body(seen.request.method) {
                BodyLength::Known(length) => Some(length),
                BodyLength::None => Some(0),
                BodyLength::Chunked | BodyLength::UntilClose => None,
            },
        };
        let stored = self.with_request(seen, |request| {
            storing::store(request, &response, self.requested, now, &self.policy)
        });
        let permit = self.permit.take()?;
        match stored {
            Ok(head) => {
                let new = NewEntry {
                    url: &self.target.get().url(),
                    body_len: response.body_len,
                    owner: self.owner,
                    keep_on_disk: self.keep_on_disk,
                };
                let (entry, writer) = permit.store(head, &new);
                Some(Taken::Stored {
                    reader: entry.reader(0),
                    entry,
                    writer: Some(writer),
                    control: None,
                    gate: None,
                })
            }
            // It depends on what this client has already.
            Err(_) if matches!(response.status, 206 | 304 | 412 | 416) => None,
            Err(why) => {
                tracing::trace!(%why, "not stored");
                permit.uncacheable(now);
                None
            }
        }
    }
}

impl HeadObserver for Filling {
    fn takes(&mut self, seen: &SeenHead<'_>) -> bool {
        self.taken = self.decide(seen);
        if self.taken.is_none() && self.audience == Audience::Store {
            self.taken = Some(Taken::Dropped);
        }
        if self.taken.is_none() {
            let used = CacheUse::Miss {
                why: self.forward,
                stored: false,
            };
            used.write_line(&mut self.lines);
        }
        self.taken.is_some()
    }

    fn lines(&self) -> &[u8] {
        &self.lines
    }
}
