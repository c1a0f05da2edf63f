//! Sessions are resumed for the same certificate and demands only.

use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, NamedGroup, RootCertStore, SupportedProtocolVersion, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::provider;
use crate::server::{ClientCertificate, ServerTls};
use crate::test_support::{TIMEOUT, TestAuthority, reached, server, sockets};

/// Shows every session to every server, whatever the name.
#[derive(Default)]
struct Careless {
    tls12: Mutex<Option<Tls12ClientSessionValue>>,
    tls13: Mutex<Vec<Tls13ClientSessionValue>>,
    group: Mutex<Option<NamedGroup>>,
}

impl fmt::Debug for Careless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Careless")
    }
}

impl ClientSessionStore for Careless {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        *self.group.lock().unwrap() = Some(group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        *self.group.lock().unwrap()
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        *self.tls12.lock().unwrap() = Some(value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.tls12.lock().unwrap().clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        *self.tls12.lock().unwrap() = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.tls13.lock().unwrap().push(value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.tls13.lock().unwrap().pop()
    }
}

fn careless(authority: &TestAuthority, version: &'static SupportedProtocolVersion) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(authority.ca()).unwrap())
        .unwrap();
    let provider: Arc<CryptoProvider> = provider();
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::store(Arc::new(Careless::default()));
    config
}

/// Whether the session was resumed; `None`: the handshake failed.
async fn resumes(server: &ServerTls, client: &Arc<ClientConfig>, host: &str) -> Option<bool> {
    resumes_at(server, client, host, "127.0.0.1").await
}

async fn resumes_at(
    server: &ServerTls,
    client: &Arc<ClientConfig>,
    host: &str,
    local: &str,
) -> Option<bool> {
    let (near, far) = sockets().await;
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let connector = TlsConnector::from(client.clone());
    let deadline = Instant::now() + TIMEOUT;
    let local = local.parse().unwrap();
    let (accepted, connected) = tokio::join!(
        server.accept(far, Bytes::new(), reached(local), deadline),
        connector.connect(name, near)
    );
    let mut accepted = accepted.ok()?;
    let Ok(mut connected) = connected else {
        return None;
    };
    // The client has its tickets before the first bytes.
    let sending = async {
        accepted.write_all(b"x").await?;
        accepted.flush().await
    };
    let mut byte = [0];
    let (sent, read) = tokio::join!(sending, connected.read_exact(&mut byte));
    sent.ok()?;
    read.ok()?;
    Some(accepted.is_resumed())
}

#[tokio::test]
async fn a_ticket_is_never_taken_for_another_name_or_other_demands() {
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    authority.issue("b", &["b.test"]);
    authority.issue("c", &["c.test"]);
    // The same certificate for two names with different demands.
    let mut asking = authority.source_for("a", &["asking.test"]);
    asking.demands = authority.demands(ClientCertificate::Optional);
    let server = server(vec![
        authority.source("a"),
        authority.source("b"),
        authority.source_for("c", &["c.test"]),
        asking,
    ]);
    for version in [&version::TLS12, &version::TLS13] {
        for other in ["b.test", "c.test"] {
            let client = Arc::new(careless(&authority, version));
            assert_eq!(resumes(&server, &client, "a.test").await, Some(false));
            assert_eq!(resumes(&server, &client, "a.test").await, Some(true));
            assert_eq!(
                resumes(&server, &client, other).await,
                Some(false),
                "{other}"
            );
        }
        // Its certificate is not for the name: that is noticed only because nothing is resumed.
        let client = Arc::new(careless(&authority, version));
        assert_eq!(resumes(&server, &client, "a.test").await, Some(false));
        assert_eq!(resumes(&server, &client, "asking.test").await, None);
    }
}

#[tokio::test]
async fn a_ticket_of_one_address_is_not_taken_at_another_with_other_demands() {
    let authority = TestAuthority::new();
    authority.issue("a", &["127.0.0.1"]);
    let mut asking = authority.source_for("a", &["127.0.0.2"]);
    asking.demands = authority.demands(ClientCertificate::Optional);
    let server = server(vec![authority.source("a"), asking]);
    for version in [&version::TLS12, &version::TLS13] {
        // Neither handshake has a name that could tell them apart.
        let client = Arc::new(careless(&authority, version));
        for (local, resumed) in [
            ("127.0.0.1", false),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("127.0.0.2", true),
            ("127.0.0.1", false),
        ] {
            let got = resumes_at(&server, &client, "127.0.0.1", local).await;
            assert_eq!(got, Some(resumed), "{local}");
        }
    }
}

#[tokio::test]
async fn a_reload_keeps_tickets_of_unchanged_certificates_only() {
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    authority.issue("b", &["b.test"]);
    let server = server(vec![authority.source("a"), authority.source("b")]);
    let [a, b] = [0, 1].map(|_| Arc::new(careless(&authority, &version::TLS13)));
    assert_eq!(resumes(&server, &a, "a.test").await, Some(false));
    assert_eq!(resumes(&server, &b, "b.test").await, Some(false));
    authority.issue("b", &["b.test"]);
    assert_eq!(server.reload(), Ok(true));
    assert_eq!(resumes(&server, &a, "a.test").await, Some(true));
    assert_eq!(resumes(&server, &b, "b.test").await, Some(false));
    assert_eq!(resumes(&server, &b, "b.test").await, Some(true));
}
