//! The lines of a text; those with a secret are redacted.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::secret_spans::{REDACTED, joined as joined_spans, secret_spans};

/// One line with its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    Plain(String),
    Redacted {
        #[serde(rename = "masked")]
        shown: String,
        /// The whole line. Not serialized: known only in the run that read it.
        #[serde(skip)]
        secret: Option<SecretString>,
    },
}

impl Line {
    pub fn bytes(&self) -> usize {
        match self {
            Self::Plain(text) => text.len(),
            Self::Redacted { shown, .. } => shown.len(),
        }
    }

    /// Its whole text is known, not only the redacted one.
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Redacted { secret: None, .. })
    }

    pub fn is_blank(&self) -> bool {
        matches!(self, Self::Plain(text) if text.trim().is_empty())
    }

    fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Redacted { shown, secret } => secret
                .as_ref()
                .map_or(shown, |secret| secret.expose_secret()),
        }
    }
}

impl PartialEq for Line {
    /// Ignores line ends. Where one side's secret is not known, compares the redacted texts.
    fn eq(&self, other: &Self) -> bool {
        let same =
            |a: &str, b: &str| a.trim_end_matches(['\r', '\n']) == b.trim_end_matches(['\r', '\n']);
        match (self, other) {
            (
                Self::Redacted {
                    shown: one,
                    secret: a,
                },
                Self::Redacted {
                    shown: two,
                    secret: b,
                },
            ) => match (a, b) {
                (Some(a), Some(b)) => same(a.expose_secret(), b.expose_secret()),
                _ => same(one, two),
            },
            (Self::Plain(one), Self::Plain(two)) => same(one, two),
            _ => false,
        }
    }
}

impl Eq for Line {}

pub(super) fn lines(text: &str) -> Vec<Line> {
    let secrets = joined_spans(secret_spans(text));
    let mut start = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let here = start..start + line.len();
            start = here.end;
            let mut within = secrets
                .iter()
                .filter(|secret| secret.start < here.end && here.start < secret.end)
                .peekable();
            if within.peek().is_none() {
                return Line::Plain(line.to_owned());
            }
            let body = line.trim_end_matches(['\r', '\n']);
            let (mut shown, mut done) = (String::new(), 0);
            for secret in within {
                let from = secret.start.saturating_sub(here.start).min(body.len());
                let to = secret.end.saturating_sub(here.start).min(body.len());
                shown.push_str(body.get(done..from).unwrap_or_default());
                shown.push_str(REDACTED);
                done = to;
            }
            shown.push_str(line.get(done..).unwrap_or_default());
            Line::Redacted {
                shown,
                secret: Some(line.to_owned().into()),
            }
        })
        .collect()
}

/// Whether each line holds a secret, and its text without its end: what the lines of two whole texts are compared by.
pub(super) fn contents(lines: &[Line]) -> Vec<(bool, &str)> {
    lines
        .iter()
        .map(|line| {
            let text = line.text().trim_end_matches(['\r', '\n']);
            (matches!(line, Line::Redacted { .. }), text)
        })
        .collect()
}

/// The text of the lines; every line but the last gets an end.
pub(super) fn joined(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(line.text());
    }
    text
}
