//! The tokens of Rust source text that paths are made of. Comments, literals and `#[cfg(test)]` items are left out.

/// The tokens of a file, outside its tests.
pub fn tokens(text: &str) -> Vec<String> {
    without_tests(split(text))
}

fn split(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let length = match byte {
            b'/' if rest.starts_with(b"//") => find(rest, b"\n"),
            b'/' if rest.starts_with(b"/*") => find(rest, b"*/") + 2,
            b'"' => string(rest),
            b'r' if raw_hashes(rest).is_some() => raw_string(rest),
            b'\'' => char_or_lifetime(rest),
            b':' if rest.starts_with(b"::") => 2,
            _ if is_word(byte) => rest.iter().take_while(|&&byte| is_word(byte)).count(),
            _ => 1,
        };
        let is_token =
            is_word(byte) && raw_hashes(rest).is_none() || b"{}*,;:()[]#".contains(&byte);
        let end = (at + length).min(bytes.len());
        if is_token {
            found.push(text[at..end].to_owned());
        }
        at = end;
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn find(bytes: &[u8], needle: &[u8]) -> usize {
    let found = bytes
        .windows(needle.len())
        .position(|window| window == needle);
    found.unwrap_or(bytes.len())
}

fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The hashes of a raw string that begins here.
fn raw_hashes(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(b"r")?;
    let hashes = rest.iter().take_while(|&&byte| byte == b'#').count();
    (rest.get(hashes) == Some(&b'"')).then_some(hashes)
}

fn raw_string(bytes: &[u8]) -> usize {
    let hashes = raw_hashes(bytes).unwrap_or_default();
    let start = hashes + 2;
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    start + find(&bytes[start..], &end) + end.len()
}

/// `'a'`, `'\''` or the quote of a lifetime.
fn char_or_lifetime(bytes: &[u8]) -> usize {
    match bytes {
        [_, b'\\', _, rest @ ..] => 3 + find(rest, b"'") + 1,
        [_, _, b'\'', ..] => 3,
        [_, byte, ..] if !byte.is_ascii() => 1 + find(&bytes[1..], b"'") + 1,
        _ => 1,
    }
}

/// Leaves out each item after `#[cfg(test)]`.
fn without_tests(all: Vec<String>) -> Vec<String> {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < all.len() {
        if all[at..].iter().take(TEST.len()).eq(TEST.iter()) {
            at += item(&all[at..]);
        } else {
            kept.push(all[at].clone());
            at += 1;
        }
    }
    kept
}

/// How many tokens an item has: up to its `;`, or the end of its first block.
fn item(tokens: &[String]) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => return index + 1,
            "}" => depth = depth.saturating_sub(1),
            ";" if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}
