//! The way of a request through the cache: look up, answer, wait for another request, or ask an origin.

use std::future::poll_fn;
use std::time::{Duration, Instant};

use privet_cache::rules::range::{self, ByteRange};
use privet_cache::rules::{invalidation, reuse, storing};
use privet_cache::{
    CacheReason, Entry, FillPermit, Key, Loading, Lookup, LookupAttempt, LookupRequest, Request,
    Reuse, Timestamp, Waiter, Wake,
};
use privet_scan::RequestScanner;
use tokio::time::timeout;

use super::answer::StoredAnswer;
use super::fields::{ClientFields, SentFields};
use super::partition::{Partition, partition};
use super::scanned_entries::BodyStart;
use super::scope::CacheScope;
use super::shared_store::AskedShared;
use super::status::{CacheUse, part_after, used_after, used_of};
use super::url::target_of;
use crate::exchange::Downstream;
use crate::exchange::downstream::unless_gone;
use crate::head::{Scheme, TargetForm};
use crate::headers::connection_auth;
use crate::request::RequestFlow;
use crate::request::flow::NextStep;
use crate::service::{Fetch, Service};
use crate::turn;

/// How long a disk may take to read an entry; the request then goes to the origin.
const DISK_TIMEOUT: Duration = Duration::from_secs(2);

/// What the cache says about a request.
enum CacheDecision {
    Found(Lookup),
    /// It is not asked. The client wants nothing but a stored response: it gets none.
    Pass {
        why: CacheReason,
        only_if_cached: bool,
    },
    /// The request may change what is stored. The key: of its URL, where the response may be stored.
    Unsafe(Option<Key>),
    /// Nothing of the request is the cache's matter.
    Outside,
}

/// What woke a request that waited for another one.
enum WaitEnd {
    Look(LookupAttempt),
    /// Both requests that went to the origin failed.
    Failed,
    TooLong,
    Gone,
}

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    /// Answers a request that is not the proxy's own: from the cache where that may be, else from an origin.
    pub(crate) async fn fetch(&mut self, fetch: S::Fetch) -> NextStep {
        let consulted = match fetch.cache() {
            None => CacheDecision::Outside,
            Some(scope) => self.consult(&fetch, scope, LookupAttempt::First),
        };
        match consulted {
            CacheDecision::Outside if self.wants_stored_only(&fetch) => self.not_stored().await,
            CacheDecision::Outside => self.relay(fetch).await,
            CacheDecision::Pass {
                only_if_cached: true,
                ..
            } => self.not_stored().await,
            CacheDecision::Pass { why, .. } | CacheDecision::Found(Lookup::Bypass(why)) => {
                self.observed.pass(CacheUse::Bypass(why));
                self.relay(fetch).await
            }
            CacheDecision::Found(Lookup::Hit { entry, reuse })
                if !entry.is_on_disk() && !entry.is_being_judged() =>
            {
                let used = used_of(&entry, reuse);
                self.answer_stored(&fetch, entry, None, used).await
            }
            CacheDecision::Found(lookup) => Box::pin(self.fetch_stored(fetch, lookup)).await,
            CacheDecision::Unsafe(_) if self.wants_stored_only(&fetch) => self.not_stored().await,
            CacheDecision::Unsafe(key) => Box::pin(self.fetch_changing(fetch, key)).await,
        }
    }

    /// Looks the request up.
    fn consult(
        &self,
        fetch: &S::Fetch,
        scope: CacheScope<'_>,
        attempt: LookupAttempt,
    ) -> CacheDecision {
        let head = self.head;
        let is_url = matches!(head.form, TargetForm::Url { .. });
        let is_http = matches!(head.scheme, Scheme::Http | Scheme::Https);
        if !is_url || !is_http || head.upgrades {
            return CacheDecision::Outside;
        }
        // A body that was allowed to this client only is neither stored nor shared.
        let client_ip = self.info.peer.ip().to_canonical();
        let takes_risk = |scanning: &RequestScanner| scanning.may_take_risk(client_ip);
        if fetch.scanner().is_some_and(takes_risk) {
            return CacheDecision::Outside;
        }
        let method = head.method_span.of_buffer(self.client.head_bytes());
        let is_unsafe = !invalidation::is_safe(method);
        if !is_unsafe && !matches!(method, b"GET" | b"HEAD") {
            return CacheDecision::Outside;
        }
        let consulted = self.with_request(fetch, scope, |request| match is_unsafe {
            true => CacheDecision::Unsafe(self.changed_key(scope, request)),
            false => self.look_up(fetch, scope, *request, attempt),
        });
        consulted.unwrap_or(CacheDecision::Outside)
    }

    /// The request as the rules of the cache take it. `None`: its URL has no path.
    pub(super) fn with_request<T>(
        &self,
        fetch: &S::Fetch,
        scope: CacheScope<'_>,
        read: impl FnOnce(&Request<'_>) -> T,
    ) -> Option<T> {
        let (head, bytes) = (self.head, self.client.head_bytes());
        let client = ClientFields { head, bytes };
        let port = head.target.as_ref().map_or(80, |target| target.port);
        let target = target_of(self.url, scope.scheme, port)?;
        let method = head.method_span.of_buffer(bytes);
        let site = fetch.site_request();
        let sent = SentFields {
            client,
            mode: fetch.header_mode(),
            site: site.map(|site| site.fields),
        };
        let request = Request::new(method, target, &client)
            .with_sent(&sent)
            .with_body(head.has_body());
        Some(read(&request))
    }

    /// The key of the URL of an unsafe request, where its response may be stored.
    fn changed_key(&self, scope: CacheScope<'_>, request: &Request<'_>) -> Option<Key> {
        let may_be_stored = request.method == b"POST"
            && !self.authenticates_connection()
            && storing::check_request(request).is_ok();
        let partition = self
            .partition_of(scope, request)
            .filter(|_| may_be_stored)?;
        Some(scope.cache.key_of(scope.space, &partition, request))
    }

    /// Looks a GET or HEAD up.
    fn look_up(
        &self,
        fetch: &S::Fetch,
        scope: CacheScope<'_>,
        request: Request<'_>,
        attempt: LookupAttempt,
    ) -> CacheDecision {
        let only_if_cached = request.directives.only_if_cached;
        let pass = |why| CacheDecision::Pass {
            why,
            only_if_cached,
        };
        if let Err(why) = reuse::check_request(&request) {
            return pass(why);
        }
        if self.authenticates_connection() {
            return pass(CacheReason::Authorization);
        }
        let Some(partition) = self.partition_of(scope, &request) else {
            return pass(CacheReason::UnknownPage);
        };
        let ask = LookupRequest {
            key: scope.cache.key_of(scope.space, &partition, &request),
            request,
            now: Timestamp::from(turn::wall_time()),
            attempt,
            part: range::only_range(&request),
            // A part cannot be judged.
            parts: fetch.scanner().is_none(),
        };
        let found = scope.cache.lookup(ask);
        match found {
            Lookup::Hit { .. } | Lookup::Part { .. } | Lookup::Refresh { .. } | Lookup::Load(_) => {
            }
            _ if only_if_cached => return pass(CacheReason::NotStored),
            _ => {}
        }
        CacheDecision::Found(found)
    }

    /// Who shares what is stored for the request. `None`: of which page it is a part is not known.
    fn partition_of(&self, scope: CacheScope<'_>, request: &Request<'_>) -> Option<Partition> {
        let bytes = self.client.head_bytes();
        let host = request.target.host.as_bytes();
        partition(scope.kind, self.head, bytes, self.page.as_bytes(), host).ok()
    }

    /// Credentials of NTLM and Negotiate belong to a connection, not to a request.
    fn authenticates_connection(&self) -> bool {
        connection_auth::has_credentials(self.head, self.client.head_bytes())
    }

    /// Answers by what the look-up says, or waits and looks again.
    async fn fetch_stored(&mut self, mut fetch: S::Fetch, mut lookup: Lookup) -> NextStep {
        let mut waits = 0;
        let mut asked = AskedShared::default();
        loop {
            let attempt = match lookup {
                Lookup::Hit { entry, reuse } => {
                    let used = asked.used(used_after(waits, &entry, reuse));
                    return self.answer_readable(fetch, entry, used).await;
                }
                Lookup::Part { entry, range } => {
                    let used = part_after(waits, &entry);
                    return self.answer_stored(&fetch, entry, Some(range), used).await;
                }
                Lookup::Refresh {
                    entry,
                    reuse,
                    permit,
                } => return self.answer_and_refresh(fetch, entry, reuse, permit).await,
                Lookup::Validate { .. } | Lookup::Lead { .. } => {
                    match self.lead_or_share(&mut fetch, lookup, &mut asked).await {
                        Some(next) => return next,
                        None => LookupAttempt::First,
                    }
                }
                Lookup::Bypass(why) => {
                    self.observed.pass(CacheUse::Bypass(why));
                    return self.relay(fetch).await;
                }
                Lookup::Load(loading) => match self.load(loading).await {
                    Some(attempt) => attempt,
                    None => return NextStep::Close,
                },
                Lookup::Wait(waiter) => {
                    waits += 1;
                    match self.wait(waiter, waits).await {
                        WaitEnd::Look(attempt) => attempt,
                        woken => return self.wait_failed(fetch, woken).await,
                    }
                }
            };
            let Some(scope) = fetch.cache() else {
                return self.relay(fetch).await;
            };
            lookup = match self.consult(&fetch, scope, attempt) {
                CacheDecision::Found(lookup) => lookup,
                CacheDecision::Pass {
                    only_if_cached: true,
                    ..
                } => return self.not_stored().await,
                _ => return self.pass_by(fetch).await,
            };
        }
    }

    /// Answers from the store, once the body's first block is there: one that is damaged on disk is asked for again.
    async fn answer_readable(&mut self, fetch: S::Fetch, entry: Entry, used: CacheUse) -> NextStep {
        // It keeps the file open until the answer has a reader of its own.
        let mut reader = entry.begins_unchecked().then(|| entry.reader(0));
        if let Some(reader) = &mut reader {
            let reading = timeout(DISK_TIMEOUT, poll_fn(|cx| reader.poll_next(cx)));
            let (_, watch) = self.client.head_and_watch();
            match unless_gone(watch, reading).await {
                Ok(Ok(Ok(_))) => {}
                Ok(_) => return self.pass_by(fetch).await,
                Err(_) => return NextStep::Close,
            }
        }
        // What nobody reads of a body that is not stored is gone: the answer's own reader comes after the wait.
        let _start = entry.is_being_judged().then(|| entry.reader(0));
        match self.await_start(&entry).await {
            BodyStart::Here => self.answer_stored(&fetch, entry, None, used).await,
            BodyStart::Broken => self.pass_by(fetch).await,
            BodyStart::ClientGone => NextStep::Close,
        }
    }

    /// Answers from the store. Who has the permit asks the origin in the background.
    async fn answer_and_refresh(
        &mut self,
        fetch: S::Fetch,
        entry: Entry,
        reuse: Reuse,
        permit: Option<FillPermit>,
    ) -> NextStep {
        let used = used_of(&entry, reuse);
        let Some(ready) = self.stored_answer(&fetch, entry.clone(), None, used) else {
            return NextStep::Close;
        };
        // The refresh takes the rest of the request with it.
        self.service
            .answered_from_cache(&fetch, entry.head().status);
        if let Some(permit) = permit {
            self.refresh(fetch, entry, permit);
        }
        self.answer(ready).await
    }

    /// Answers with a stored response, or with a part of it.
    async fn answer_stored(
        &mut self,
        fetch: &S::Fetch,
        entry: Entry,
        part: Option<ByteRange>,
        used: CacheUse,
    ) -> NextStep {
        match self.stored_answer(fetch, entry, part, used) {
            Some(ready) => self.answer_and_count(fetch, ready).await,
            None => NextStep::Close,
        }
    }

    async fn answer_and_count(&mut self, fetch: &S::Fetch, ready: StoredAnswer) -> NextStep {
        let next = self.answer(ready).await;
        if let Some(status) = self.observed.status {
            self.service.answered_from_cache(fetch, status);
        }
        next
    }

    /// A stored response as the answer, with a row for its bytes. `None`: the request has no target.
    fn stored_answer(
        &mut self,
        fetch: &S::Fetch,
        entry: Entry,
        part: Option<ByteRange>,
        used: CacheUse,
    ) -> Option<StoredAnswer> {
        Some(StoredAnswer {
            cache: fetch.cache().map(|scope| scope.cache.clone()),
            gate: None,
            entry,
            reader: None,
            used,
            row: self.cache_row(fetch)?,
            control: None,
            part,
            via: fetch.response_style().adds_via(),
        })
    }

    /// Another request's response did not come, or does not serve.
    async fn wait_failed(&mut self, fetch: S::Fetch, woken: WaitEnd) -> NextStep {
        match woken {
            WaitEnd::Gone => NextStep::Close,
            WaitEnd::Failed => {
                let text = "another client's request for the same was not answered";
                let response = self.service.failure(502, "no response", text.to_owned());
                self.reply(response).await
            }
            WaitEnd::Look(_) | WaitEnd::TooLong => self.pass_by(fetch).await,
        }
    }

    /// Waits until what is on disk was read; a disk that does not answer is left alone. None where the client has left.
    async fn load(&mut self, mut loading: Loading) -> Option<LookupAttempt> {
        let waiting = timeout(DISK_TIMEOUT, poll_fn(|cx| loading.poll(cx)));
        let (_, watch) = self.client.head_and_watch();
        match unless_gone(watch, waiting).await {
            Ok(Ok(attempt)) => Some(attempt),
            Ok(Err(_)) => Some(loading.give_up()),
            Err(_) => None,
        }
    }

    /// Waits for what another request gets.
    async fn wait(&mut self, mut waiter: Waiter, waits: u8) -> WaitEnd {
        self.observed.waits_since.get_or_insert_with(Instant::now);
        let limit = self.service.timeouts().response_header;
        let waiting = timeout(limit, poll_fn(|cx| waiter.poll(cx)));
        let (_, watch) = self.client.head_and_watch();
        match unless_gone(watch, waiting).await {
            Ok(Ok(Wake::LookAgain)) => WaitEnd::Look(LookupAttempt::Again(waits)),
            Ok(Ok(Wake::Lead(permit))) => WaitEnd::Look(LookupAttempt::Leads(permit)),
            Ok(Ok(Wake::Failed)) => WaitEnd::Failed,
            Ok(Err(_)) => WaitEnd::TooLong,
            Err(_) => WaitEnd::Gone,
        }
    }
}
