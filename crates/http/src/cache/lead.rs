//! The request that goes to the origin for a key, while others may wait for what it gets.

use privet_cache::rules::cache_status::Forward;
use privet_cache::{CacheReason, Entry, FillPermit, Key, OnError, Timestamp};

use super::answer::StoredAnswer;
use super::fill::{Audience, Fill};
use super::fill_observer::{FillObserver, FillOutcome, RangeCompletion, Revalidation};
use super::head_update_observer::HeadUpdateObserver;
use super::invalidation_observer::InvalidationObserver;
use super::observer::Observer;
use super::origin_request::OriginRequest;
use super::scope::CacheKind;
use super::status::{CacheUse, Failure, forward_of};
use crate::body::BodySource;
use crate::exchange::{Downstream, Upstream};
use crate::head::Method;
use crate::request::RequestFlow;
use crate::request::fetched::{Failed, Fetched};
use crate::request::flow::NextStep;
use crate::service::{Fetch, Service};
use crate::turn;

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    /// Asks the origin. `held`: the stored response that it may confirm.
    pub(super) async fn lead(
        &mut self,
        fetch: &mut S::Fetch,
        permit: FillPermit,
        why: Option<CacheReason>,
        held: Option<(Entry, OnError)>,
    ) -> NextStep {
        let forward = forward_of(why);
        self.observed.cache = Some(CacheUse::Miss {
            why: forward,
            stored: false,
        });
        if self.head.method == Method::Head {
            return self.lead_head(fetch, permit, forward, held).await;
        }
        // Several parts of a response are nobody else's. Where bodies are scanned, the whole is asked for in any case.
        let whole = permit.is_part() || fetch.scanner().is_some();
        if held.is_none() && self.asks_for_part() && !whole {
            drop(permit);
            return self.relay_to(fetch).await;
        }
        let audience = Audience::Readers;
        let Some(fill_observer) = self.fill_observer(fetch, permit, forward, held, audience) else {
            return self.relay_to(fetch).await;
        };
        self.observer = Some(fill_observer.into());
        let fetched = Box::pin(self.fetch_from_origin(fetch)).await;
        let via = fetch.response_style().adds_via();
        let Some(Observer::Fill(mut fill_observer)) = self.observer.take() else {
            return NextStep::Close;
        };
        match fetched {
            Fetched::Next(next) => next,
            Fetched::Failed(response, failed) => {
                let failure = match failed {
                    _ if self.service.is_offline() => Failure::Offline,
                    Failed::NoAnswer => Failure::NoAnswer,
                    Failed::Other => Failure::Origin,
                };
                match fill_observer.failed(failure) {
                    Some(entry) => self.answer_stale(fetch, entry, failure, forward, via).await,
                    None => self.reply(response).await,
                }
            }
            Fetched::Taken(row) => match fill_observer.taken.take() {
                Some(FillOutcome::Mismatch | FillOutcome::Refused) => {
                    match fill_observer.permit.take() {
                        Some(permit) => Box::pin(self.lead(fetch, permit, why, None)).await,
                        None => self.relay_to(fetch).await,
                    }
                }
                Some(taken) => self.answer_taken(fetch, taken, forward, row, via).await,
                None => NextStep::Close,
            },
        }
    }

    async fn answer_taken(
        &mut self,
        fetch: &S::Fetch,
        taken: FillOutcome,
        forward: Forward,
        row: usize,
        via: bool,
    ) -> NextStep {
        let cache = fetch.cache().map(|scope| scope.cache.clone());
        let answer = |entry, reader, used| StoredAnswer {
            cache,
            gate: None,
            entry,
            reader,
            used,
            row,
            control: None,
            part: None,
            via,
        };
        let miss = CacheUse::Miss {
            why: forward,
            stored: true,
        };
        let ready = match taken {
            FillOutcome::Stored {
                entry,
                reader,
                control,
                gate,
                part,
                ..
            } => StoredAnswer {
                gate,
                control,
                part,
                ..answer(entry, Some(reader), miss)
            },
            FillOutcome::Whole(entry) => {
                let reader = entry.reader(0);
                answer(entry, Some(reader), miss)
            }
            FillOutcome::Confirmed(entry) => {
                let ttl = entry.head().ttl(Timestamp::from(turn::wall_time()));
                answer(entry, None, CacheUse::Revalidated { ttl, why: forward })
            }
            FillOutcome::Failed(entry) => {
                return self
                    .answer_stale(fetch, entry, Failure::Origin, forward, via)
                    .await;
            }
            FillOutcome::Mismatch | FillOutcome::Refused | FillOutcome::Dropped => {
                return NextStep::Close;
            }
        };
        self.answer(ready).await
    }

    /// No origin gave an answer that can be sent, and the stored response may be sent although it is stale.
    async fn answer_stale(
        &mut self,
        fetch: &S::Fetch,
        entry: Entry,
        failure: Failure,
        forward: Forward,
        via: bool,
    ) -> NextStep {
        let Some(row) = self.cache_row(fetch) else {
            return NextStep::Close;
        };
        let ttl = entry.head().ttl(Timestamp::from(turn::wall_time()));
        self.answer(StoredAnswer {
            cache: fetch.cache().map(|scope| scope.cache.clone()),
            gate: None,
            entry,
            reader: None,
            used: CacheUse::StaleOnError {
                ttl,
                why: forward,
                failure,
            },
            row,
            control: None,
            part: None,
            via,
        })
        .await
    }

    /// A response to HEAD is not stored, but it may confirm or outdate a stored response to GET.
    async fn lead_head(
        &mut self,
        fetch: &mut S::Fetch,
        permit: FillPermit,
        forward: Forward,
        held: Option<(Entry, OnError)>,
    ) -> NextStep {
        let key = permit.key();
        drop(permit);
        let origin_request = self.origin_request(fetch);
        self.observer = match (origin_request, held) {
            (Some(origin_request), Some((entry, _))) => Some(Observer::HeadUpdate(Box::new(
                HeadUpdateObserver::new(origin_request, key, entry, forward),
            ))),
            _ => None,
        };
        let next = self.relay_to(fetch).await;
        self.observer = None;
        next
    }

    /// The request as the cache needs it later. `None`: there is no cache for it.
    fn origin_request(&self, fetch: &S::Fetch) -> Option<OriginRequest> {
        let port = self.head.target.as_ref()?.port;
        let url = (self.url.as_str(), port);
        OriginRequest::new(fetch, fetch.cache()?, url, self.page)
    }

    fn asks_for_part(&self) -> bool {
        let bytes = self.client.head_bytes();
        let mut fields = self.head.fields.iter();
        fields.any(|field| field.name.of_buffer(bytes).eq_ignore_ascii_case(b"range"))
    }

    /// What looks at the response. `None`: the request has no URL.
    pub(super) fn fill_observer(
        &self,
        fetch: &S::Fetch,
        mut permit: FillPermit,
        forward: Forward,
        held: Option<(Entry, OnError)>,
        audience: Audience,
    ) -> Option<Box<FillObserver>> {
        Some(Box::new(FillObserver {
            origin_request: self.origin_request(fetch)?,
            revalidation: held.map(Revalidation::new),
            completion: permit.take_partial_hit().map(RangeCompletion::new),
            permit: Some(permit),
            forward,
            audience,
            taken: None,
            lines: Vec::new(),
        }))
    }

    /// Receives the body of a response that the cache took from the origin's connection.
    pub(crate) fn pass_on<U: Upstream + 'static>(
        &mut self,
        mut origin: U,
        keep_origin: bool,
        release: fn(U),
    ) {
        let idle = self.service.timeouts().idle;
        let Some((taken, audience)) = self.observer.as_mut().and_then(Observer::taken) else {
            return;
        };
        let release = if keep_origin { release } else { drop::<U> };
        match taken {
            FillOutcome::Stored {
                writer,
                control,
                entry,
                gate,
                ..
            } => {
                if let Some(writer) = writer.take() {
                    let mut scan = self.scans.take_down();
                    if let Some(scan) = &mut scan {
                        scan.notes_at(entry.clone());
                        entry.set_judging(scan.judge());
                        *gate = Some(scan.gate());
                    }
                    let fill = Fill::new(origin, writer, audience, idle, release);
                    *control = fill.scanned_by(scan).start();
                }
            }
            FillOutcome::Whole(_) => {
                if skip_body(&mut origin) {
                    release(origin);
                }
            }
            // A 304 has no body.
            FillOutcome::Confirmed(_) | FillOutcome::Mismatch => release(origin),
            FillOutcome::Refused | FillOutcome::Failed(_) | FillOutcome::Dropped => {}
        }
    }

    /// Asks the origin for something that may change what is stored (RFC 9111 §4.4). `key`: of the URL, where the response
    /// may be stored.
    pub(super) async fn fetch_changing(
        &mut self,
        mut fetch: S::Fetch,
        key: Option<Key>,
    ) -> NextStep {
        self.observer = self.invalidation_observer(&fetch, key);
        let fetched = Box::pin(self.fetch_from_origin(&mut fetch)).await;
        let via = fetch.response_style().adds_via();
        let taken = match self.observer.take() {
            Some(Observer::Invalidation(invalidation_observer)) => invalidation_observer.taken,
            _ => None,
        };
        match (fetched, taken) {
            (Fetched::Next(next), _) => next,
            (Fetched::Failed(response, _), _) => self.reply(response).await,
            (Fetched::Taken(row), Some(taken)) => {
                self.answer_taken(&fetch, taken, Forward::Method, row, via)
                    .await
            }
            (Fetched::Taken(_), None) => NextStep::Close,
        }
    }

    fn invalidation_observer(&self, fetch: &S::Fetch, key: Option<Key>) -> Option<Observer> {
        let scope = fetch.cache()?;
        let method = self.head.method_span.of_buffer(self.client.head_bytes());
        Some(Observer::Invalidation(Box::new(InvalidationObserver {
            shared: scope.kind == CacheKind::Shared,
            origin_request: self.origin_request(fetch)?,
            method: method.into(),
            key,
            taken: None,
        })))
    }
}

/// Leaves out a body that has arrived. False where it has not.
fn skip_body<U: Upstream>(origin: &mut U) -> bool {
    let mut source = origin.source();
    let has_arrived = matches!(source.next_piece(), Ok(true)) && source.is_done();
    source.consume();
    has_arrived
}
