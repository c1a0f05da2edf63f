//! One line of the file as diagnostics show it: secrets and control characters replaced.

use std::ops::Range;

use crate::secret_spans::REDACTED;

/// The span that contains the byte; `joined` is sorted and without overlaps.
fn covering(joined: &[Range<usize>], offset: usize) -> Option<&Range<usize>> {
    let before = joined.partition_point(|s| s.start <= offset);
    joined
        .get(before.checked_sub(1)?)
        .filter(|s| s.contains(&offset))
}

/// A line without its secrets, and the characters of it that a diagnostic points at.
pub(crate) struct RedactedLine {
    pub text: String,
    /// In characters, from 0.
    pub mark: usize,
    pub width: usize,
}

/// The line `line` of `text` with the joined `secrets` and control characters replaced, and the position of `meant` in it.
pub(crate) fn redacted_line(
    text: &str,
    line: Range<usize>,
    secrets: &[Range<usize>],
    meant: Range<usize>,
) -> RedactedLine {
    let mut shown = String::new();
    let mut shown_chars = 0;
    let (mut mark, mut last) = (None, None);
    let mut hidden_until = line.start;
    let content = text.get(line.clone()).unwrap_or("").trim_end_matches('\r');
    for (offset, c) in content.char_indices().map(|(i, c)| (line.start + i, c)) {
        if offset >= meant.start && mark.is_none() {
            mark = Some(if offset < hidden_until {
                shown_chars - 1
            } else {
                shown_chars
            });
        }
        if offset >= meant.end && last.is_none() {
            last = Some(shown_chars);
        }
        if offset < hidden_until {
            continue;
        }
        if let Some(secret) = covering(secrets, offset) {
            hidden_until = secret.end;
            shown.push_str(REDACTED);
            shown_chars += REDACTED.len();
        } else {
            shown.push(if c.is_control() && c != '\t' {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            });
            shown_chars += 1;
        }
    }
    // A mark inside a secret begins with the replacement.
    let mark = match mark {
        Some(at) if covering(secrets, meant.start).is_some() && at == shown_chars => {
            at.saturating_sub(REDACTED.len())
        }
        Some(at) => at,
        None => shown_chars,
    };
    RedactedLine {
        text: shown,
        mark,
        width: last.unwrap_or(shown_chars).saturating_sub(mark).max(1),
    }
}
