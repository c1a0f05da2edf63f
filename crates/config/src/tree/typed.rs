//! Values with a syntax of their own: durations, sizes, addresses, domains, URLs, timestamps.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use toml::de::DeValue;
use url::Url;

use super::{Value, quoted};
use crate::backend_url::BackendUrl;
use crate::diagnose::DiagnosticCode;
use crate::domain::normal_domain;
use crate::duration::{format_duration, parse_duration};
use crate::size::{format_size, parse_size};
use crate::timestamp::timestamp;

impl Value<'_> {
    pub fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        if self.peek_integer().is_some() {
            let cause = format!("\"{}\" takes a duration with its unit, in quotes", self.key);
            self.refuse(
                DiagnosticCode::WrongType,
                cause,
                "write \"500ms\", \"10s\", \"15m\", \"1h30m\" or \"30d\"",
            );
            return None;
        }
        let text = self.string()?;
        let Some(duration) = parse_duration(text) else {
            let cause = format!("{} is not a duration", quoted(text));
            self.refuse(
                DiagnosticCode::BadValue,
                cause,
                "write \"500ms\", \"10s\", \"15m\", \"1h30m\" or \"30d\"",
            );
            return None;
        };
        if !range.contains(&duration) {
            let help = format!(
                "allowed are {} to {}",
                format_duration(*range.start()),
                format_duration(*range.end())
            );
            self.refuse(
                DiagnosticCode::BadValue,
                format!("\"{}\" is out of range", self.key),
                help,
            );
            return None;
        }
        Some(duration)
    }

    pub fn size(&self, range: RangeInclusive<u64>) -> Option<u64> {
        const FORM: &str = "write \"0\", \"32KiB\", \"64MiB\", \"1GiB\" or a number of bytes";
        let bytes = match (self.peek_integer(), self.peek_str()) {
            (Some(number), _) => u64::try_from(number).ok().or(Some(u64::MAX)),
            (None, Some(text)) => parse_size(text),
            (None, None) => {
                let cause = format!("\"{}\" takes a size", self.key);
                self.refuse(DiagnosticCode::WrongType, cause, FORM);
                return None;
            }
        };
        let Some(bytes) = bytes else {
            let cause = format!(
                "{} is not a size",
                quoted(self.peek_str().unwrap_or_default())
            );
            self.refuse(DiagnosticCode::BadValue, cause, FORM);
            return None;
        };
        if !range.contains(&bytes) {
            let help = format!(
                "allowed are {} to {}",
                format_size(*range.start()),
                format_size(*range.end())
            );
            self.refuse(
                DiagnosticCode::BadValue,
                format!("\"{}\" is out of range", self.key),
                help,
            );
            return None;
        }
        Some(bytes)
    }

    /// An IP address and a port to listen on; port 0 lets the system choose.
    pub fn address(&self) -> Option<SocketAddr> {
        let text = self.string()?;
        let address = text.parse().ok();
        if address.is_none() {
            let cause = format!("{} is not an IP address with a port", quoted(text));
            let help = "write \"127.0.0.1:7280\" or \"[::1]:7280\", with a port up to 65535";
            self.refuse(DiagnosticCode::BadValue, cause, help);
        }
        address
    }

    /// A network, "10.0.0.0/8", or one address of it; host bits are dropped.
    pub fn network(&self) -> Option<IpNet> {
        let text = self.string()?;
        // As in URLs: "[::1]".
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let address = bare.filter(|inner| inner.contains(':')).unwrap_or(text);
        let network = text
            .parse::<IpNet>()
            .ok()
            .or_else(|| address.parse::<IpAddr>().ok().map(IpNet::from));
        if network.is_none() {
            let cause = format!("{} is not a network", quoted(text));
            self.refuse(
                DiagnosticCode::BadValue,
                cause,
                "write \"10.0.0.0/8\", \"fd00::/8\" or one IP address",
            );
        }
        network.map(|n| n.trunc())
    }

    pub fn domain(&self) -> Option<String> {
        let text = self.string()?;
        let domain = normal_domain(text);
        if domain.is_none() {
            let cause = format!("{} is not a domain name", quoted(text));
            let help = if text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
                "addresses go into a rule's \"ip\""
            } else {
                "write a name without scheme, port or path: \"example.com\""
            };
            self.refuse(DiagnosticCode::BadValue, cause, help);
        }
        domain
    }

    /// A domain that covers its subdomains: "example.com", ".example.com" and "*.example.com" are the same.
    pub fn domain_suffix(&self) -> Option<String> {
        match self.string()?.trim().strip_prefix("*.").map(normal_domain) {
            Some(Some(domain)) => Some(domain),
            _ => self.domain(),
        }
    }

    /// "example.com" (that host) or "*.example.com" (the hosts below it), or an IP address.
    pub fn host_pattern(&self) -> Option<String> {
        let text = self.string()?.trim();
        if let Ok(ip) = text
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
        {
            return Some(ip.to_string());
        }
        if text == "*" {
            let cause = "\"*\" names no host";
            let help = "name each host: \"example.com\", or \"*.example.com\" for those below it";
            self.refuse(DiagnosticCode::BadValue, cause, help);
            return None;
        }
        match text.strip_prefix("*.").map(normal_domain) {
            Some(Some(domain)) => Some(format!("*.{domain}")),
            _ => self.domain(),
        }
    }

    /// An http or https URL without a login, normalised.
    pub fn http_url(&self) -> Option<String> {
        let form = ("an http or https URL", "write \"https://HOST/PATH\"");
        self.parse_url(&["http", "https"], form).map(String::from)
    }

    /// An http, https or h2c URL without path and query, without the final slash. h2c is HTTP/2 without TLS.
    pub fn backend_url(&self) -> Option<BackendUrl> {
        const HELP: &str = "write \"http://127.0.0.1:9001\"";
        let form = ("an http, https or h2c URL", HELP);
        let url = self.parse_url(&["http", "https", "h2c"], form)?;
        let backend = BackendUrl::new(&url);
        if backend.is_none() {
            self.refuse(
                DiagnosticCode::BadValue,
                "a backend's url has a host and a port, and no path",
                HELP,
            );
        }
        backend
    }

    /// `form` is what the key takes, and how to write it. Messages never repeat the URL: it may contain a login.
    fn parse_url(&self, schemes: &[&str], (form, help): (&str, &str)) -> Option<Url> {
        let text = self.string()?;
        self.redact_login(text);
        let Some(url) = Url::parse(text.trim())
            .ok()
            .filter(|url| url.has_host() && schemes.contains(&url.scheme()))
        else {
            self.refuse(
                DiagnosticCode::BadValue,
                format!("\"{}\" takes {form}", self.key),
                help,
            );
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            let cause = format!("\"{}\" takes a URL without a login", self.key);
            self.refuse(
                DiagnosticCode::BadValue,
                cause,
                "leave user and password out",
            );
            return None;
        }
        if url.fragment().is_some() {
            self.refuse(
                DiagnosticCode::BadValue,
                format!("\"{}\" takes a URL without \"#\"", self.key),
                "leave it out",
            );
            return None;
        }
        Some(url)
    }

    /// A TOML date-time or an RFC 3339 string, with its offset.
    pub fn timestamp(&self) -> Option<SystemTime> {
        let read = match self.node.get_ref() {
            DeValue::Datetime(datetime) => timestamp(datetime),
            DeValue::String(text) => text.trim().parse().ok().as_ref().and_then(timestamp),
            _ => {
                self.wrong_type("a date with a time");
                return None;
            }
        };
        if read.is_none() {
            let cause = format!(
                "\"{}\" is not a full date and time with an offset, from 1970 on",
                self.key
            );
            self.refuse(
                DiagnosticCode::BadValue,
                cause,
                "write \"2026-12-31T18:00:00Z\" or \"2026-12-31T19:00:00+01:00\"",
            );
        }
        read
    }
}
