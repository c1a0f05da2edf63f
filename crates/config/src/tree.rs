//! A typed reader over the TOML tree that remembers places: each getter reports what is wrong with its value and goes on.

use std::net::{IpAddr, SocketAddr};
use std::ops::{Range, RangeInclusive};
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use crate::diagnose::{Code, Severity};
use crate::domain::normal_domain;
use crate::duration::{format_duration, parse_duration};
use crate::findings::Findings;
use crate::keys::Section;
use crate::moment::moment;
use crate::nearest::suggestion;
use crate::size::{format_size, parse_size};

/// The longest piece of a value that a message repeats.
const MAX_QUOTED: usize = 60;

/// A value of the file, its place, and the key it belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    node: &'a Spanned<DeValue<'a>>,
    pub key: &'a str,
    findings: &'a Findings<'a>,
}

/// A table whose keys have been checked against its section.
#[derive(Clone)]
pub(crate) struct Table<'a> {
    map: &'a DeTable<'a>,
    span: Range<usize>,
    section: &'static Section,
    findings: &'a Findings<'a>,
}

/// `"…"`, clipped, control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(MAX_QUOTED)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().count() > MAX_QUOTED {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

impl<'a> Value<'a> {
    pub fn report(
        &self,
        severity: Severity,
        code: Code,
        cause: impl Into<String>,
        help: Option<String>,
    ) {
        self.findings
            .add(severity, code, self.node.span(), cause.into(), help);
    }

    pub fn refuse(&self, code: Code, cause: impl Into<String>, help: impl Into<String>) {
        self.report(Severity::Error, code, cause, Some(help.into()));
    }

    pub fn warn(&self, code: Code, cause: impl Into<String>, help: impl Into<String>) {
        self.report(Severity::Warning, code, cause, Some(help.into()));
    }

    /// Never show this value in a message.
    pub fn hide(&self) {
        self.findings.hide(self.node.span());
    }

    /// Never show a URL that may hold a password where "://" does not tell that it is one.
    pub fn hide_login(&self, url: &str) {
        if url.contains('@') && !url.contains("://") {
            self.hide();
        }
    }

    pub fn line(&self) -> usize {
        self.findings.line(self.node.span().start)
    }

    pub fn is_table(&self) -> bool {
        self.node.get_ref().is_table()
    }

    /// The string, if it is one; nothing is reported.
    pub fn peek_str(&self) -> Option<&'a str> {
        self.node.get_ref().as_str()
    }

    fn wrong_type(&self, wanted: &str) {
        let article = |name: &str| {
            if name.starts_with(['a', 'i']) {
                "an"
            } else {
                "a"
            }
        };
        let found = self.node.get_ref().type_str();
        let cause = format!(
            "\"{}\" takes {wanted}, not {} {found}",
            self.key,
            article(found)
        );
        self.report(Severity::Error, Code::WrongType, cause, None);
    }

    pub fn string(&self) -> Option<&'a str> {
        let text = self.peek_str();
        if text.is_none() {
            self.wrong_type("a string");
        }
        text
    }

    pub fn is_array(&self) -> bool {
        self.node.get_ref().is_array()
    }

    /// A string that is not empty and holds no control characters.
    pub fn filled(&self) -> Option<&'a str> {
        let text = self.string()?;
        if text.trim().is_empty() {
            self.report(
                Severity::Error,
                Code::BadValue,
                format!("\"{}\" is empty", self.key),
                None,
            );
            return None;
        }
        if text.chars().any(char::is_control) {
            let cause = format!("{} holds a control character", quoted(text));
            self.report(Severity::Error, Code::BadValue, cause, None);
            return None;
        }
        Some(text)
    }

    pub fn boolean(&self) -> Option<bool> {
        let value = self.node.get_ref().as_bool();
        if value.is_none() {
            self.wrong_type("true or false");
        }
        value
    }

    /// A whole number; nothing is reported where it is no number at all.
    pub fn peek_integer(&self) -> Option<i128> {
        let integer = self.node.get_ref().as_integer()?;
        // The tree checks the digits, so that only a number past i128 fails, and that is out of every range.
        Some(i128::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i128::MAX))
    }

    pub fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let Some(number) = self.peek_integer() else {
            self.wrong_type("a whole number");
            return None;
        };
        let fitting = u64::try_from(number).ok().filter(|n| range.contains(n));
        if fitting.is_none() {
            let help = format!("allowed are {} to {}", range.start(), range.end());
            self.refuse(
                Code::BadValue,
                format!("\"{}\" is out of range", self.key),
                help,
            );
        }
        fitting
    }

    /// As [`Value::integer`], for counts that are small.
    pub fn count(&self, range: RangeInclusive<u64>) -> Option<u32> {
        self.integer(range).and_then(|n| u32::try_from(n).ok())
    }

    /// The entries of an array.
    pub fn items(&self) -> Vec<Value<'a>> {
        let DeValue::Array(array) = self.node.get_ref() else {
            self.wrong_type("an array");
            return Vec::new();
        };
        array.iter().map(|node| Value { node, ..*self }).collect()
    }

    /// The entries of an array; nothing is reported where it is none.
    pub fn quiet_items(&self) -> Vec<Value<'a>> {
        let array = self.node.get_ref().as_array();
        array
            .map(|array| array.iter().map(|node| Value { node, ..*self }).collect())
            .unwrap_or_default()
    }

    /// The value of a table's key; nothing is reported where there is none.
    pub fn quiet_get(&self, key: &'static str) -> Option<Value<'a>> {
        let node = self.node.get_ref().as_table()?.get(key)?;
        Some(Value { node, key, ..*self })
    }

    /// The keys of a table; nothing is reported where it is none.
    pub fn quiet_keys(&self) -> Vec<&'a str> {
        self.node
            .get_ref()
            .as_table()
            .map(|map| map.keys().map(|key| &**key.get_ref()).collect())
            .unwrap_or_default()
    }

    /// `{ plain = true }`: what is shown in the place of a secret that stands in the file.
    pub fn is_plain_mark(&self) -> bool {
        self.node
            .get_ref()
            .as_table()
            .is_some_and(|map| map.contains_key("plain"))
    }

    pub fn table(&self, section: &'static Section) -> Option<Table<'a>> {
        let DeValue::Table(map) = self.node.get_ref() else {
            self.wrong_type("a table");
            return None;
        };
        Some(Table::checked(
            map,
            self.node.span(),
            section,
            self.findings,
        ))
    }

    /// The names and values of a table whose keys the user chooses.
    pub fn entries(&self) -> Vec<(Value<'a>, &'a str)> {
        let DeValue::Table(map) = self.node.get_ref() else {
            self.wrong_type("a table");
            return Vec::new();
        };
        map.iter()
            .map(|(key, node)| {
                (
                    Value {
                        node,
                        key: key.get_ref(),
                        ..*self
                    },
                    &**key.get_ref(),
                )
            })
            .collect()
    }

    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.string()?;
        let chosen = choices
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, value)| *value);
        if chosen.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let cause = format!("\"{}\" cannot be {}", self.key, quoted(text));
            self.report(
                Severity::Error,
                Code::BadValue,
                cause,
                suggestion(text, &names, "allowed are"),
            );
        }
        chosen
    }

    pub fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        if self.peek_integer().is_some() {
            let cause = format!("\"{}\" takes a duration with its unit, in quotes", self.key);
            self.refuse(
                Code::WrongType,
                cause,
                "write \"500ms\", \"10s\", \"15m\", \"1h30m\" or \"30d\"",
            );
            return None;
        }
        let text = self.string()?;
        let Some(duration) = parse_duration(text) else {
            let cause = format!("{} is not a duration", quoted(text));
            self.refuse(
                Code::BadValue,
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
                Code::BadValue,
                format!("\"{}\" is out of range", self.key),
                help,
            );
            return None;
        }
        Some(duration)
    }

    pub fn size(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let bytes = match self.peek_integer() {
            Some(number) => u64::try_from(number).ok().or(Some(u64::MAX)),
            None => parse_size(self.string()?),
        };
        let Some(bytes) = bytes else {
            let cause = format!(
                "{} is not a size",
                quoted(self.peek_str().unwrap_or_default())
            );
            self.refuse(
                Code::BadValue,
                cause,
                "write \"0\", \"32KiB\", \"64MiB\", \"1GiB\" or a number of bytes",
            );
            return None;
        };
        if !range.contains(&bytes) {
            let help = format!(
                "allowed are {} to {}",
                format_size(*range.start()),
                format_size(*range.end())
            );
            self.refuse(
                Code::BadValue,
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
            self.refuse(
                Code::BadValue,
                cause,
                "write \"127.0.0.1:7280\" or \"[::1]:7280\"",
            );
        }
        address
    }

    /// A network, "10.0.0.0/8", or one address of it; host bits are dropped.
    pub fn network(&self) -> Option<IpNet> {
        let text = self.string()?;
        let network = text
            .parse::<IpNet>()
            .ok()
            .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        if network.is_none() {
            let cause = format!("{} is not a network", quoted(text));
            self.refuse(
                Code::BadValue,
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
            self.refuse(Code::BadValue, cause, help);
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
        match text.strip_prefix("*.").map(normal_domain) {
            Some(Some(domain)) => Some(format!("*.{domain}")),
            _ => self.domain(),
        }
    }

    /// An http or https URL without a login in it, as it will be asked for.
    pub fn http_url(&self) -> Option<String> {
        self.parse_http_url().map(String::from)
    }

    /// An http or https URL of a server alone: no path, no query. Without the final slash.
    pub fn origin_url(&self) -> Option<String> {
        let url = self.parse_http_url()?;
        if url.path() != "/" || url.query().is_some() {
            self.refuse(
                Code::BadValue,
                "a backend's url has no path",
                "write \"http://127.0.0.1:9001\"",
            );
            return None;
        }
        Some(url.as_str().trim_end_matches('/').to_owned())
    }

    /// Messages never repeat the URL: it may hold a login.
    fn parse_http_url(&self) -> Option<Url> {
        let text = self.string()?;
        self.hide_login(text);
        let Some(url) = Url::parse(text.trim())
            .ok()
            .filter(|url| url.has_host() && matches!(url.scheme(), "http" | "https"))
        else {
            self.refuse(
                Code::BadValue,
                format!("\"{}\" takes an http or https URL", self.key),
                "write \"https://HOST/PATH\"",
            );
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            let cause = format!("\"{}\" takes a URL without a login", self.key);
            self.refuse(Code::BadValue, cause, "leave user and password out");
            return None;
        }
        if url.fragment().is_some() {
            self.refuse(
                Code::BadValue,
                format!("\"{}\" takes a URL without \"#\"", self.key),
                "leave it out",
            );
            return None;
        }
        Some(url)
    }

    /// A moment, as a TOML date-time or an RFC 3339 string, with its offset.
    pub fn moment(&self) -> Option<SystemTime> {
        let read = match self.node.get_ref() {
            DeValue::Datetime(datetime) => moment(datetime),
            DeValue::String(text) => text.trim().parse().ok().as_ref().and_then(moment),
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
                Code::BadValue,
                cause,
                "write \"2026-12-31T18:00:00Z\" or \"2026-12-31T19:00:00+01:00\"",
            );
        }
        read
    }
}

impl<'a> Table<'a> {
    /// Reports each key that the section does not know.
    pub fn checked(
        map: &'a DeTable<'a>,
        span: Range<usize>,
        section: &'static Section,
        findings: &'a Findings<'a>,
    ) -> Self {
        for (key, value) in map
            .iter()
            .filter(|(key, _)| !section.keys.contains(&&**key.get_ref()))
        {
            let help = suggestion(key.get_ref(), section.keys, "known here are");
            let cause = format!("unknown key {}", quoted(key.get_ref()));
            findings.add(Severity::Error, Code::UnknownKey, key.span(), cause, help);
            if section.keys.contains(&"password") {
                // A mistyped "password" must not show what was meant to be one.
                findings.hide(value.span());
            }
        }
        Self {
            map,
            span,
            section,
            findings,
        }
    }

    pub fn get(&self, key: &'static str) -> Option<Value<'a>> {
        debug_assert!(
            self.section.keys.contains(&key),
            "{key} is not in the section's vocabulary"
        );
        self.map.get(key).map(|node| Value {
            node,
            key,
            findings: self.findings,
        })
    }

    /// As [`Table::get`]; that the key is not there is reported at the table's head.
    pub fn require(&self, key: &'static str) -> Option<Value<'a>> {
        let value = self.get(key);
        if value.is_none() {
            self.refuse(
                Code::Missing,
                format!("\"{key}\" is missing"),
                format!("add {key} = … here"),
            );
        }
        value
    }

    pub fn refuse(&self, code: Code, cause: impl Into<String>, help: impl Into<String>) {
        self.findings.add(
            Severity::Error,
            code,
            self.span.clone(),
            cause.into(),
            Some(help.into()),
        );
    }

    pub fn warn(&self, code: Code, cause: impl Into<String>, help: impl Into<String>) {
        self.findings.add(
            Severity::Warning,
            code,
            self.span.clone(),
            cause.into(),
            Some(help.into()),
        );
    }

    /// The tables of an array of tables; none where the key is absent.
    pub fn tables(
        &self,
        key: &'static str,
        section: &'static Section,
    ) -> Vec<(Value<'a>, Table<'a>)> {
        let items = self.get(key).map(|value| value.items()).unwrap_or_default();
        items
            .into_iter()
            .filter_map(|item| Some((item, item.table(section)?)))
            .collect()
    }

    /// The key's entries, each read by `read`; those that fail are reported and left out.
    pub fn list<T>(&self, key: &'static str, read: impl Fn(&Value<'a>) -> Option<T>) -> Vec<T> {
        self.get(key)
            .map(|value| value.items().iter().filter_map(read).collect())
            .unwrap_or_default()
    }

    pub fn boolean(&self, key: &'static str, default: bool) -> bool {
        self.get(key)
            .and_then(|value| value.boolean())
            .unwrap_or(default)
    }
}
