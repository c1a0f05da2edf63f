//! Responses of the proxy itself: small plain pages for people, `Privet-Reason` for programs.

use std::fmt::Write as _;

use privet_net::{DialError, DialErrorKind};
use privet_policy::{Host, Target, Why, WhyKind};

use crate::headers::write_number;

pub struct ErrorPage<'a> {
    pub status: u16,
    /// What happened, in a few words: the value of `Privet-Reason`.
    pub reason: &'a str,
    /// What happened, as a sentence.
    pub text: &'a str,
    /// What to do: commands or lines of the configuration.
    pub hints: Vec<String>,
    /// More field lines, each with its CRLF.
    pub fields: &'static str,
    pub format: ResponseFormat,
    /// Whether it names Privet and has a `Privet-Reason`; not for clients of a public site.
    pub signed: bool,
}

/// The form of a response of the proxy itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseFormat {
    /// Close the connection after this response.
    pub close: bool,
    /// Send the head only: the request was HEAD.
    pub head_only: bool,
    /// Send JSON instead of HTML.
    pub json: bool,
}

impl ResponseFormat {
    /// A page that closes the connection.
    pub const LAST: Self = Self {
        close: true,
        head_only: false,
        json: false,
    };
}

impl<'a> ErrorPage<'a> {
    pub fn new(status: u16, reason: &'a str, text: &'a str, format: ResponseFormat) -> Self {
        Self {
            status,
            reason,
            text,
            hints: Vec::new(),
            fields: "",
            format,
            signed: true,
        }
    }

    /// Appends head and body to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (kind, body): (&[u8], _) = if self.format.json {
            (b"application/json", self.json())
        } else {
            (b"text/html; charset=utf-8", self.html())
        };
        out.extend_from_slice(b"HTTP/1.1 ");
        write_number(out, u64::from(self.status));
        out.push(b' ');
        out.extend_from_slice(phrase(self.status).as_bytes());
        out.extend_from_slice(b"\r\nContent-Type: ");
        out.extend_from_slice(kind);
        out.extend_from_slice(
            b"\r\nCache-Control: no-store\r\n\
              Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\
              X-Content-Type-Options: nosniff\r\n",
        );
        if self.signed {
            out.extend_from_slice(b"Privet-Reason: ");
            out.extend(self.reason.chars().map(visible).take(512));
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(self.fields.as_bytes());
        out.extend_from_slice(b"Content-Length: ");
        write_number(out, body.len() as u64);
        out.extend_from_slice(if self.format.close {
            b"\r\nConnection: close\r\n\r\n"
        } else {
            b"\r\n\r\n"
        });
        if !self.format.head_only {
            out.extend_from_slice(body.as_bytes());
        }
    }

    fn json(&self) -> String {
        let hints: Vec<String> = self.hints.iter().map(|hint| quoted(hint)).collect();
        format!(
            "{{\"status\":{},\"reason\":{},\"text\":{},\"hints\":[{}]}}\n",
            self.status,
            quoted(self.reason),
            quoted(self.text),
            hints.join(",")
        )
    }

    fn html(&self) -> String {
        let title = phrase(self.status);
        let (by, signature) = match self.signed {
            true => (
                " - Privet",
                "<p><small>Privet, the gateway on this machine</small></p>",
            ),
            false => ("", ""),
        };
        let mut body = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}{by}</title>\
             <style>body{{font:16px/1.5 sans-serif;max-width:40em;margin:3em auto;padding:0 1em}}</style>\
             <h1>{title}</h1>\n<p>{}</p>\n",
            escaped(self.text)
        );
        for hint in &self.hints {
            let _ = writeln!(body, "<pre>{}</pre>", escaped(hint));
        }
        body.push_str(signature);
        body.push_str("</html>\n");
        body
    }
}

fn visible(letter: char) -> u8 {
    match letter {
        ' '..='~' => letter as u8,
        '“' | '”' => b'"',
        '‘' | '’' => b'\'',
        '–' | '—' => b'-',
        _ => b'?',
    }
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 2);
    safe.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                safe.push('\\');
                safe.push(letter);
            }
            control if control < ' ' => {
                let _ = write!(safe, "\\u{:04x}", u32::from(control));
            }
            other => safe.push(other),
        }
    }
    safe.push('"');
    safe
}

pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            control if control.is_control() && control != '\n' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// What a user can do about a block.
pub fn hints_for_block(why: &Why, target: &Target) -> Vec<String> {
    let mut hints = vec![format!("privet why {target}")];
    match (why.kind, &target.host) {
        (WhyKind::List | WhyKind::Deny, Host::Name(name)) => {
            hints.push(format!("[filter]\nallow = [\"{name}\"]"));
        }
        (WhyKind::Rule, host) => {
            let key = match host {
                Host::Name(_) => "domain",
                Host::Ip(_) => "ip",
            };
            hints.push(format!(
                "# before the rule that blocks; \"direct\", or the name of an upstream:\n[[rule]]\nmatch = {{ {key} = [\"{host}\"] }}\nuse = \"direct\""
            ));
        }
        (WhyKind::OwnNetwork, host) => {
            let (key, value) = match host {
                Host::Name(name) => ("domain", name.to_string()),
                Host::Ip(ip) => ("ip", ip.to_string()),
            };
            hints.push(format!(
                "# let clients on other machines reach it:\n[[rule]]\nmatch = {{ {key} = [\"{value}\"] }}\nuse = \"direct\""
            ));
        }
        _ => {}
    }
    hints
}

/// The first sentence of the page for a block.
pub fn sentence_for_block(why: &Why, target: &Target) -> String {
    match why.kind {
        WhyKind::Loop => format!(
            "{target} is this proxy itself; a request to it would go round in a circle. {}",
            why.text
        ),
        _ => format!("{target} was blocked: {}", why.text),
    }
}

/// The status for a failed dial.
pub fn status_for_dial(kind: DialErrorKind) -> u16 {
    match kind {
        DialErrorKind::TimedOut => 504,
        DialErrorKind::Loop | DialErrorKind::OwnNetwork | DialErrorKind::Forbidden(_) => 403,
        DialErrorKind::NoRoute | DialErrorKind::Exhausted => 503,
        _ => 502,
    }
}

/// Why a dial failed, in a few words.
pub fn reason_for_dial(error: &DialError) -> &'static str {
    match error.kind {
        DialErrorKind::Refused => "connection refused",
        DialErrorKind::NetworkUnreachable => "network unreachable",
        DialErrorKind::HostUnreachable => "host unreachable",
        DialErrorKind::TtlExpired => "TTL expired",
        DialErrorKind::TimedOut => "timed out",
        DialErrorKind::NameNotFound => "name not found",
        DialErrorKind::ResolverFailed => "resolver failed",
        DialErrorKind::Forbidden(_) => "blocked",
        DialErrorKind::Loop => "loop",
        DialErrorKind::OwnNetwork => "the gateway's own network",
        DialErrorKind::UpstreamDown => "upstream down",
        DialErrorKind::UpstreamAuth => "upstream refused the login",
        DialErrorKind::UpstreamDenied => "upstream forbids the target",
        DialErrorKind::UpstreamProtocol => "upstream broke its protocol",
        DialErrorKind::Unsupported => "not possible through this upstream",
        DialErrorKind::NoRoute => "no route, and the kill switch is on",
        DialErrorKind::Exhausted => "out of sockets",
    }
}

fn phrase(status: u16) -> &'static str {
    http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error")
}
