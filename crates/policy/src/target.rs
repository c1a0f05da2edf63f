//! Parses targets: `host:port`, and the host and port of an `http` or `https` URL.

use crate::{Host, HostError, Target};

/// Why a text is not a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("the port is missing: write HOST:PORT")]
    NoPort,
    #[error("the port is not a number from 1 to 65535")]
    Port,
    #[error("an IPv6 address before a port needs brackets: [::1]:443")]
    Brackets,
    #[error("only http:// and https:// URLs name a target here")]
    Scheme,
    #[error("the URL carries a user or password before the host: leave that out")]
    UserInfo,
}

impl Target {
    /// Reads `host:port`; an IPv6 address needs brackets.
    ///
    /// # Errors
    /// As [`TargetError`] says; port 0 is no port.
    pub fn parse(text: &str) -> Result<Target, TargetError> {
        let (host, port) = split(text)?;
        target(host, port.ok_or(TargetError::NoPort)?)
    }

    /// The target of an `http` or `https` URL (RFC 9110, section 4.2): its host, and its port or the scheme's.
    ///
    /// # Errors
    /// Another scheme, a user part (RFC 9110, section 4.2.4), a bad host or port. An empty port is the scheme's
    /// (RFC 3986, section 6.2.3).
    pub fn from_url(url: &str) -> Result<Target, TargetError> {
        let (scheme, rest) = url.split_once("://").ok_or(TargetError::Scheme)?;
        let default = if scheme.eq_ignore_ascii_case("http") {
            "80"
        } else if scheme.eq_ignore_ascii_case("https") {
            "443"
        } else {
            return Err(TargetError::Scheme);
        };
        Self::of_url(rest, default)
    }

    /// The same for an `ftp` URL (RFC 1738, section 3.2).
    ///
    /// # Errors
    /// As [`Target::from_url`].
    pub fn from_ftp_url(url: &str) -> Result<Target, TargetError> {
        match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ftp") => Self::of_url(rest, "21"),
            _ => Err(TargetError::Scheme),
        }
    }

    /// `rest`: the URL behind `://`.
    fn of_url(rest: &str, default: &str) -> Result<Target, TargetError> {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(TargetError::UserInfo);
        }
        let (host, port) = split(authority)?;
        target(host, port.filter(|p| !p.is_empty()).unwrap_or(default))
    }
}

fn split(authority: &str) -> Result<(&str, Option<&str>), TargetError> {
    if authority.starts_with('[') {
        let (inner, rest) = authority
            .split_once(']')
            .ok_or(TargetError::Host(HostError::Ipv6))?;
        let host = authority.get(..inner.len() + 1).unwrap_or_default();
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(TargetError::Port),
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(TargetError::Brackets),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

fn target(host: &str, port: &str) -> Result<Target, TargetError> {
    if port.is_empty() || port.len() > 5 || !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(TargetError::Port);
    }
    let port = port.parse().map_err(|_| TargetError::Port)?;
    if port == 0 {
        return Err(TargetError::Port);
    }
    Ok(Target {
        host: Host::parse(host)?,
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_target_is_a_host_and_a_port() {
        for (given, want) in [
            ("Example.com:443", "example.com:443"),
            ("[::1]:80", "[::1]:80"),
            ("127.1:7280", "127.0.0.1:7280"),
            ("[::ffff:10.0.0.1]:1", "10.0.0.1:1"),
        ] {
            assert_eq!(Target::parse(given).unwrap().to_string(), want);
        }
        for (given, want) in [
            ("a", TargetError::NoPort),
            ("a:", TargetError::Port),
            ("a:0", TargetError::Port),
            ("a:65536", TargetError::Port),
            ("a:+80", TargetError::Port),
            ("a: 80", TargetError::Port),
            ("::1:80", TargetError::Brackets),
            ("[::1]80", TargetError::Port),
            ("[::1", TargetError::Host(HostError::Ipv6)),
            (":80", TargetError::Host(HostError::Empty)),
        ] {
            assert_eq!(Target::parse(given), Err(want), "{given}");
        }
    }

    #[test]
    fn a_url_names_its_host_and_port() {
        for (given, want) in [
            ("http://a.test", "a.test:80"),
            ("HTTPS://a.test/x:1?y", "a.test:443"),
            ("http://a.test:8080/", "a.test:8080"),
            ("http://a.test:/", "a.test:80"),
            ("http://[::1]/", "[::1]:80"),
            ("http://[::1]:81?q", "[::1]:81"),
            ("http://0x7f.1#f", "127.0.0.1:80"),
        ] {
            assert_eq!(Target::from_url(given).unwrap().to_string(), want);
        }
        let ftp = |url| Target::from_ftp_url(url).map(|target| target.to_string());
        assert_eq!(ftp("FTP://a.test/x").as_deref(), Ok("a.test:21"));
        assert_eq!(ftp("ftp://[::1]:2121").as_deref(), Ok("[::1]:2121"));
        assert_eq!(ftp("http://a.test/"), Err(TargetError::Scheme));
        for (given, want) in [
            ("ftp://a", TargetError::Scheme),
            ("a.test", TargetError::Scheme),
            ("http://u:p@a/", TargetError::UserInfo),
            ("http://a\\@b/", TargetError::UserInfo),
            ("http:///x", TargetError::Host(HostError::Empty)),
            ("http://a\\b/", TargetError::Host(HostError::Character)),
        ] {
            assert_eq!(Target::from_url(given), Err(want), "{given}");
        }
    }

    proptest! {
        #[test]
        fn a_written_target_parses_to_itself(text in "\\PC{0,30}:[0-9]{0,6}") {
            if let Ok(target) = Target::parse(&text) {
                prop_assert_eq!(Target::parse(&target.to_string()), Ok(target.clone()));
                prop_assert_eq!(Target::from_url(&format!("http://{target}/")), Ok(target));
            }
        }
    }
}
