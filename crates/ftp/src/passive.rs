//! The port of a data connection, from the reply to EPSV (RFC 2428) or PASV (RFC 959). The address in a reply to PASV is not
//! read: the data connection goes to the host of the control connection.

/// The port in `229 Entering Extended Passive Mode (|||6446|)`.
pub fn extended_port(text: &str) -> Option<u16> {
    let inner = text.split_once('(')?.1.split(')').next()?;
    let delimiter = inner.chars().next()?;
    let mut parts = inner.split(delimiter).skip(3);
    let port = parts.next()?;
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    (digits && parts.next() == Some(""))
        .then(|| port.parse().ok())?
        .filter(|port| *port != 0)
}

/// The port in `227 Entering Passive Mode (h1,h2,h3,h4,p1,p2)`; the parentheses may be missing (RFC 1123 section 4.1.2.6).
pub fn port(text: &str) -> Option<u16> {
    let start = text.find(|letter: char| letter.is_ascii_digit())?;
    let numbers = text.get(start..)?;
    let end = numbers.find(|letter: char| !(letter.is_ascii_digit() || letter == ','));
    let numbers = numbers.get(..end.unwrap_or(numbers.len()))?;
    let parts: Vec<u8> = numbers
        .split(',')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let [_, _, _, _, high, low] = parts[..] else {
        return None;
    };
    let port = u16::from_be_bytes([high, low]);
    (port != 0).then_some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_and_addresses_are_not() {
        for (text, want) in [
            ("Entering Extended Passive Mode (|||6446|)", Some(6446)),
            ("(!!!1!)", Some(1)),
            ("(|||0|)", None),
            ("(|||65536|)", None),
            ("(|||+1|)", None),
            ("(|||1)", None),
            ("(||1|)", None),
            ("|||1|", None),
            ("()", None),
            ("", None),
        ] {
            assert_eq!(extended_port(text), want, "{text}");
        }
        for (text, want) in [
            (
                "Entering Passive Mode (127,0,0,1,25,46).",
                Some(25 * 256 + 46),
            ),
            ("Entering Passive Mode. 192,0,2,1,0,21", Some(21)),
            ("(127,0,0,1,0,0)", None),
            ("(127,0,0,1,256,1)", None),
            ("(127,0,0,1,1)", None),
            ("(1,2,3,4,5,6,7)", None),
            ("none", None),
            ("", None),
        ] {
            assert_eq!(port(text), want, "{text}");
        }
    }
}
