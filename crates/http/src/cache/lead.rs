//! The request that goes to the origin for a key, while others may wait for what it gets.

use std::time::SystemTime;

use privet_cache::rules::cache_status::Forward;
use privet_cache::rules::validation;
use privet_cache::{Entry, FillPermit, OnError, Timestamp, Why};

use super::answer::Ready;
use super::fill::{Audience, Fill};
use super::filling::{Filling, OwnedTarget, Taken, Validating};
use super::observer::{Changing, Observer};
use super::scope::Asker;
use super::status::{CacheUse, forward_of};
use super::url::target_of;
use crate::exchange::{Downstream, Upstream};
use crate::head::Method;
use crate::request::RequestFlow;
use crate::request::fetch::Fetched;
use crate::request::flow::NextStep;
use crate::service::{Fetch, Service};

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    /// Asks the origin. `held`: the stored response that it may confirm.
    pub(super) async fn lead(
        &mut self,
        fetch: &mut S::Fetch,
        permit: FillPermit,
        why: Option<Why>,
        held: Option<(Entry, OnError)>,
    ) -> NextStep {
        let forward = forward_of(why);
        self.observed.cache = Some(CacheUse::Miss {
            why: forward,
            stored: false,
        });
        // A part of a response, and a head without its body, are nobody else's.
        if self.head.method == Method::Head || (held.is_none() && self.asks_for_part()) {
            drop(permit);
            return self.relay_to(fetch).await;
        }
        let audience = Audience::Readers;
        let Some(filling) = self.filling(fetch, permit, forward, held, audience) else {
            return self.relay_to(fetch).await;
        };
        self.observer = Some(filling.into());
        let fetched = Box::pin(self.fetch_from_origin(fetch)).await;
        let via = fetch.response_style().adds_via();
        let Some(Observer::Filling(mut filling)) = self.observer.take() else {
            return NextStep::Close;
        };
        match fetched {
            Fetched::Next(next) => next,
            Fetched::Failed(response) => match filling.failed() {
                Some(entry) => self.answer_stale(fetch, entry, forward, via).await,
                None => self.reply(response).await,
            },
            Fetched::Taken(row) => match filling.taken.take() {
                Some(Taken::Mismatch) => match filling.permit.take() {
                    Some(permit) => Box::pin(self.lead(fetch, permit, why, None)).await,
                    None => self.relay_to(fetch).await,
                },
                Some(taken) => self.answer_taken(fetch, taken, forward, row, via).await,
                None => NextStep::Close,
            },
        }
    }

    async fn answer_taken(
        &mut self,
        fetch: &S::Fetch,
        taken: Taken,
        forward: Forward,
        row: usize,
        via: bool,
    ) -> NextStep {
        let cache = fetch.cache().map(|scope| scope.cache.clone());
        let ready = match taken {
            Taken::Stored {
                entry,
                reader,
                control,
                gate,
                ..
            } => Ready {
                cache,
                gate,
                entry,
                reader: Some(reader),
                used: CacheUse::Miss {
                    why: forward,
                    stored: true,
                },
                row,
                control,
                via,
            },
            Taken::Confirmed(entry) => {
                let ttl = entry.head().ttl(Timestamp::from(SystemTime::now()));
                Ready {
                    cache,
                    gate: None,
                    entry,
                    reader: None,
                    used: CacheUse::Revalidated { ttl, why: forward },
                    row,
                    control: None,
                    via,
                }
            }
            Taken::Failed(entry) => return self.answer_stale(fetch, entry, forward, via).await,
            Taken::Mismatch | Taken::Dropped => return NextStep::Close,
        };
        self.answer(ready).await
    }

    /// The origin failed, and the stored response may be sent although it is stale.
    async fn answer_stale(
        &mut self,
        fetch: &S::Fetch,
        entry: Entry,
        forward: Forward,
        via: bool,
    ) -> NextStep {
        let Some(row) = self.cache_row(fetch) else {
            return NextStep::Close;
        };
        let ttl = entry.head().ttl(Timestamp::from(SystemTime::now()));
        self.answer(Ready {
            cache: fetch.cache().map(|scope| scope.cache.clone()),
            gate: None,
            entry,
            reader: None,
            used: CacheUse::StaleOnError { ttl, why: forward },
            row,
            control: None,
            via,
        })
        .await
    }

    fn asks_for_part(&self) -> bool {
        let bytes = self.client.head_bytes();
        let mut fields = self.head.fields.iter();
        fields.any(|field| field.name.of_buffer(bytes).eq_ignore_ascii_case(b"range"))
    }

    /// What looks at the response. `None`: the request has no URL.
    pub(super) fn filling(
        &self,
        fetch: &S::Fetch,
        permit: FillPermit,
        forward: Forward,
        held: Option<(Entry, OnError)>,
        audience: Audience,
    ) -> Option<Box<Filling>> {
        let scope = fetch.cache()?;
        let port = self.head.target.as_ref()?.port;
        let target = target_of(self.url.as_bytes(), scope.scheme, port)?;
        Some(Box::new(Filling {
            permit: Some(permit),
            policy: scope.cache.policy().clone(),
            target: OwnedTarget::of(&target, scope.scheme),
            validating: held.map(|(entry, on_error)| {
                let mut conditions = Vec::new();
                validation::write_conditions(&mut conditions, &[entry.head()]);
                Validating {
                    entry,
                    on_error,
                    conditions,
                }
            }),
            forward,
            mode: fetch.header_mode(),
            site_fields: fetch.site_request().map(|site| site.fields.to_vec()),
            requested: Timestamp::from(SystemTime::now()),
            audience,
            owner: scope.owner(),
            keep_on_disk: scope.keep_on_disk,
            taken: None,
            lines: Vec::new(),
        }))
    }

    /// Receives the body of a response that the cache took from the origin's connection.
    pub(crate) fn pass_on<U: Upstream + 'static>(
        &mut self,
        origin: U,
        keep_origin: bool,
        release: fn(U),
    ) {
        let idle = self.service.timeouts().idle;
        let Some(Observer::Filling(filling)) = &mut self.observer else {
            return;
        };
        let release = if keep_origin { release } else { drop::<U> };
        match &mut filling.taken {
            Some(Taken::Stored {
                writer,
                control,
                entry,
                gate,
                ..
            }) => {
                if let Some(writer) = writer.take() {
                    let mut scan = self.scans.take_down();
                    if let Some(scan) = &mut scan {
                        scan.notes_at(entry.clone());
                        *gate = Some(scan.gate());
                    }
                    let fill = Fill::new(origin, writer, filling.audience, idle, release);
                    *control = fill.scanned_by(scan).start();
                }
            }
            // A 304 has no body.
            Some(Taken::Confirmed(_) | Taken::Mismatch) => release(origin),
            _ => {}
        }
    }

    /// Asks the origin for something that may change what is stored (RFC 9111 §4.4).
    pub(super) async fn fetch_changing(&mut self, mut fetch: S::Fetch) -> NextStep {
        self.observer = self.changing(&fetch);
        let next = self.relay_to(&mut fetch).await;
        self.observer = None;
        next
    }

    fn changing(&self, fetch: &S::Fetch) -> Option<Observer> {
        let scope = fetch.cache()?;
        let port = self.head.target.as_ref()?.port;
        let target = target_of(self.url.as_bytes(), scope.scheme, port)?;
        let method = self.head.method_span.of_buffer(self.client.head_bytes());
        Some(Observer::Changing(Box::new(Changing {
            cache: scope.cache.clone(),
            space: scope.space.into(),
            target: OwnedTarget::of(&target, scope.scheme),
            method: method.into(),
            shared: scope.asker == Asker::Everybody,
        })))
    }
}
