//! The model: what the standard says about responses whose meaning is known, written down as plainly as it goes.

use privet_cache::{OnError, Reuse};

use super::super::NOW;
use super::meaning::{Meaning, ModelRequest, Tag};

struct Entry {
    meaning: Meaning,
    /// The values of the fields that its `Vary` named when the key was made.
    a: Option<Option<&'static str>>,
    b: Option<Option<&'static str>>,
    received: i64,
    delay: i64,
}

impl Entry {
    fn age(&self, now: i64) -> i64 {
        let meaning = &self.meaning;
        let apparent = (-meaning.date.unwrap_or(0)).max(0);
        let corrected = meaning.age.unwrap_or(0) + self.delay;
        apparent.max(corrected) + (now - self.received).max(0)
    }

    fn key(&mut self, ask: &ModelRequest) {
        let named = |name: &str| {
            let vary = self.meaning.vary.unwrap_or_default().to_lowercase();
            vary.split(", ").any(|named| named == name)
        };
        self.a = named("a").then_some(ask.a);
        self.b = named("b").then_some(ask.b);
    }
}

/// A decision with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Fresh(i64, i64),
    StaleAccepted(i64),
    StaleWhileRevalidate(i64),
    /// With whether a stale response may be sent on errors: never, by policy, or allowed.
    Validate(Option<bool>),
    MustNot,
}

impl From<Reuse> for Kind {
    fn from(reuse: Reuse) -> Kind {
        match reuse {
            Reuse::Fresh { age, ttl } => Kind::Fresh(age.into(), ttl.into()),
            Reuse::StaleAccepted { stale, .. } => Kind::StaleAccepted(stale.into()),
            Reuse::StaleWhileRevalidate { stale, .. } => Kind::StaleWhileRevalidate(stale.into()),
            Reuse::Validate { on_error, .. } => Kind::Validate(match on_error {
                OnError::Never => None,
                OnError::ByPolicy { .. } | OnError::Offline { .. } => Some(false),
                OnError::Allowed { .. } => Some(true),
            }),
            Reuse::MustNot { .. } => Kind::MustNot,
        }
    }
}

/// The variants of one URL.
pub struct Model {
    shared: bool,
    entries: Vec<Entry>,
}

impl Model {
    pub fn new(shared: bool) -> Model {
        Model {
            shared,
            entries: Vec::new(),
        }
    }

    pub fn remove(&mut self, place: usize) {
        self.entries.remove(place);
    }

    pub fn add(&mut self, ask: &ModelRequest, meaning: Meaning, now: i64, delay: i64) {
        let mut entry = Entry {
            meaning,
            a: None,
            b: None,
            received: now,
            delay,
        };
        entry.key(ask);
        self.entries.push(entry);
    }

    pub fn select(&self, ask: &ModelRequest) -> Option<usize> {
        let mut best = None;
        let mut latest = (i64::MIN, i64::MIN);
        for (place, entry) in self.entries.iter().enumerate() {
            let same = entry.a.is_none_or(|a| a == ask.a) && entry.b.is_none_or(|b| b == ask.b);
            let date = (
                entry.received + entry.meaning.date.unwrap_or(0),
                entry.received,
            );
            if same && date >= latest {
                best = Some(place);
                latest = date;
            }
        }
        best
    }

    pub fn stores(&self, ask: &ModelRequest, meaning: &Meaning, now: i64) -> bool {
        let (shared, at) = (self.shared, now - NOW.0);
        if ask.method != "GET" || ask.no_store {
            return false;
        }
        let understood = [200, 203, 204, 301, 302, 404, 410, 500, 503].contains(&meaning.status);
        if meaning.has("must-understand") && !understood {
            return false;
        }
        if meaning.has("no-store") && !meaning.has("must-understand") {
            return false;
        }
        if shared && meaning.has("private") {
            return false;
        }
        let for_all = meaning.has("public")
            || meaning.has("must-revalidate")
            || meaning.number("s-maxage").is_some();
        if shared && ask.credentials && !for_all {
            return false;
        }
        let explicit = meaning.explicit_lifetime(shared).is_some();
        let by_status = [200, 203, 204, 301, 404, 410].contains(&meaning.status);
        let by_word = meaning.has("public") || (meaning.has("private") && !shared);
        if !explicit && !by_status && !by_word {
            return false;
        }
        if shared && meaning.cookie && !explicit && !meaning.has("public") {
            return false;
        }
        if meaning.vary.is_some_and(|vary| vary.contains('*')) {
            return false;
        }
        let lasts = meaning.lifetime(shared, at) > 0
            || meaning.number("stale-while-revalidate").unwrap_or(0) > 0
            || meaning.number("stale-if-error").unwrap_or(0) > 0;
        meaning.has_validator() || (lasts && !meaning.has("no-cache"))
    }

    pub fn decide(&self, ask: &ModelRequest, place: usize, now: i64) -> Kind {
        if ask.method == "DELETE" || ask.no_store {
            return Kind::MustNot;
        }
        let entry = &self.entries[place];
        let meaning = &entry.meaning;
        let age = entry.age(now);
        let ttl = meaning.lifetime(self.shared, entry.received - NOW.0) - age;
        let fresh = ttl > 0;
        let stale = (-ttl).max(0);
        let validate = Kind::Validate(self.on_error(ask, place, fresh, stale));
        if meaning.has("no-cache") || ask.wants_validation() {
            return validate;
        }
        if let Some(limit) = ask.max_age {
            let reload = limit == 0 && meaning.has("immutable") && fresh;
            if !reload && (limit == 0 || age > limit) {
                return validate;
            }
        }
        if ask.min_fresh.is_some_and(|wanted| ttl.max(0) < wanted) {
            return validate;
        }
        if fresh {
            return Kind::Fresh(age, ttl);
        }
        if meaning.forbids_stale(self.shared) {
            return validate;
        }
        if ask
            .max_stale
            .is_some_and(|limit| limit.is_none_or(|limit| stale <= limit))
        {
            return Kind::StaleAccepted(stale);
        }
        let grace = meaning.number("stale-while-revalidate").unwrap_or(0);
        let limited = ask.max_age.is_some() || ask.min_fresh.is_some() || ask.max_stale.is_some();
        if grace > 0 && stale <= grace && !limited {
            return Kind::StaleWhileRevalidate(stale);
        }
        validate
    }

    fn on_error(&self, ask: &ModelRequest, place: usize, fresh: bool, stale: i64) -> Option<bool> {
        let meaning = &self.entries[place].meaning;
        if meaning.has("no-cache") || (meaning.forbids_stale(self.shared) && !fresh) {
            return None;
        }
        let limits = [meaning.number("stale-if-error"), ask.stale_if_error];
        match limits.into_iter().flatten().max() {
            Some(limit) if stale <= limit => Some(true),
            Some(_) => None,
            None => Some(false),
        }
    }

    pub fn identifies(&self, place: usize, meaning: &Meaning) -> bool {
        let stored = &self.entries[place].meaning;
        match (meaning.tag, stored.tag) {
            (Tag::Strong(new), Tag::Strong(old)) => new == old,
            (Tag::Strong(_), _) | (Tag::Weak(_), Tag::None) => false,
            (Tag::Weak(new), Tag::Strong(old) | Tag::Weak(old)) => new == old,
            (Tag::None, _) => {
                meaning.last_modified.is_none() || meaning.last_modified == stored.last_modified
            }
        }
    }

    /// Whether the merged response may be kept.
    pub fn merge(
        &mut self,
        ask: &ModelRequest,
        place: usize,
        new: Meaning,
        now: i64,
        delay: i64,
    ) -> bool {
        let shared = self.shared;
        let entry = &mut self.entries[place];
        let at = now - entry.received;
        let old = &mut entry.meaning;
        if !new.directives.is_empty() {
            old.directives = new.directives;
        }
        // What stays was said relative to the time of the old response.
        old.expires = match (new.expires, old.expires) {
            (None, Some(Some(expires))) => Some(Some(expires - at)),
            (None, stays) => stays,
            (replaced, _) => replaced,
        };
        old.date = Some(new.date.unwrap_or(0));
        old.age = new.age;
        old.last_modified = new.last_modified.or(old.last_modified);
        if new.tag != Tag::None {
            old.tag = new.tag;
        }
        entry.received = now;
        entry.delay = delay;
        let star = new.vary.is_some_and(|vary| vary.contains('*'));
        if new
            .vary
            .is_some_and(|vary| Some(vary) != entry.meaning.vary)
        {
            entry.meaning.vary = new.vary;
            entry.key(ask);
        }
        let meaning = &entry.meaning;
        let understood = [200, 203, 204, 301, 302, 404, 410, 500, 503].contains(&meaning.status);
        let no_store = meaning.has("no-store") && !(meaning.has("must-understand") && understood);
        let private = shared && meaning.has("private");
        !(no_store || private || star)
    }
}
