//! Requests and responses for tests.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::body::BodyReadError;
use crate::body_reader::BodyReader;
use crate::cache::{Cache, CacheSettings};
use crate::fill::FillPermit;
use crate::key::{Key, KeySecret};
use crate::lookup::{Lookup, LookupAttempt, LookupRequest};
use crate::new_entry::NewEntry;
use crate::rules::fields::Fields;
use crate::rules::policy::Policy;
use crate::rules::range::{ByteRange, ContentRange, only_range};
use crate::rules::request::{Request, Target};
use crate::rules::stored::StoredHead;
use crate::rules::storing::{self, Response};
use crate::rules::time::Timestamp;
use crate::waiter::Waiter;

pub(crate) const NOW: Timestamp = Timestamp(1_900_000_000);

pub(crate) type Headers<'a> = &'a [(&'a str, &'a str)];

pub(crate) fn cache_of(memory: u64) -> Arc<Cache> {
    let settings = CacheSettings {
        policy: Policy::shared(),
        memory,
        disk: None,
    };
    Cache::new(settings, KeySecret([7; 16]))
}

pub(crate) fn cache() -> Arc<Cache> {
    cache_of(64 << 20)
}

/// A request for a path of one host.
pub(crate) struct Get<'a> {
    pub(crate) path: &'a str,
    pub(crate) headers: Headers<'a>,
}

pub(crate) fn get(path: &str) -> Get<'_> {
    Get { path, headers: &[] }
}

impl Get<'_> {
    pub(crate) fn request(&self) -> Request<'_> {
        let target = Target {
            scheme: "http",
            host: "origin.test",
            port: 80,
            path_and_query: self.path.as_bytes(),
        };
        Request::new(b"GET", target, self)
    }

    pub(crate) fn key(&self, cache: &Cache) -> Key {
        Key::new(cache.secret(), "forward", b"", &self.request())
    }

    pub(crate) fn ask(&self, cache: &Arc<Cache>, attempt: LookupAttempt, after: i64) -> Lookup {
        let request = self.request();
        let key = self.key(cache);
        cache.lookup(LookupRequest {
            key,
            request,
            now: NOW.plus(after),
            attempt,
            part: None,
            parts: true,
        })
    }

    /// The first look-up, after what is on disk was loaded.
    pub(crate) fn first(&self, cache: &Arc<Cache>) -> Lookup {
        match self.ask(cache, LookupAttempt::First, 0) {
            Lookup::Load(mut loading) => {
                let attempt = block_on(|cx| loading.poll(cx));
                self.ask(cache, attempt, 0)
            }
            other => other,
        }
    }

    pub(crate) fn lead(&self, cache: &Arc<Cache>) -> FillPermit {
        match self.first(cache) {
            Lookup::Lead { permit, .. } => permit,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn wait(&self, cache: &Arc<Cache>) -> Waiter {
        match self.first(cache) {
            Lookup::Wait(waiter) => waiter,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn head(&self, response: Headers<'_>) -> StoredHead {
        let response = Response {
            status: 200,
            fields: &Pairs(response),
            body_len: None,
        };
        storing::store(&self.request(), &response, NOW, NOW, &Policy::shared())
            .expect("can be stored")
    }

    /// Stores a response as the leader does.
    pub(crate) fn fill(&self, cache: &Arc<Cache>, response: Headers<'_>, body: &[u8]) {
        let permit = self.lead(cache);
        let (_, mut writer) = permit.store(self.head(response), &self.new_entry());
        writer.push(body).expect("any length");
        writer.finish(b"").expect("any length");
    }

    pub(crate) fn new_entry(&self) -> NewEntry<'static> {
        let url: &str = Box::leak(self.request().target.url().into_boxed_str());
        NewEntry {
            url,
            body_len: None,
            owner: 1,
            page: 0,
            route: 0,
            keep_on_disk: true,
            took: std::time::Duration::ZERO,
        }
    }

    pub(crate) fn body(&self, cache: &Arc<Cache>) -> Option<Vec<u8>> {
        match self.first(cache) {
            Lookup::Hit { entry, .. } => Some(read(entry.reader(0)).expect("complete")),
            _ => None,
        }
    }
}

/// A look-up of a request that may name a range.
pub(crate) fn look_for_part(cache: &Arc<Cache>, path: &str, headers: Headers<'_>) -> Lookup {
    let get = Get { path, headers };
    let request = get.request();
    cache.lookup(LookupRequest {
        key: get.key(cache),
        now: NOW,
        attempt: LookupAttempt::First,
        part: only_range(&request),
        parts: true,
        request,
    })
}

/// The head of a part with a strong validator.
pub(crate) fn part_head(path: &str, part: ContentRange) -> StoredHead {
    let ByteRange { first, last } = part.range;
    let complete = part.complete.expect("it is known");
    let content_range = format!("bytes {first}-{last}/{complete}");
    let asked = format!("bytes={first}-{last}");
    let headers = &[("Range", asked.as_str())];
    let get = Get { path, headers };
    let fields = [
        ("Cache-Control", "max-age=60"),
        ("ETag", "\"v1\""),
        ("Content-Range", content_range.as_str()),
    ];
    let response = Response {
        status: 206,
        fields: &Pairs(&fields),
        body_len: Some(part.range.len()),
    };
    storing::store(&get.request(), &response, NOW, NOW, &Policy::shared()).expect("a part")
}

impl Fields for Get<'_> {
    fn for_each<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], &'a [u8])) {
        self.headers.for_each(visit);
    }
}

pub(crate) struct Pairs<'b>(pub(crate) Headers<'b>);

impl Fields for Pairs<'_> {
    fn for_each<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], &'a [u8])) {
        self.0.for_each(visit);
    }
}

pub(crate) const FRESH: Headers<'static> = &[("Cache-Control", "max-age=60")];

pub(crate) fn noop() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// All of a body.
pub(crate) fn read(mut reader: BodyReader) -> Result<Vec<u8>, BodyReadError> {
    let mut body = Vec::new();
    while let Some(piece) = block_on(|cx| reader.poll_next(cx))? {
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls on this thread until it is ready.
pub(crate) fn block_on<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        if let Poll::Ready(ready) = poll(&mut cx) {
            return ready;
        }
        assert!(Instant::now() < end, "it waits for ever");
        thread::park_timeout(Duration::from_secs(120));
    }
}

/// Random numbers from a seed (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `below`.
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below.max(1)
    }
}
