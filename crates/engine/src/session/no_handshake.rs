//! A client without a TLS handshake: one that speaks plain HTTP is told so, and the connection is recorded.

use std::net::SocketAddr;
use std::time::Duration;

use privet_gateway::{Gateway, RefusedClient};
use privet_net::Stream;
use privet_policy::{Listener, Protocol};
use privet_tls::HandshakeError;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::gateway::EngineGateway;

/// How long the answer to plain HTTP may take to send.
const HINT: Duration = Duration::from_secs(2);
/// The longest `Host` that is repeated.
const MAX_HOST: usize = 255;

/// The client of a listener that speaks TLS.
#[derive(Debug, Clone, Copy)]
pub(super) struct TlsListenerClient {
    pub(super) listener: Listener,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
}

impl TlsListenerClient {
    /// Answers plain HTTP, and records why there was no handshake. A client that only opened the connection, as port scanners
    /// do, is not recorded.
    pub(super) async fn refuse(self, error: HandshakeError<Stream>, gateway: &EngineGateway) {
        tracing::debug!(peer = %self.peer, %error, "no TLS handshake");
        let fault = error.to_string();
        if matches!(error, HandshakeError::Closed | HandshakeError::TimedOut) {
            return;
        }
        gateway.await_program().await;
        match error {
            HandshakeError::NotTls { mut io, received } => {
                if received.first().is_some_and(u8::is_ascii_alphabetic) {
                    let hint = response(&self.hint(&received));
                    let sending = async {
                        io.write_all(hint.as_bytes()).await?;
                        io.shutdown().await
                    };
                    let _ = timeout(HINT, sending).await;
                }
            }
            HandshakeError::Closed
            | HandshakeError::TimedOut
            | HandshakeError::Malformed(_)
            | HandshakeError::NoCertificate(_)
            | HandshakeError::Failed(_) => {}
        }
        let client = RefusedClient {
            listener: self.listener,
            peer: self.peer,
            local: self.local,
            protocol: Protocol::Http,
            user: None,
        };
        client.record(gateway, fault);
    }

    /// What to do instead.
    fn hint(self, received: &[u8]) -> String {
        match self.listener {
            Listener::Site => {
                let own = || self.local.to_string();
                let host =
                    host(received).map_or_else(own, |host| with_port(host, self.local.port()));
                format!("This server speaks TLS here: use https://{host}/ instead of http://\n")
            }
            _ => "This proxy speaks TLS: set it as https:// instead of http://\n".to_owned(),
        }
    }
}

fn response(text: &str) -> String {
    let length = text.len();
    format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    )
}

/// The `Host` of a request, if it is there and looks like one.
fn host(received: &[u8]) -> Option<&str> {
    let mut lines = received.split(|byte| *byte == b'\n').skip(1);
    let value = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(5)?;
        name.eq_ignore_ascii_case(b"host:").then_some(value)
    })?;
    let value = value.strip_suffix(b"\r")?.trim_ascii();
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.:[]_".contains(byte);
    let fits = (1..=MAX_HOST).contains(&value.len()) && value.iter().all(is_host);
    std::str::from_utf8(value).ok().filter(|_| fits)
}

/// The host as a URL of this port names it.
fn with_port(host: &str, port: u16) -> String {
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.ends_with(']'));
    match has_port || port == 443 {
        true => host.to_owned(),
        false => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(listener: Listener, received: &[u8]) -> String {
        let address = |text: &str| text.parse().unwrap();
        let client = TlsListenerClient {
            listener,
            peer: address("192.0.2.1:1024"),
            local: address("192.0.2.2:8443"),
        };
        client.hint(received)
    }

    #[test]
    fn the_hint_names_the_host_that_was_asked_for() {
        for (head, host) in [
            ("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test:8443"),
            (
                "GET / HTTP/1.1\r\nA: b\r\nhost:a.test:8443\r\n",
                "a.test:8443",
            ),
            ("GET / HTTP/1.1\r\nHost: [::1]\r\n", "[::1]:8443"),
            ("GET / HTTP/1.1\r\nHost: a.te", "192.0.2.2:8443"),
            ("GET / HTTP/1.1\r\nHost: <script>\r\n", "192.0.2.2:8443"),
            ("GET / HTTP/1.1\r\n\r\n", "192.0.2.2:8443"),
            ("G", "192.0.2.2:8443"),
        ] {
            let hint = hint(Listener::Site, head.as_bytes());
            assert!(
                hint.contains(&format!(" https://{host}/ ")),
                "{head:?}: {hint}"
            );
        }
        assert!(hint(Listener::Https, b"GET").contains("set it as https://"));
    }
}
