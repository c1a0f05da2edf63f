//! Requests and responses whose meaning is known, and their field lines.

use privet_cache::Timestamp;

use super::super::NOW;
use super::random::Random;

/// A request.
#[derive(Debug, Clone)]
pub struct ModelRequest {
    pub method: &'static str,
    /// The fields that `Vary` may name.
    pub a: Option<&'static str>,
    pub b: Option<&'static str>,
    pub credentials: bool,
    pub no_cache: bool,
    pub no_store: bool,
    pub max_age: Option<i64>,
    pub min_fresh: Option<i64>,
    /// `Some(None)` is any.
    pub max_stale: Option<Option<i64>>,
    pub stale_if_error: Option<i64>,
    pub pragma: bool,
}

impl ModelRequest {
    pub fn random(random: &mut Random) -> ModelRequest {
        let values = [None, Some("1"), Some("2")];
        let some = |random: &mut Random| random.chance(8).then(|| random.seconds());
        ModelRequest {
            method: random.pick(&["GET", "GET", "GET", "GET", "GET", "GET", "HEAD", "DELETE"]),
            a: random.pick(&values),
            b: random.pick(&values),
            credentials: random.chance(5),
            no_cache: random.chance(20),
            no_store: random.chance(25),
            max_age: some(random),
            min_fresh: some(random),
            max_stale: random
                .chance(8)
                .then(|| random.chance(2).then(|| random.seconds())),
            stale_if_error: some(random),
            pragma: random.chance(20),
        }
    }

    pub fn lines(&self, random: &mut Random) -> Vec<(String, String)> {
        let mut directives = Vec::new();
        for (name, there) in [("no-cache", self.no_cache), ("no-store", self.no_store)] {
            if there {
                directives.push(random.directive(name, None));
            }
        }
        for (name, seconds) in [
            ("max-age", self.max_age.map(Some)),
            ("min-fresh", self.min_fresh.map(Some)),
            ("max-stale", self.max_stale),
            ("stale-if-error", self.stale_if_error.map(Some)),
        ] {
            if let Some(seconds) = seconds {
                directives.push(random.directive(name, seconds));
            }
        }
        let mut lines = random.control(directives);
        let mut add = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                lines.push((name.to_owned(), value.to_owned()));
            }
        };
        add("A", self.a);
        add("B", self.b);
        add("Authorization", self.credentials.then_some("x"));
        add("Pragma", self.pragma.then_some("no-cache"));
        lines
    }

    fn has_control(&self) -> bool {
        self.no_cache
            || self.no_store
            || self.max_age.is_some()
            || self.min_fresh.is_some()
            || self.max_stale.is_some()
            || self.stale_if_error.is_some()
    }

    pub fn wants_validation(&self) -> bool {
        self.no_cache || (self.pragma && !self.has_control())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    None,
    Strong(i64),
    Weak(i64),
}

/// What a response means. Dates are seconds after [`NOW`].
#[derive(Debug, Clone)]
pub struct Meaning {
    pub status: u16,
    /// In the order sent. `max-age` and `s-maxage` may be there twice; -1 is one that is invalid.
    pub directives: Vec<(&'static str, Option<i64>)>,
    /// `Some(None)` is an invalid one.
    pub expires: Option<Option<i64>>,
    pub date: Option<i64>,
    pub age: Option<i64>,
    pub last_modified: Option<i64>,
    pub tag: Tag,
    pub vary: Option<&'static str>,
    pub cookie: bool,
}

const FLAGS: [&str; 9] = [
    "no-store",
    "no-cache",
    "private",
    "public",
    "must-revalidate",
    "proxy-revalidate",
    "immutable",
    "must-understand",
    "unknown",
];
const NUMBERS: [&str; 5] = [
    "max-age",
    "max-age",
    "s-maxage",
    "stale-while-revalidate",
    "stale-if-error",
];

impl Meaning {
    pub fn random(random: &mut Random) -> Meaning {
        let mut directives = Vec::new();
        for _ in 0..random.below(4) {
            directives.push(if random.chance(3) {
                (random.pick(&FLAGS), None)
            } else {
                let seconds = if random.chance(12) {
                    -1
                } else {
                    random.seconds()
                };
                (random.pick(&NUMBERS), Some(seconds))
            });
        }
        let around = |random: &mut Random| random.below(200) - 100;
        Meaning {
            status: random.pick(&[
                200, 200, 200, 200, 203, 204, 301, 302, 404, 410, 500, 503, 599,
            ]),
            directives,
            expires: random
                .chance(4)
                .then(|| (!random.chance(5)).then(|| around(random))),
            date: (!random.chance(4)).then(|| random.pick(&[0, 0, 0, -1, 5, -20, -100])),
            age: random.chance(5).then(|| random.seconds()),
            last_modified: random
                .chance(2)
                .then(|| random.pick(&[-10, -100, -1000, -10_000, 10])),
            tag: match random.below(4) {
                0 => Tag::Strong(random.below(2)),
                1 => Tag::Weak(random.below(2)),
                _ => Tag::None,
            },
            vary: random.pick(&[
                None,
                None,
                None,
                Some("a"),
                Some("B"),
                Some("b, A"),
                Some("a, *"),
            ]),
            cookie: random.chance(6),
        }
    }

    /// The lines of a response that arrives at `now`.
    pub fn lines(&self, random: &mut Random, now: Timestamp) -> Vec<(String, String)> {
        let at = now.since(NOW);
        let directives = self.directives.iter().map(|(name, number)| match number {
            Some(-1) => format!("{name}=soon"),
            number => random.directive(name, *number),
        });
        let directives = directives.collect();
        let mut lines = random.control(directives);
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                lines.push((name.to_owned(), value));
            }
        };
        let expires = self.expires.map(|expires| match expires {
            Some(expires) => random.date(at + expires),
            None => "0".to_owned(),
        });
        add("Expires", expires);
        add("Date", self.date.map(|date| random.date(at + date)));
        add("Age", self.age.map(|age| age.to_string()));
        // In one form, since a validator is compared as text.
        add("Last-Modified", self.last_modified.map(super::super::date));
        add(
            "ETag",
            match self.tag {
                Tag::None => None,
                Tag::Strong(tag) => Some(format!("\"{tag}\"")),
                Tag::Weak(tag) => Some(format!("W/\"{tag}\"")),
            },
        );
        add("Vary", self.vary.map(str::to_owned));
        add("Set-Cookie", self.cookie.then(|| "c=d".to_owned()));
        lines
    }

    pub fn has(&self, flag: &str) -> bool {
        self.directives
            .iter()
            .any(|(name, number)| *name == flag && number.is_none())
    }

    pub fn number(&self, wanted: &str) -> Option<i64> {
        let found = self.directives.iter().find(|(name, _)| *name == wanted);
        found
            .and_then(|(_, number)| *number)
            .map(|number| number.max(0))
    }

    pub fn explicit_lifetime(&self, shared: bool) -> Option<i64> {
        let s_maxage = if shared {
            self.number("s-maxage")
        } else {
            None
        };
        let expires = self.expires.map(|expires| match expires {
            Some(expires) => (expires - self.date.unwrap_or(0)).max(0),
            None => 0,
        });
        s_maxage.or(self.number("max-age")).or(expires)
    }

    /// For a response that arrives `at` seconds after [`NOW`].
    pub fn lifetime(&self, shared: bool, at: i64) -> i64 {
        if let Some(explicit) = self.explicit_lifetime(shared) {
            return explicit;
        }
        let known = [200, 203, 204, 301, 404, 410].contains(&self.status);
        match self.last_modified {
            Some(modified) if known || self.has("public") => {
                let unchanged = at + self.date.unwrap_or(0) - modified;
                if unchanged > 0 { unchanged / 10 } else { 0 }
            }
            _ => 0,
        }
    }

    pub fn forbids_stale(&self, shared: bool) -> bool {
        self.has("no-cache")
            || self.has("must-revalidate")
            || (shared && (self.has("proxy-revalidate") || self.number("s-maxage").is_some()))
    }

    pub fn has_validator(&self) -> bool {
        self.tag != Tag::None || self.last_modified.is_some()
    }
}
