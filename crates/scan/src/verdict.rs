//! The result of a scan.

use std::fmt::Write as _;
use std::sync::Arc;

/// The engine that judged a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Engine {
    /// The archive reader: it reports archives that cannot be opened.
    Archive,
    Yara,
    Clamd,
    Icap,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Yara => "yara",
            Self::Clamd => "clamd",
            Self::Icap => "icap",
        }
    }
}

/// What was found in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub engine: Engine,
    /// The rule or signature, at most 128 characters.
    pub rule: Arc<str>,
    /// SHA-256 of the body without its content codings, in hexadecimal.
    pub sha256: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Clean,
    Bad(Finding),
    /// Nothing was found, and something in it could not be opened, which may pass; why, as a sentence.
    Unscannable(Arc<str>),
    /// The body was not judged to its end; why, as a sentence.
    Error(Arc<str>),
}

/// The result of one engine.
pub(crate) enum Outcome {
    Nothing,
    Found(Arc<str>),
    Failed(String),
}

impl Verdict {
    pub(crate) fn error(why: impl Into<Arc<str>>) -> Self {
        Self::Error(why.into())
    }
}

/// A name that an engine sent, without control characters, cut at 128 characters.
pub(crate) fn clean_name(name: &str) -> Arc<str> {
    let name: String = name
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(128)
        .collect();
    name.into()
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> Arc<str> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut text = String::with_capacity(64);
    for byte in digest.as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_and_hold_no_control_characters() {
        assert_eq!(&*clean_name("a\x1b[1m\nb"), "a?[1m?b");
        assert_eq!(clean_name(&"x".repeat(500)).len(), 128);
    }

    #[test]
    fn a_hash_is_that_of_the_standard() {
        let wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(&*sha256(b"abc"), wanted);
    }
}
