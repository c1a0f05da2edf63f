//! The path of a request: which prefix it has, and whether a backend that decodes and resolves it could read another one.

/// Whether `path` is `prefix` or lies below it. A prefix that ends in a slash matches what follows the slash; another one
/// matches whole segments only: "/api" matches "/api" and "/api/x", not "/apix".
pub fn has_prefix(path: &[u8], prefix: &[u8]) -> bool {
    match path.strip_prefix(prefix) {
        Some(rest) => prefix.ends_with(b"/") || matches!(rest.first(), None | Some(b'/')),
        None => false,
    }
}

/// Bytes of the path's start that a backend does not get where the prefix is stripped. All of it goes but the slash that
/// the rest needs: "/static/x" is "/x", "/api?q" is "?q". Further slashes go too, so that the rest never begins with two,
/// which could be read as an authority.
pub fn strip_len(path_and_query: &[u8], prefix: &[u8]) -> usize {
    let rest = path_and_query.strip_prefix(prefix);
    let Some(rest) = rest.filter(|_| !prefix.is_empty()) else {
        return 0;
    };
    let slashes = rest.iter().take_while(|&&byte| byte == b'/').count();
    let used = prefix.len() + slashes;
    match path_and_query.get(used - 1) {
        Some(b'/') => used - 1,
        _ => used,
    }
}

/// The part before the query.
pub fn path_of(path_and_query: &[u8]) -> &[u8] {
    let end = path_and_query.iter().position(|&byte| byte == b'?');
    path_and_query
        .get(..end.unwrap_or(path_and_query.len()))
        .unwrap_or_default()
}

/// A path leads above the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AboveRoot;

/// The path as the most liberal backend resolves it: percent-encoding undone once, `\` as `/`, repeated slashes merged,
/// parameters of dot segments (`..;x`) ignored, dot segments removed. `None`: it is the same as the path that was given.
///
/// # Errors
/// A `..` has no segment to remove.
pub fn resolved(path: &[u8]) -> Result<Option<Vec<u8>>, AboveRoot> {
    if is_plain(path) {
        return Ok(None);
    }
    let decoded = decoded(path);
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut pieces = decoded.split(|&byte| byte == b'/').peekable();
    let mut ends_with_slash = false;
    while let Some(piece) = pieces.next() {
        let name = piece.split(|&byte| byte == b';').next().unwrap_or_default();
        ends_with_slash = false;
        match name {
            b".." if segments.pop().is_none() => return Err(AboveRoot),
            b"." | b".." => ends_with_slash = true,
            _ if piece.is_empty() => ends_with_slash = pieces.peek().is_none(),
            _ => segments.push(piece),
        }
    }
    let mut out = Vec::with_capacity(decoded.len());
    for segment in &segments {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if out.is_empty() || ends_with_slash {
        out.push(b'/');
    }
    Ok(Some(out))
}

/// Nothing in the path can be resolved.
fn is_plain(path: &[u8]) -> bool {
    let mut before = b' ';
    for &byte in path {
        if matches!(byte, b'%' | b'\\') || (before == b'/' && matches!(byte, b'/' | b'.')) {
            return false;
        }
        before = byte;
    }
    true
}

fn decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        let mut byte = *byte;
        if let (b'%', [high, low, after @ ..]) = (byte, tail)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            byte = high << 4 | low;
            rest = after;
        }
        out.push(if byte == b'\\' { b'/' } else { byte });
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prefixes_match_whole_segments() {
        for (path, prefix, matches) in [
            ("/static/x", "/static/", true),
            ("/static/", "/static/", true),
            ("/static", "/static/", false),
            ("/staticx", "/static/", false),
            ("/static%2Fx", "/static/", false),
            ("/api", "/api", true),
            ("/api/x", "/api", true),
            ("/apix", "/api", false),
            ("/anything", "/", true),
        ] {
            assert_eq!(
                has_prefix(path.as_bytes(), prefix.as_bytes()),
                matches,
                "{path} {prefix}"
            );
        }
    }

    #[test]
    fn what_is_left_of_a_stripped_path_begins_with_one_slash_or_is_empty() {
        for (path, prefix, rest) in [
            ("/static/x?q", "/static/", "/x?q"),
            ("/static/", "/static/", "/"),
            ("/static//evil.test/", "/static/", "/evil.test/"),
            ("/api", "/api", ""),
            ("/api?q=/", "/api", "?q=/"),
            ("/api/x", "/api", "/x"),
            ("/api//x", "/api", "/x"),
            ("/x", "", "/x"),
            ("/x", "/", "/x"),
            ("/other", "/api", "/other"),
        ] {
            let at = strip_len(path.as_bytes(), prefix.as_bytes());
            assert_eq!(path.get(at..).unwrap(), rest, "{path} {prefix}");
        }
    }

    #[test]
    fn a_path_is_resolved_as_the_most_liberal_backend_does() {
        for (path, expected) in [
            ("/a/b", Ok(None)),
            ("/a.b/.../c", Ok(Some("/a.b/.../c"))),
            ("/a/./b", Ok(Some("/a/b"))),
            ("/a/../b", Ok(Some("/b"))),
            ("/a/%2e%2E/b", Ok(Some("/b"))),
            ("/a%2f..%2fb", Ok(Some("/b"))),
            ("/a\\..\\b", Ok(Some("/b"))),
            ("/a/..;x/b", Ok(Some("/b"))),
            ("/a//b", Ok(Some("/a/b"))),
            ("/a/..", Ok(Some("/"))),
            ("/a/b/..", Ok(Some("/a/"))),
            ("/a/%zz", Ok(Some("/a/%zz"))),
            ("/a/%25%32e", Ok(Some("/a/%2e"))),
            ("/..", Err(AboveRoot)),
            ("/a/../../b", Err(AboveRoot)),
            ("/%2e%2e/", Err(AboveRoot)),
        ] {
            let found = resolved(path.as_bytes());
            let found =
                found.map(|path| path.map(|path| String::from_utf8_lossy(&path).into_owned()));
            assert_eq!(
                found,
                expected.map(|path| path.map(str::to_owned)),
                "{path}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_resolved_path_has_nothing_left_to_resolve(path in "/([a.%2eEfF/;\\\\]{0,24})") {
            if let Ok(Some(once)) = resolved(path.as_bytes()) {
                prop_assert!(once.starts_with(b"/"));
                let dot = |piece: &[u8]| matches!(piece.split(|&b| b == b';').next(), Some(b"." | b".."));
                prop_assert!(!once.split(|&b| b == b'/').any(dot), "{:?}", String::from_utf8_lossy(&once));
                prop_assert!(!once.windows(2).any(|pair| pair == b"//"));
            }
        }
    }
}
