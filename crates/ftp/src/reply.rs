//! Replies on the control connection (RFC 959 section 4.2).

/// The longest line of a reply, in bytes.
pub const MAX_LINE: usize = 4096;
/// The longest reply, in bytes.
pub const MAX_REPLY: usize = 64 * 1024;
/// The longest text that is kept of a reply, in bytes.
const MAX_TEXT: usize = 512;

/// One whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 100 to 599.
    pub code: u16,
    /// The text of the last line, without control characters.
    pub text: String,
}

impl Reply {
    /// 1xx: another reply follows.
    pub fn is_preliminary(&self) -> bool {
        self.code / 100 == 1
    }

    /// 2xx.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }
}

/// Bytes that are no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedReply {
    #[error("a reply does not begin with three digits")]
    Code,
    #[error("a line of a reply is longer than {MAX_LINE} bytes")]
    LineTooLong,
    #[error("a reply is longer than {MAX_REPLY} bytes")]
    TooLong,
}

/// Parses the reply at the start of `bytes`. Returns it with its length; `None`: more bytes are needed.
///
/// # Errors
/// The bytes are no reply, or more than a reply may have.
pub fn parse(bytes: &[u8]) -> Result<Option<(Reply, usize)>, MalformedReply> {
    let Some((first, mut taken)) = line(bytes)? else {
        return Ok(None);
    };
    let (code, separator, text) = split(first).ok_or(MalformedReply::Code)?;
    if separator != b'-' {
        return Ok(Some((reply(code, text), taken)));
    }
    loop {
        let rest = bytes.get(taken..).unwrap_or_default();
        let Some((next, length)) = line(rest)? else {
            return match bytes.len() > MAX_REPLY {
                true => Err(MalformedReply::TooLong),
                false => Ok(None),
            };
        };
        taken += length;
        if taken > MAX_REPLY {
            return Err(MalformedReply::TooLong);
        }
        // Only the first code followed by a space ends the reply; other lines may begin with digits.
        if let Some((last, b' ', text)) = split(next)
            && last == code
        {
            return Ok(Some((reply(code, text), taken)));
        }
    }
}

fn reply(code: u16, text: &[u8]) -> Reply {
    let text = text.get(..MAX_TEXT).unwrap_or(text);
    let text = String::from_utf8_lossy(text);
    let visible = text.chars().filter(|letter| !letter.is_control());
    Reply {
        code,
        text: visible.collect::<String>().trim().to_owned(),
    }
}

/// The first line without its end, and its length with it. A bare LF ends a line too.
fn line(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, MalformedReply> {
    let window = bytes.get(..=MAX_LINE).unwrap_or(bytes);
    let Some(end) = window.iter().position(|&byte| byte == b'\n') else {
        return match bytes.len() > MAX_LINE {
            true => Err(MalformedReply::LineTooLong),
            false => Ok(None),
        };
    };
    let line = bytes.get(..end).unwrap_or_default();
    Ok(Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1)))
}

/// Code, separator and text of a line. A code alone counts as followed by a space.
fn split(line: &[u8]) -> Option<(u16, u8, &[u8])> {
    let (code, rest) = line.split_at_checked(3)?;
    let [class @ b'1'..=b'5', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = code else {
        return None;
    };
    let digit = |byte: &u8| u16::from(byte - b'0');
    let code = digit(class) * 100 + digit(tens) * 10 + digit(ones);
    match rest.split_first() {
        None => Some((code, b' ', rest)),
        Some((&separator @ (b' ' | b'-'), text)) => Some((code, separator, text)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(text: &str) -> (u16, String, usize) {
        let (reply, taken) = parse(text.as_bytes()).unwrap().unwrap();
        (reply.code, reply.text, taken)
    }

    #[test]
    fn replies_of_one_and_of_several_lines_are_read() {
        assert_eq!(whole("220 ready\r\n"), (220, "ready".into(), 11));
        assert_eq!(whole("220\r\n"), (220, String::new(), 5));
        assert_eq!(whole("230 a\x1b[1m\nx"), (230, "a[1m".into(), 10));
        let long = "220-hello\r\n 220 not yet\r\n221 nor this\r\n220-nor this\r\n220 now\r\nrest";
        assert_eq!(whole(long), (220, "now".into(), long.len() - 4));
        for text in ["", "22", "220", "220 no end", "220-a\r\n220-b\r\n"] {
            assert_eq!(parse(text.as_bytes()), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for text in [
            "\r\n",
            "ab\r\n",
            "600 x\r\n",
            "220x\r\n",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(MalformedReply::Code), "{text}");
        }
        let long = "2".repeat(MAX_LINE + 1);
        assert_eq!(parse(long.as_bytes()), Err(MalformedReply::LineTooLong));
        let many = format!("220-\r\n{}", "x\r\n".repeat(MAX_REPLY / 3 + 1));
        assert_eq!(parse(many.as_bytes()), Err(MalformedReply::TooLong));
    }

    proptest! {
        #[test]
        fn a_reply_does_not_depend_on_what_follows(
            code in 100..600u16, lines in proptest::collection::vec("[a-z ]{0,9}", 0..4), rest in "[0-9a-z\r\n -]{0,20}",
        ) {
            let mut text = String::new();
            if !lines.is_empty() {
                text = format!("{code}-first\r\n");
                for line in &lines {
                    text.push_str(&format!(" {line}\r\n"));
                }
            }
            text.push_str(&format!("{code} last\r\n"));
            let followed = format!("{text}{rest}");
            let wanted = Reply { code, text: "last".to_owned() };
            prop_assert_eq!(parse(followed.as_bytes()), Ok(Some((wanted, text.len()))));
            for cut in 0..text.len() {
                prop_assert_eq!(parse(&text.as_bytes()[..cut]), Ok(None));
            }
        }
    }
}
