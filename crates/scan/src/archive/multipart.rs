//! The parts of a form (RFC 7578) or of another multipart body (RFC 2046 §5.1).

use memchr::memmem::Finder;

use crate::limits::OverLimit;

/// The longest boundary (RFC 2046 §5.1.1).
const MAX_BOUNDARY: usize = 70;

/// The boundary that a media type names.
pub fn boundary(media_type: &str) -> Option<String> {
    let mut parameters = media_type.split(';');
    let kind = parameters.next()?.trim().to_ascii_lowercase();
    if !kind.starts_with("multipart/") {
        return None;
    }
    let value = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then_some(value.trim())
    })?;
    let value = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(value);
    let fits = !value.is_empty() && value.len() <= MAX_BOUNDARY;
    fits.then(|| value.to_owned())
}

/// The contents of the parts, at most `most`.
///
/// # Errors
/// There are more.
pub fn parts<'a>(body: &'a [u8], boundary: &str, most: usize) -> Result<Vec<&'a [u8]>, OverLimit> {
    let line = format!("--{boundary}");
    let delimiter = Finder::new(&line);
    let mut places = delimiter.find_iter(body).peekable();
    let mut parts = Vec::new();
    while let Some(start) = places.next() {
        let end = places.peek().copied().unwrap_or(body.len());
        let part = body.get(start + line.len()..end).unwrap_or_default();
        // What is behind the last delimiter is no part.
        if part.starts_with(b"--") {
            continue;
        }
        let Some(head) = memchr::memmem::find(part, b"\r\n\r\n") else {
            continue;
        };
        let content = part.get(head + 4..).unwrap_or_default();
        if parts.len() >= most {
            return Err(OverLimit::Members);
        }
        parts.push(content.strip_suffix(b"\r\n").unwrap_or(content));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_its_parts() {
        let kind = "Multipart/Form-Data; charset=x; Boundary=\"b 1\"";
        let boundary = boundary(kind).unwrap();
        let body = b"--b 1\r\nContent-Disposition: form-data; name=a\r\n\r\none\r\n--b 1\r\n\r\ntwo\r\n\r\n--b 1--\r\nend";
        assert_eq!(
            parts(body, &boundary, 9).unwrap(),
            [&b"one"[..], b"two\r\n"]
        );
        assert_eq!(parts(body, &boundary, 1), Err(OverLimit::Members));
        assert_eq!(super::boundary("text/plain; boundary=x"), None);
        assert_eq!(super::boundary("multipart/mixed"), None);
    }
}
