//! Finds what may be a secret in a configuration's text, well-formed or not, so that no message ever shows it.

use std::ops::Range;

/// What stands in the place of a secret.
pub(crate) const MASK: &str = "***";
/// A key whose name holds one of these may hold a secret, known to us or mistyped.
const SECRET_KEYS: [&str; 6] = ["pass", "sword", "pwd", "secret", "token", "credential"];

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
    spans
}

/// The value of the key whose name goes on at `after`: `…word" = "value"`. References, `{ env = "X" }`, are no secrets.
fn value_after_key(text: &str, after: usize) -> Option<Range<usize>> {
    let rest = text.get(after..)?;
    let name = rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
    let name = name
        .trim_start_matches(['"', '\''])
        .trim_start_matches([' ', '\t']);
    // The sign between them may be what is missing.
    let value = name
        .strip_prefix(['=', ':'])
        .unwrap_or(name)
        .trim_start_matches([' ', '\t', '[']);
    if value.starts_with(['{', ']', '#', '\n', '\r']) {
        return None;
    }
    let start = text.len() - value.len();
    let length = ["\"\"\"", "'''", "\"", "'"]
        .iter()
        .find(|quote| value.starts_with(**quote))
        .map_or_else(|| bare_length(value), |quote| quoted_length(value, quote));
    let length = length + stray_length(value, length);
    (length > 0).then_some(start..start + length)
}

fn bare_length(value: &str) -> usize {
    value
        .find([',', '}', ']', '\n', '\r'])
        .unwrap_or(value.len())
}

/// The lines behind an empty string that are no TOML: of a string over several lines that lost a quote.
fn stray_length(value: &str, length: usize) -> usize {
    let (string, rest) = value.split_at_checked(length).unwrap_or((value, ""));
    if !matches!(string, "\"\"" | "''") {
        return 0;
    }
    let stray = |line: &&str| !line.contains('=') && !line.trim_start().starts_with(['[', '#']);
    rest.split_inclusive('\n')
        .take_while(stray)
        .map(str::len)
        .sum()
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

/// `user:password@` at `start`, just after a "://": the password; without its "@", what
/// stands where a port would.
fn password_in_url(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    let rest = rest
        .split(['"', '\'', ' ', '\t', '\n', '\r', '/', '?', '#'])
        .next()?;
    let Some(at) = rest.rfind('@') else {
        let port = rest.find(':').map(|colon| colon + 1)?;
        let harmless = rest.bytes().skip(port).all(|b| b.is_ascii_digit()) || rest.starts_with('[');
        return (!harmless).then(|| start + port..start + rest.len());
    };
    // A login without a colon may be a token, or have lost its colon.
    let secret = rest.get(..at)?.find(':').map_or(0, |colon| colon + 1);
    Some(start + secret..start + at)
}

/// The spans in order, those that overlap made one.
pub(crate) fn joined(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|s| s.start);
    let mut joined: Vec<Range<usize>> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}

/// The one of the joined spans in which the byte is.
fn covering(joined: &[Range<usize>], offset: usize) -> Option<&Range<usize>> {
    let before = joined.partition_point(|s| s.start <= offset);
    joined
        .get(before.checked_sub(1)?)
        .filter(|s| s.contains(&offset))
}

/// A line as it may be shown, and which of its characters are meant.
pub(crate) struct Masked {
    pub text: String,
    /// In characters, from 0.
    pub mark: usize,
    pub width: usize,
}

/// The line `line` of `text`, with the joined `secrets` and control characters replaced, and where `meant` stands in it now.
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
        if let Some(secret) = covering(secrets, offset) {
            hidden_until = secret.end;
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
        Some(at) if covering(secrets, meant.start).is_some() && at == shown_chars => {
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
