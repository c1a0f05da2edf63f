//! Replies of a clamd, each with the NUL that ends it. Strict: what is not exactly a verdict is none.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// What a clamd found in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// A signature's name.
    Signature(String),
    /// It could not scan, in its words.
    Error(String),
}

/// Parses `N: stream: OK`, `N: stream: NAME FOUND` or `N: … ERROR`. `number`: that of the command in its session.
pub fn scan(reply: &[u8], number: u32) -> Option<Found> {
    let text = std::str::from_utf8(reply.strip_suffix(b"\0")?).ok()?;
    if text.chars().any(char::is_control) {
        return None;
    }
    let rest = match text.split_once(": ") {
        Some((id, rest)) if id == number.to_string() => rest,
        Some((id, _)) if is_number(id) => return None,
        // Before the session has begun, an error has no number.
        _ if text.ends_with(" ERROR") => text,
        _ => return None,
    };
    if let Some(error) = rest.strip_suffix(" ERROR") {
        return Some(Found::Error(error.to_owned()));
    }
    let verdict = rest.strip_prefix("stream: ")?;
    if verdict == "OK" {
        return Some(Found::Nothing);
    }
    let name = verdict.strip_suffix(" FOUND")?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic());
    is_name.then(|| Found::Signature(name.to_owned()))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a clamd says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version {
    /// The whole text.
    pub text: String,
    /// When its signatures were made; none where it has none of ClamAV's own.
    pub signatures: Option<Timestamp>,
}

/// Parses `ClamAV 1.4.3/27500/Mon Nov 30 08:25:42 2026`, or `ClamAV 1.4.3` without signatures.
pub fn version(reply: &[u8]) -> Option<Version> {
    let text = std::str::from_utf8(reply.strip_suffix(b"\0")?).ok()?;
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if !is_plain || !text.starts_with("ClamAV ") || text.len() > 200 {
        return None;
    }
    let date = text.split('/').nth(2).and_then(|date| {
        let words: Vec<&str> = date.split_whitespace().collect();
        let date = DateTime::strptime("%a %b %d %H:%M:%S %Y", words.join(" ")).ok()?;
        TimeZone::UTC.to_timestamp(date).ok()
    });
    Some(Version {
        text: text.to_owned(),
        signatures: date,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn verdicts_are_parsed_and_nothing_else() {
        let signature = |name: &str| Some(Found::Signature(name.to_owned()));
        let error = |text: &str| Some(Found::Error(text.to_owned()));
        for (reply, wanted) in [
            ("1: stream: OK\0", Some(Found::Nothing)),
            ("1: stream: Eicar-Test FOUND\0", signature("Eicar-Test")),
            ("1: stream: OK FOUND\0", signature("OK")),
            (
                "1: INSTREAM size limit exceeded. ERROR\0",
                error("INSTREAM size limit exceeded."),
            ),
            (
                "INSTREAM size limit exceeded. ERROR\0",
                error("INSTREAM size limit exceeded."),
            ),
            ("2: stream: OK\0", None),
            ("01: stream: OK\0", None),
            ("+1: stream: OK\0", None),
            ("01: any ERROR\0", None),
            ("stream: OK\0", None),
            ("1: stream: OK", None),
            ("1: stream: OK \0", None),
            ("1: stream: ok\0", None),
            ("1: stream: a b FOUND\0", None),
            ("1: stream:  FOUND\0", None),
            ("1: stream: \n FOUND\0", None),
            ("HTTP/1.1 200 OK\0", None),
            ("\0", None),
            ("", None),
        ] {
            assert_eq!(scan(reply.as_bytes(), 1), wanted, "{reply:?}");
        }
    }

    #[test]
    fn a_version_has_the_date_of_the_signatures() {
        let with = version(b"ClamAV 1.4.3/27500/Mon Nov  2 08:25:42 2026\0").unwrap();
        assert_eq!(with.signatures.unwrap().to_string(), "2026-11-02T08:25:42Z");
        let without = version(b"ClamAV 1.0.9\0").unwrap();
        assert_eq!(without.signatures, None);
        for bad in [&b"ClamAV 1.0.9"[..], b"UNKNOWN COMMAND\0", b"ClamAV \x1b\0"] {
            assert_eq!(version(bad), None);
        }
    }

    proptest! {
        #[test]
        fn no_reply_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = (scan(&bytes, 1), version(&bytes));
        }
    }
}
