//! Joins the handshake message that TLS records hold (RFC 8446, section 5.1).

use std::borrow::Cow;

use super::hello::{MAX_HELLO, MAX_RECORDS, MalformedHello};

/// Type, version and length of a record.
pub(super) const HEADER: usize = 5;
/// Type and length of a handshake message.
pub(super) const MESSAGE_HEADER: usize = 4;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Most bytes of a record.
const MAX_RECORD: usize = 1 << 14;

pub(super) enum Incomplete {
    NeedMore,
    NotTls,
    Malformed(MalformedHello),
}

/// The body of the ClientHello at the beginning of `bytes`, and the length of the records that hold it.
pub(super) fn join(bytes: &[u8]) -> Result<(Cow<'_, [u8]>, usize), Incomplete> {
    let needed = message_len(bytes)?;
    let mut message: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    let mut at = 0;
    for number in 0..MAX_RECORDS {
        let rest = bytes.get(at..).unwrap_or_default();
        let len = record_len(rest, number == 0)?;
        if message.len() + len > needed {
            return Err(Incomplete::Malformed(MalformedHello::Structure));
        }
        let fragment = rest.get(HEADER..HEADER + len).ok_or(Incomplete::NeedMore)?;
        at += HEADER + len;
        match message.is_empty() {
            true => message = Cow::Borrowed(fragment),
            false => message.to_mut().extend_from_slice(fragment),
        }
        if message.len() == needed {
            return Ok((message, at));
        }
    }
    Err(Incomplete::Malformed(MalformedHello::TooLong))
}

/// The length of the message with its header. Its bytes may be in several records.
fn message_len(bytes: &[u8]) -> Result<usize, Incomplete> {
    let mut header = [0; MESSAGE_HEADER];
    let mut filled = 0;
    for fragment in fragments(bytes) {
        for byte in fragment? {
            if let Some(place) = header.get_mut(filled) {
                *place = *byte;
                filled += 1;
            }
            if filled == 1 && header[0] != CLIENT_HELLO {
                return Err(Incomplete::Malformed(MalformedHello::NotClientHello));
            }
            if filled == MESSAGE_HEADER {
                let [_, high, middle, low] = header;
                let len = u32::from_be_bytes([0, high, middle, low]) as usize + MESSAGE_HEADER;
                return match len <= MAX_HELLO {
                    true => Ok(len),
                    false => Err(Incomplete::Malformed(MalformedHello::TooLong)),
                };
            }
        }
    }
    Err(Incomplete::NeedMore)
}

/// The content of the records, also of one that is not complete.
fn fragments(bytes: &[u8]) -> impl Iterator<Item = Result<&[u8], Incomplete>> {
    let mut at = 0;
    let mut first = true;
    (0..MAX_RECORDS).map(move |_| {
        let rest = bytes.get(at..).unwrap_or_default();
        let len = record_len(rest, std::mem::take(&mut first))?;
        at += HEADER + len;
        let content = rest.get(HEADER..).unwrap_or_default();
        match content.get(..len.min(content.len())) {
            Some([]) | None => Err(Incomplete::NeedMore),
            Some(content) => Ok(content),
        }
    })
}

/// The length of the content of the record at the beginning of `bytes`.
fn record_len(bytes: &[u8], first: bool) -> Result<usize, Incomplete> {
    let wrong = || match first {
        true => Incomplete::NotTls,
        false => Incomplete::Malformed(MalformedHello::Record),
    };
    let header = bytes.get(..HEADER.min(bytes.len())).unwrap_or_default();
    // The minor version is 0 to 4: SSL 3.0 to TLS 1.3.
    let fits = [
        |byte: u8| byte == HANDSHAKE,
        |byte| byte == 3,
        |byte| byte <= 4,
    ];
    if header.iter().zip(fits).any(|(byte, fits)| !fits(*byte)) {
        return Err(wrong());
    }
    let [_, _, _, high, low] = header else {
        return Err(Incomplete::NeedMore);
    };
    match usize::from(u16::from_be_bytes([*high, *low])) {
        len @ 1..=MAX_RECORD => Ok(len),
        _ => Err(Incomplete::Malformed(MalformedHello::Record)),
    }
}
