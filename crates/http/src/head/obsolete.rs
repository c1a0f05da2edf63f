//! Forms that old or careless senders use and that can be read in one way only: they are rewritten. `docs/http.md` lists
//! them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::bad_request::BadRequest;
use super::scan::HeadRange;

/// The bytes up to the end of a request's head, with each byte of the target that is not ASCII replaced by a letter, and a
/// higher minor version by 1.1 (RFC 9110 §2.5). All positions stay the same. `None`: there is nothing to replace.
pub(super) fn plain_request(buffer: &[u8], range: HeadRange) -> Option<Vec<u8>> {
    let mut plain = buffer.get(..range.end)?.to_vec();
    let line = plain.get_mut(range.skip..)?;
    let end = line.iter().position(|&byte| byte == b'\r')?;
    let line = line.get_mut(..end)?;
    let target = line.iter().position(|&byte| byte == b' ')?;
    let mut changed = false;
    for byte in line
        .get_mut(target..)?
        .iter_mut()
        .filter(|byte| !byte.is_ascii())
    {
        *byte = b'x';
        changed = true;
    }
    let version = end.checked_sub(VERSION).and_then(|at| line.get_mut(at..))?;
    changed |= lower_version(version);
    changed.then_some(plain)
}

/// The same for a response, whose version comes first.
pub(super) fn plain_response(head: &[u8]) -> Option<Vec<u8>> {
    let mut plain = head.to_vec();
    lower_version(plain.get_mut(..VERSION)?).then_some(plain)
}

/// Bytes of `HTTP/1.1`.
const VERSION: usize = 8;

fn lower_version(version: &mut [u8]) -> bool {
    match version {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            minor @ b'2'..=b'9',
        ] => {
            *minor = b'1';
            true
        }
        _ => false,
    }
}

/// Writes bytes that are not ASCII as `%XX`.
pub(super) fn percent_encode(out: &mut Vec<u8>, path: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
    for &byte in path {
        if byte.is_ascii() {
            out.push(byte);
        } else {
            out.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// The value of `Authorization` for the user name and password of a URL (RFC 7617); `None` for an empty one.
pub(super) fn basic_authorization(user_info: &[u8]) -> Result<Option<String>, BadRequest> {
    if user_info.is_empty() {
        return Ok(None);
    }
    let mut parts = user_info.splitn(2, |&byte| byte == b':');
    let user = percent_decode(parts.next().unwrap_or_default())?;
    let password = percent_decode(parts.next().unwrap_or_default())?;
    // The first colon ends the user name (RFC 7617 §2).
    if user.contains(&b':') {
        return Err(BadRequest::UserInfo);
    }
    let plain = [&user[..], b":", &password].concat();
    Ok(Some(format!("Basic {}", STANDARD.encode(plain))))
}

/// Decodes a part of `userinfo` (RFC 3986 §3.2.1). Bytes that are not ASCII stand for themselves.
fn percent_decode(text: &[u8]) -> Result<Vec<u8>, BadRequest> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let plain = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:".contains(&byte);
        if byte == b'%' {
            let (digits, after) = rest.split_at_checked(2).ok_or(BadRequest::UserInfo)?;
            let value = std::str::from_utf8(digits)
                .ok()
                .filter(|_| digits.iter().all(u8::is_ascii_hexdigit))
                .and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let value = value.filter(|value| !value.is_ascii_control());
            out.push(value.ok_or(BadRequest::UserInfo)?);
            rest = after;
        } else if plain || !byte.is_ascii() {
            out.push(byte);
        } else {
            return Err(BadRequest::UserInfo);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_and_a_password_become_basic_credentials() {
        let value = |text: &str| basic_authorization(text.as_bytes());
        let basic = |plain: &[u8]| Ok(Some(format!("Basic {}", STANDARD.encode(plain))));
        assert_eq!(value(""), Ok(None));
        assert_eq!(value("bob"), basic(b"bob:"));
        assert_eq!(value("bob:pw"), basic(b"bob:pw"));
        assert_eq!(value("bob%40a:p%3Aw:x"), basic(b"bob@a:p:w:x"));
        assert_eq!(
            value("b\u{fc}b:p%C3%A9"),
            basic("b\u{fc}b:p\u{e9}".as_bytes())
        );
        for bad in [
            "b%3Ab:p",
            "b%0d%0aX:p",
            "b%",
            "b%4",
            "b%+4",
            "b\\:p",
            "b\":p",
            "b<",
        ] {
            assert_eq!(value(bad), Err(BadRequest::UserInfo), "{bad}");
        }
    }
}
