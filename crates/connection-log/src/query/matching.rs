//! Text matching of queries: without regard to case, `*` for any characters.

use privet_policy::Host;

use crate::fields::Field;

/// A text pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text {
    /// Matches an absent value.
    Empty,
    /// Matches anywhere in the value.
    Part(String),
    /// Matches the whole value; `*` stands for any characters.
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

    /// As [`Text::parse`], for the whole value.
    pub fn parse_whole(text: &str) -> Self {
        match text.is_empty() {
            true => Self::Empty,
            false => Self::Glob(text.to_lowercase()),
        }
    }

    pub fn is_in(&self, value: &str) -> bool {
        match self {
            Self::Empty => value.is_empty(),
            Self::Part(part) if value.is_ascii() => contains(value.as_bytes(), part.as_bytes()),
            Self::Part(part) => value.to_lowercase().contains(part),
            Self::Glob(glob) if value.is_ascii() => globs(glob.as_bytes(), value.as_bytes()),
            Self::Glob(glob) => globs(glob.as_bytes(), value.to_lowercase().as_bytes()),
        }
    }

    pub fn is_in_host(&self, host: &Host) -> bool {
        match host {
            Host::Name(name) => self.is_in(name),
            Host::Ip(ip) => self.is_in(&ip.to_string()),
        }
    }
}

/// Whether a word of a query matches a value. As in rules, socks5 includes udp and http includes connect.
pub(crate) fn covers(field: Field, asked: &str, actual: &str) -> bool {
    asked == actual
        || (field == Field::Proto
            && matches!((asked, actual), ("socks5", "udp") | ("http", "connect")))
}

/// Whether `part` occurs in `value`, in any case of ASCII letters.
pub(crate) fn contains(value: &[u8], part: &[u8]) -> bool {
    part.is_empty()
        || value
            .windows(part.len())
            .any(|window| window.eq_ignore_ascii_case(part))
}

/// Takes time linear in both lengths for one star, and their product at worst.
fn globs(glob: &[u8], value: &[u8]) -> bool {
    let (mut g, mut f) = (0, 0);
    let mut star = None;
    while let Some(here) = value.get(f) {
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
