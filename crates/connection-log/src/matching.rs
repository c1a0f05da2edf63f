//! How a query's text is held against a row's: without regard to case, `*` for anything.

use privet_policy::Host;

use crate::fields::Field;

/// A text to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text {
    /// Nothing: the fact is absent.
    Empty,
    /// Anywhere in the fact.
    Part(String),
    /// The whole fact, `*` standing for anything.
    Glob(String),
}

impl Text {
    pub fn parse(text: &str) -> Self {
        let text = text.to_lowercase();
        if text.is_empty() {
            Self::Empty
        } else if text.contains('*') {
            Self::Glob(text)
        } else {
            Self::Part(text)
        }
    }

    pub fn is_in(&self, fact: &str) -> bool {
        match self {
            Self::Empty => fact.is_empty(),
            Self::Part(part) if fact.is_ascii() => contains(fact.as_bytes(), part.as_bytes()),
            Self::Part(part) => fact.to_lowercase().contains(part),
            Self::Glob(glob) if fact.is_ascii() => globs(glob.as_bytes(), fact.as_bytes()),
            Self::Glob(glob) => globs(glob.as_bytes(), fact.to_lowercase().as_bytes()),
        }
    }

    pub fn is_in_host(&self, host: &Host) -> bool {
        match host {
            Host::Name(name) => self.is_in(name),
            Host::Ip(ip) => self.is_in(&ip.to_string()),
        }
    }
}

/// A word of a query covers the same word, and what rules on it match too.
pub(crate) fn covers(field: Field, asked: &str, actual: &str) -> bool {
    asked == actual
        || (field == Field::Proto
            && matches!((asked, actual), ("socks5", "udp") | ("http", "connect")))
}

fn contains(fact: &[u8], part: &[u8]) -> bool {
    fact.len() >= part.len()
        && fact
            .windows(part.len())
            .any(|window| window.eq_ignore_ascii_case(part))
}

/// Matches in time linear in both for one star, and at worst the product of the lengths.
fn globs(glob: &[u8], fact: &[u8]) -> bool {
    let (mut g, mut f) = (0, 0);
    let mut star = None;
    while let Some(here) = fact.get(f) {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g + 1, f));
                g += 1;
            }
            Some(byte) if byte.eq_ignore_ascii_case(here) => {
                g += 1;
                f += 1;
            }
            _ => match star {
                None => return false,
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    g = after;
                    f = from + 1;
                }
            },
        }
    }
    glob.iter().skip(g).all(|byte| *byte == b'*')
}
