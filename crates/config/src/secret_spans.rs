//! Finds what may be a secret in a configuration's text, also where the text is not valid TOML.

use std::ops::Range;

/// What is shown instead of a secret.
pub(crate) const REDACTED: &str = "***";
/// A key whose name contains one of these may hold a secret, also when mistyped.
const SECRET_KEYS: [&str; 6] = ["pass", "sword", "pwd", "secret", "token", "credential"];

/// The values of keys whose names suggest a secret, and the passwords in URLs.
pub(crate) fn secret_spans(text: &str) -> Vec<Range<usize>> {
    // ASCII lower-casing keeps byte offsets.
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

/// The value of the key whose name continues at `after`: `…word" = "value"`. References, `{ env = "X" }`, are no secrets.
fn value_after_key(text: &str, after: usize) -> Option<Range<usize>> {
    let rest = text.get(after..)?;
    let name = rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
    let name = name
        .trim_start_matches(['"', '\''])
        .trim_start_matches([' ', '\t']);
    // The sign between them may be missing.
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

/// The lines after an empty string that are no TOML: they belong to a multi-line string that lost a quote.
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

/// The length with both quotes; to the end of the line (of the text, for three quotes) where it is not closed.
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

/// The password of `user:password@` at `start`, after a "://"; without an "@", what is in the place of a port.
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
    // A login without a colon may be a token.
    let secret = rest.get(..at)?.find(':').map_or(0, |colon| colon + 1);
    Some(start + secret..start + at)
}

/// The spans in order; overlapping ones are joined.
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
