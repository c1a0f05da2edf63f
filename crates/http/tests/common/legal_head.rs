//! What a head that is forwarded to an origin looks like.

/// Whether two readers can understand a head in one way only: lines of visible bytes, one framing, nothing folded.
pub fn is_legal(head: &str) -> bool {
    let Some(lines) = head.strip_suffix("\r\n\r\n") else {
        return false;
    };
    let mut lines = lines.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let token = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    let words: Vec<&str> = first.split(' ').collect();
    let mut framing = 0;
    let mut hosts = 0;
    let clean = lines.all(|line| {
        let Some((name, value)) = line.split_once(':') else {
            return false;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" | "transfer-encoding" => framing += 1,
            "host" => hosts += 1,
            _ => {}
        }
        token(name)
            && !value
                .bytes()
                .any(|byte| byte < b' ' && byte != b'\t' || byte == 127)
    });
    clean
        && framing <= 1
        && hosts == 1
        && matches!(words[..], [method, target, "HTTP/1.1"] if token(method) && target.starts_with('/')
            && target.bytes().all(|byte| byte.is_ascii_graphic()))
}
