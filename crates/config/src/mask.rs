//! Finds what may be a secret in a configuration's text, well-formed or not, so that no message ever shows it.

use std::ops::Range;

/// What stands in the place of a secret.
const MASK: &str = "***";
/// A key whose name holds one of these may hold a secret, known to us or mistyped.
const SECRET_KEYS: [&str; 5] = ["pass", "pwd", "secret", "token", "credential"];

/// The values behind keys that sound like secrets, and the passwords inside URLs. Works on text that is not TOML too.
pub(crate) fn secret_spans(text: &str) -> Vec<Range<usize>> {
    // ASCII lower-casing keeps every byte's place.
    let lower = text.to_ascii_lowercase();
    let mut spans: Vec<Range<usize>> = SECRET_KEYS
        .iter()
        .flat_map(|word| lower.match_indices(word).map(|(at, word)| at + word.len()))
        .filter_map(|after| value_after_key(text, after))
        .collect();
    spans.extend(
        text.match_indices("://")
            .filter_map(|(at, _)| password_in_url(text, at + 3)),
    );
    spans.sort_by_key(|s| s.start);
    spans.dedup();
    spans
}

/// The value of the key whose name goes on at `after`: `…word" = "value"`. References, `{ env = "X" }`, are no secrets.
fn value_after_key(text: &str, after: usize) -> Option<Range<usize>> {
    let rest = text.get(after..)?;
    let name = rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
    let name = name
        .trim_start_matches(['"', '\''])
        .trim_start_matches([' ', '\t']);
    let value = name
        .strip_prefix(['=', ':'])?
        .trim_start_matches([' ', '\t']);
    if value.starts_with(['{', '[']) || value.is_empty() {
        return None;
    }
    let start = text.len() - value.len();
    let length = ["\"\"\"", "'''", "\"", "'"]
        .iter()
        .find(|quote| value.starts_with(**quote))
        .map_or_else(|| bare_length(value), |quote| quoted_length(value, quote));
    (length > 0).then_some(start..start + length)
}

fn bare_length(value: &str) -> usize {
    value
        .find([',', '}', ']', '\n', '\r'])
        .unwrap_or(value.len())
}

/// With both quotes; to the line's end (or the text's, for a quote of three) where it is not closed.
fn quoted_length(value: &str, quote: &str) -> usize {
    let escapes = quote.starts_with('"');
    let mut at = quote.len();
    let mut escaped = false;
    while let Some(rest) = value.get(at..) {
        let Some(c) = rest.chars().next() else { break };
        if !escaped && rest.starts_with(quote) {
            return at + quote.len();
        }
        if quote.len() == 1 && c == '\n' {
            return at;
        }
        escaped = escapes && c == '\\' && !escaped;
        at += c.len_utf8();
    }
    value.len()
}

/// `user:password@` at `start`, just after a "://": the password.
fn password_in_url(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    let rest = rest
        .split(['"', '\'', ' ', '\t', '\n', '\r', '/', '?', '#'])
        .next()?;
    let userinfo = rest.rfind('@').and_then(|at| rest.get(..at))?;
    let colon = userinfo.find(':')?;
    Some(start + colon + 1..start + userinfo.len())
}

/// A line as it may be shown, and which of its characters are meant.
pub(crate) struct Masked {
    pub text: String,
    /// In characters, from 0.
    pub mark: usize,
    pub width: usize,
}

/// The line `line` of `text`, with secrets and control characters replaced, and where `meant` stands in it now.
pub(crate) fn masked(
    text: &str,
    line: Range<usize>,
    secrets: &[Range<usize>],
    meant: Range<usize>,
) -> Masked {
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
        if let Some(secret) = secrets.iter().find(|s| s.contains(&offset)) {
            hidden_until = secrets
                .iter()
                .filter(|s| s.contains(&offset))
                .map(|s| s.end)
                .max()
                .unwrap_or(secret.end);
            shown.push_str(MASK);
            shown_chars += MASK.len();
        } else {
            shown.push(if c.is_control() && c != '\t' {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            });
            shown_chars += 1;
        }
    }
    // A mark that falls on the mask begins with it.
    let mark = match mark {
        Some(at) if secrets.iter().any(|s| s.contains(&meant.start)) && at == shown_chars => {
            at.saturating_sub(MASK.len())
        }
        Some(at) => at,
        None => shown_chars,
    };
    Masked {
        text: shown,
        mark,
        width: last.unwrap_or(shown_chars).saturating_sub(mark).max(1),
    }
}
