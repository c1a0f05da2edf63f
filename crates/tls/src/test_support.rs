//! Certificates and connections for this crate's tests.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::Addresses;
use crate::server::{ClientCertificate, MinVersion};
use crate::{
    Alpn, CertificateSource, ClientError, ClientOptions, ClientTls, HandshakeError, ServerOptions,
    ServerTls, TlsDemands, TlsStream, Trust,
};

#[path = "../../../tests/src/skip.rs"]
mod skip;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// An authority with files in a folder of its own.
pub(crate) struct TestAuthority {
    pub(crate) folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl TestAuthority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let made = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), made.pem()).unwrap();
        Self {
            folder,
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Writes `FILE.pem` and `FILE.key`.
    pub(crate) fn issue(&self, file: &str, names: &[&str]) {
        self.issue_with(file, names, |_| {});
    }

    pub(crate) fn issue_with(
        &self,
        file: &str,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.path(&format!("{file}.pem")), made.pem()).unwrap();
        let path = self.path(&format!("{file}.key"));
        fs::write(&path, key.serialize_pem()).unwrap();
        private(&path);
    }

    /// The certificate of [`TestAuthority::issue`] for the names in it.
    pub(crate) fn source(&self, file: &str) -> CertificateSource {
        self.source_for(file, &[])
    }

    pub(crate) fn source_for(&self, file: &str, names: &[&str]) -> CertificateSource {
        CertificateSource {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            cert: self.path(&format!("{file}.pem")),
            key: self.path(&format!("{file}.key")),
            demands: TlsDemands::default(),
        }
    }

    /// A client that trusts this authority only.
    pub(crate) fn client(&self, alpn: &[Alpn]) -> ClientTls {
        ClientTls::new(&ClientOptions {
            trust: Trust::Only(self.ca()),
            alpn: alpn.to_vec(),
            ..ClientOptions::default()
        })
        .unwrap()
    }

    pub(crate) fn demands(&self, client: fn(PathBuf) -> ClientCertificate) -> TlsDemands {
        TlsDemands {
            min_version: MinVersion::Tls12,
            client_certificate: client(self.ca()),
        }
    }
}

#[cfg(unix)]
pub(crate) fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

pub(crate) fn options(alpn: &[Alpn]) -> ServerOptions {
    ServerOptions {
        alpn: alpn.to_vec(),
        max_handshakes: 100,
    }
}

pub(crate) fn server(sources: Vec<CertificateSource>) -> Arc<ServerTls> {
    Arc::new(ServerTls::load(sources, options(&[Alpn::H2, Alpn::Http11])).unwrap())
}

/// Two connected sockets on loopback.
pub(crate) async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connecting = TcpStream::connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(connecting, listener.accept());
    (client.unwrap(), accepted.unwrap().0)
}

pub(crate) type Accepted = Result<TlsStream<TcpStream>, HandshakeError<TcpStream>>;
pub(crate) type ConnectedClient = Result<TlsStream<TcpStream>, ClientError>;

/// The addresses of a client on this machine that reached `local`.
pub(crate) fn reached(local: IpAddr) -> Addresses {
    Addresses {
        local,
        peer: IpAddr::from([127, 0, 0, 1]),
    }
}

/// The handshake of the next client of `listener`.
pub(crate) async fn accept(server: &ServerTls, listener: &TcpListener) -> Accepted {
    let (io, _) = listener.accept().await.unwrap();
    let local = listener.local_addr().unwrap().ip();
    let deadline = Instant::now() + TIMEOUT;
    server
        .accept(io, Bytes::new(), reached(local), deadline)
        .await
}

/// A handshake between a client that asks for `host` and a server that was reached at `local`.
pub(crate) async fn handshake(
    server: &ServerTls,
    client: &ClientTls,
    host: &str,
    local: &str,
) -> (Accepted, ConnectedClient) {
    let (near, far) = sockets().await;
    let deadline = Instant::now() + TIMEOUT;
    tokio::join!(
        server.accept(far, Bytes::new(), reached(local.parse().unwrap()), deadline),
        client.connect(near, host, deadline),
    )
}

/// Runs a program that is installed. `None`: it is not, which fails where `CI` is set.
pub(crate) fn program(name: &str) -> Option<Command> {
    let found =
        std::env::split_paths(&std::env::var_os("PATH")?).any(|folder| folder.join(name).is_file());
    if !found {
        skip::missing(&format!("{name} is not installed"));
    }
    found.then(|| Command::new(name))
}
