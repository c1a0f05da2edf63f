//! The responses that a site makes itself. They name no backend, no address and no software.

use std::fmt::Write;

/// Why a site answers a request itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteError {
    /// 400: the path could be read as one of another route.
    AmbiguousPath,
    /// 403: `allow` or `deny`.
    Forbidden,
    /// 404: no route has the path, and the site has no backends of its own.
    NotFound,
    /// 413: `limit.body`.
    BodyTooLarge,
    /// 421: no site of the listener has the host.
    UnknownHost,
    /// 429: `limit.requests_per_second`. Seconds until a request is admitted.
    TooManyRequests { retry_after: u64 },
    /// 431: `limit.header_bytes`.
    HeadTooLarge,
    /// 501: CONNECT and other requests that a site does not serve.
    /// 502: the backend broke off or answered something that is not HTTP.
    BadGateway,
    /// 503: no backend can be used.
    Unavailable,
    /// 504: the backend did not answer in time.
    Timeout,
}

impl SiteError {
    pub fn status(self) -> u16 {
        match self {
            Self::AmbiguousPath => 400,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::BodyTooLarge => 413,
            Self::UnknownHost => 421,
            Self::TooManyRequests { .. } => 429,
            Self::HeadTooLarge => 431,
            Self::BadGateway => 502,
            Self::Unavailable => 503,
            Self::Timeout => 504,
        }
    }

    /// The status's name.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::AmbiguousPath => "Bad Request",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "Not Found",
            Self::BodyTooLarge => "Content Too Large",
            Self::UnknownHost => "Misdirected Request",
            Self::TooManyRequests { .. } => "Too Many Requests",
            Self::HeadTooLarge => "Request Header Fields Too Large",
            Self::BadGateway => "Bad Gateway",
            Self::Unavailable => "Service Unavailable",
            Self::Timeout => "Gateway Timeout",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::AmbiguousPath => "The path of this address is not clear.",
            Self::Forbidden => "This address may not be used from your network.",
            Self::NotFound => "There is nothing at this address.",
            Self::BodyTooLarge => "What was sent is larger than this site accepts.",
            Self::UnknownHost => "No site of this name is served here.",
            Self::TooManyRequests { .. } => {
                "Too many requests came from your address. Try again later."
            }
            Self::HeadTooLarge => {
                "The header fields of the request are larger than this site accepts."
            }
            Self::BadGateway => "The site gave no valid answer.",
            Self::Unavailable => "The site is not available at the moment. Try again later.",
            Self::Timeout => "The site did not answer in time.",
        }
    }

    /// The whole response in HTTP/1.
    pub fn write(self, out: &mut Vec<u8>, form: PageForm) {
        let (kind, body) = match form.json {
            true => ("application/json", self.json()),
            false => ("text/html; charset=utf-8", self.html()),
        };
        let mut head = String::with_capacity(320);
        // Writing to a string does not fail.
        let _ = write!(
            head,
            "HTTP/1.1 {} {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\nX-Content-Type-Options: nosniff\r\n",
            self.status(),
            self.phrase(),
            body.len()
        );
        match self {
            Self::TooManyRequests { retry_after } => {
                let _ = write!(head, "Retry-After: {}\r\n", retry_after.max(1));
            }
            Self::Unavailable => head.push_str("Retry-After: 1\r\n"),
            _ => {}
        }
        head.push_str(if form.close {
            "Connection: close\r\n\r\n"
        } else {
            "\r\n"
        });
        out.extend_from_slice(head.as_bytes());
        if !form.head_only {
            out.extend_from_slice(body.as_bytes());
        }
    }

    fn json(self) -> String {
        format!(
            "{{\"status\":{},\"title\":\"{}\",\"detail\":\"{}\"}}\n",
            self.status(),
            self.phrase(),
            self.text()
        )
    }

    fn html(self) -> String {
        let (title, text) = (self.phrase(), self.text());
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
             <style>body{{font:16px/1.5 sans-serif;max-width:40em;margin:3em auto;padding:0 1em}}</style>\
             <h1>{title}</h1>\n<p>{text}</p></html>\n"
        )
    }
}

/// The form of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageForm {
    /// The connection is closed after it.
    pub close: bool,
    /// The request was HEAD.
    pub head_only: bool,
    /// JSON instead of HTML, by the request's `Accept`.
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [SiteError; 10] = [
        SiteError::AmbiguousPath,
        SiteError::Forbidden,
        SiteError::BodyTooLarge,
        SiteError::UnknownHost,
        SiteError::TooManyRequests { retry_after: 0 },
        SiteError::HeadTooLarge,
        SiteError::BadGateway,
        SiteError::Unavailable,
        SiteError::Timeout,
        SiteError::NotFound,
    ];

    fn page(error: SiteError, json: bool, head_only: bool) -> String {
        let mut out = Vec::new();
        let form = PageForm {
            close: true,
            head_only,
            json,
        };
        error.write(&mut out, form);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_page_has_its_length_and_names_nobody() {
        for error in ALL {
            for json in [false, true] {
                let text = page(error, json, false);
                let (head, body) = text.split_once("\r\n\r\n").unwrap();
                assert!(head.starts_with(&format!("HTTP/1.1 {} ", error.status())));
                assert!(
                    head.contains(&format!("Content-Length: {}\r\n", body.len())),
                    "{head}"
                );
                assert!(
                    !text.contains("Privet") && !text.contains("127.0.0.1"),
                    "{text}"
                );
                assert_eq!(page(error, json, true), format!("{head}\r\n\r\n"));
            }
        }
    }

    #[test]
    fn a_refused_rate_says_when_to_come_back() {
        let text = page(SiteError::TooManyRequests { retry_after: 3 }, true, false);
        assert!(text.contains("\r\nRetry-After: 3\r\n"));
        assert!(page(ALL[4], true, false).contains("\r\nRetry-After: 1\r\n"));
    }
}
