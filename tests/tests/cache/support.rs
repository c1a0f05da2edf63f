//! What these tests share: a proxy with a cache, and an origin that numbers its answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use privet_tests::backend::{SiteAnswer, reply};
use privet_tests::{Backend, Privet, SiteClient};

/// The forward cache alone, in memory.
pub const ON: &str = "[cache]\nenabled = true\nmemory = \"32MiB\"\ndisk = \"0\"\n";

/// An origin whose answers have these fields and the body "answer N", from 0.
pub fn numbered(fields: &'static str) -> Backend {
    let count = AtomicUsize::new(0);
    Backend::answering(move |stream, _, _| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        reply(
            stream,
            "200 OK",
            fields,
            format!("answer {number}").as_bytes(),
        )
    })
}

/// A client of the proxy, with keep-alive.
pub struct ProxyClient(SiteClient);

impl ProxyClient {
    pub fn new(proxy: SocketAddr) -> Self {
        Self(SiteClient::connect(proxy, "x"))
    }

    pub fn get(&mut self, url: &str) -> SiteAnswer {
        self.with("GET", url, "")
    }

    /// A request with more field lines.
    #[track_caller]
    pub fn with(&mut self, method: &str, url: &str, fields: &str) -> SiteAnswer {
        self.0.request(&format!(
            "{method} {url} HTTP/1.1\r\nHost: x\r\n{fields}\r\n"
        ))
    }
}

pub fn client(privet: &Privet) -> ProxyClient {
    ProxyClient::new(privet.proxy())
}

/// What `Cache-Status` says of Privet.
pub fn used(answer: &SiteAnswer) -> &str {
    let value = answer.field("cache-status").unwrap_or_default();
    value.strip_prefix("privet; ").unwrap_or(value)
}
