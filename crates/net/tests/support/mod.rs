//! Small test servers: an origin that echoes, and proxies of each kind that record their requests.

#![allow(dead_code, reason = "each test file uses its share")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use privet_config::Config;
use privet_net::{AnyAddress, ClientKey, HttpProxyMode};
use privet_net::{Connected, DialError, DialRequest, Dialer, OwnListeners};
use privet_policy::{Outbound, OwnEndpoints, Policy, Route, Target};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}
type Boxed = Pin<Box<dyn ByteStream>>;

/// A server that stops when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    pub requests: Arc<Mutex<Vec<ProxyRequest>>>,
    task: JoinHandle<()>,
}

/// One request to a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyRequest {
    pub target: String,
    /// "name:password" of SOCKS5, the user-id of SOCKS4, the value of `Proxy-Authorization`.
    pub login: Option<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub fn requests(&self) -> Vec<ProxyRequest> {
        self.requests.lock().unwrap().clone()
    }

    async fn serve<F>(
        address: &str,
        each: impl Fn(TcpStream, Arc<Mutex<Vec<ProxyRequest>>>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Option<()>> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let notes = requests.clone();
        let task = tokio::spawn(async move {
            let mut running = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                running.spawn(each(stream, notes.clone()));
            }
        });
        Self {
            address,
            requests,
            task,
        }
    }

    /// Greets, then echoes: a server that speaks first shows whether early bytes are kept.
    pub async fn origin() -> Self {
        Self::serve("127.0.0.1:0", |mut stream, _| async move {
            stream.write_all(b"hello ").await.ok()?;
            let (mut from, mut to) = stream.split();
            tokio::io::copy(&mut from, &mut to).await.ok()?;
            Some(())
        })
        .await
    }

    /// Responds to any request with 204.
    pub async fn web() -> Self {
        Self::serve("127.0.0.1:0", |mut stream, notes| async move {
            let mut head = Vec::new();
            until_blank_line(&mut stream, &mut head).await?;
            let line = String::from_utf8_lossy(&head).lines().next()?.to_owned();
            note(&notes, line, None);
            stream
                .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                .await
                .ok()
        })
        .await
    }

    /// Accepts connections and never sends anything.
    pub async fn silent() -> Self {
        Self::serve("127.0.0.1:0", |stream, _| async move {
            std::future::pending::<()>().await;
            drop(stream);
            None
        })
        .await
    }

    pub async fn proxy(kind: ProxyKind) -> Self {
        Self::proxy_at("127.0.0.1:0", kind).await
    }

    pub async fn proxy_at(address: &str, kind: ProxyKind) -> Self {
        Self::serve(address, move |stream, notes| async move {
            kind.serve(Box::pin(stream), &notes).await
        })
        .await
    }

    pub async fn https_proxy(tls: Arc<ServerConfig>) -> Self {
        Self::serve("127.0.0.1:0", move |stream, notes| {
            let acceptor = TlsAcceptor::from(tls.clone());
            async move {
                let stream = acceptor.accept(stream).await.ok()?;
                ProxyKind::Http.serve(Box::pin(stream), &notes).await
            }
        })
        .await
    }
}

fn note(notes: &Mutex<Vec<ProxyRequest>>, target: String, login: Option<String>) {
    notes.lock().unwrap().push(ProxyRequest { target, login });
}

#[derive(Clone, Copy)]
pub enum ProxyKind {
    Socks4a,
    /// Requires a login wherever one is offered.
    Socks5,
    Http,
}

impl ProxyKind {
    async fn serve(self, mut stream: Boxed, notes: &Mutex<Vec<ProxyRequest>>) -> Option<()> {
        let (request, yes) = match self {
            Self::Socks4a => socks4a(&mut stream).await?,
            Self::Socks5 => socks5(&mut stream).await?,
            Self::Http => http(&mut stream).await?,
        };
        let mut destination = TcpStream::connect(&request.target).await.ok()?;
        notes.lock().unwrap().push(request);
        // The success reply and the target's first bytes may arrive in one packet.
        stream.write_all(&yes).await.ok()?;
        copy_bidirectional(&mut stream, &mut destination)
            .await
            .ok()?;
        Some(())
    }
}

async fn socks4a(stream: &mut Boxed) -> Option<(ProxyRequest, Vec<u8>)> {
    let mut head = [0; 8];
    stream.read_exact(&mut head).await.ok()?;
    let port = u16::from_be_bytes([head[2], head[3]]);
    let user = until_nul(stream).await?;
    let host = match head[4..] {
        [0, 0, 0, x] if x != 0 => until_nul(stream).await?,
        [a, b, c, d] => format!("{a}.{b}.{c}.{d}"),
        _ => return None,
    };
    let request = ProxyRequest {
        target: format!("{host}:{port}"),
        login: Some(user).filter(|user| !user.is_empty()),
    };
    Some((request, vec![0, 90, 0, 0, 0, 0, 0, 0]))
}

async fn until_nul(stream: &mut Boxed) -> Option<String> {
    let mut text = Vec::new();
    loop {
        match stream.read_u8().await.ok()? {
            0 => return String::from_utf8(text).ok(),
            byte => text.push(byte),
        }
    }
}

async fn field(stream: &mut Boxed) -> Option<String> {
    let length = stream.read_u8().await.ok()?;
    let mut text = vec![0; length.into()];
    stream.read_exact(&mut text).await.ok()?;
    String::from_utf8(text).ok()
}

async fn socks5(stream: &mut Boxed) -> Option<(ProxyRequest, Vec<u8>)> {
    stream.read_u8().await.ok()?;
    let mut methods = vec![0; stream.read_u8().await.ok()?.into()];
    stream.read_exact(&mut methods).await.ok()?;
    let mut login = None;
    if methods.contains(&2) {
        stream.write_all(&[5, 2]).await.ok()?;
        stream.read_u8().await.ok()?;
        let (name, password) = (field(stream).await?, field(stream).await?);
        let refused = password == "wrong";
        stream.write_all(&[1, u8::from(refused)]).await.ok()?;
        if refused {
            return None;
        }
        login = Some(format!("{name}:{password}"));
    } else {
        stream.write_all(&[5, 0]).await.ok()?;
    }
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.ok()?;
    let host = match head[3] {
        1 => std::net::Ipv4Addr::from(stream.read_u32().await.ok()?).to_string(),
        3 => field(stream).await?,
        _ => format!(
            "[{}]",
            std::net::Ipv6Addr::from(stream.read_u128().await.ok()?)
        ),
    };
    let port = stream.read_u16().await.ok()?;
    let request = ProxyRequest {
        target: format!("{host}:{port}"),
        login,
    };
    Some((request, vec![5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
}

async fn until_blank_line(stream: &mut (impl AsyncRead + Unpin), head: &mut Vec<u8>) -> Option<()> {
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(())
}

async fn http(stream: &mut Boxed) -> Option<(ProxyRequest, Vec<u8>)> {
    let mut head = Vec::new();
    until_blank_line(stream, &mut head).await?;
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let login = lines.find_map(|line| line.strip_prefix("Proxy-Authorization: "));
    let request = ProxyRequest {
        target,
        login: login.map(str::to_owned),
    };
    Some((request, b"HTTP/1.1 200 Go\r\n\r\n".to_vec()))
}

/// A certificate for `name`, and the file that makes it trusted.
pub fn certificate(name: &str, folder: &Path) -> (Arc<ServerConfig>, PathBuf) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let file = folder.join("ca.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    (Arc::new(config), file)
}

/// A configuration, and the dialer built from it.
pub struct Setup {
    pub config: Config,
    pub dialer: Arc<Dialer>,
    pub policy: Policy,
}

pub fn setup(text: &str) -> Setup {
    setup_after(text, None, OwnListeners::default())
}

pub fn setup_after(text: &str, previous: Option<&Dialer>, own: OwnListeners) -> Setup {
    let config = Config::parse(text, Path::new("/"))
        .unwrap_or_else(|wrong| panic!("{wrong:?}"))
        .config;
    let secrets = |name: &str| {
        let upstream = config.upstreams.iter().find(|it| it.name == name);
        match upstream.and_then(|it| it.password.as_ref()) {
            None => Ok(None),
            Some(secret) => secret
                .reveal(&privet_config::NoKeyring)
                .map(Some)
                .map_err(|error| error.to_string()),
        }
    };
    let dialer = Dialer::build(&config, &secrets, own, previous).unwrap();
    let policy = Policy::compile(&config, &[], OwnEndpoints::default()).unwrap();
    Setup {
        dialer: Arc::new(dialer),
        policy,
        config,
    }
}

impl Setup {
    /// The route through the upstream or group with this name.
    pub fn via(&self, name: &str, or_direct: bool) -> Route {
        let names = self.config.upstreams.iter().map(|it| &it.name);
        let mut names = names.chain(self.config.groups.iter().map(|it| &it.name));
        let index = names.position(|it| it == name).unwrap();
        Route::Via {
            outbound: Outbound(index as u16),
            fallback: or_direct.then(|| self.policy.permit().unwrap()),
        }
    }

    pub async fn dial(&self, route: &Route, target: &Target) -> Result<Connected, DialError> {
        let resolve_permit = match route {
            Route::Via { fallback, .. } => *fallback,
            Route::Direct(_) => None,
        };
        let request = DialRequest {
            resolve_permit,
            ..request(target)
        };
        self.dialer.dial(route, &request).await
    }
}

pub fn request(target: &Target) -> DialRequest<'_> {
    DialRequest {
        target,
        addresses: &[],
        dns: &privet_config::Dns::System,
        resolve_permit: None,
        judge: &AnyAddress,
        lookup_client: &ClientKey::ENGINE,
        app: None,
        client: "127.0.0.1:40000".parse().unwrap(),
        http_proxy: HttpProxyMode::Connect,
    }
}

pub fn target(text: &str) -> Target {
    let (host, port) = text.rsplit_once(':').unwrap();
    Target {
        host: privet_policy::Host::parse(host).unwrap(),
        port: port.parse().unwrap(),
    }
}

/// Reads the greeting, sends "bird" and reads it back.
pub async fn echoes(mut connected: Connected) {
    let mut got = connected.preread.to_vec();
    connected.stream.write_all(b"bird").await.unwrap();
    connected.stream.flush().await.unwrap();
    while got.len() < 10 {
        assert_ne!(
            connected.stream.read_buf(&mut got).await.unwrap(),
            0,
            "{got:?}"
        );
    }
    assert_eq!(got, b"hello bird");
}
