//! DNS over HTTPS with servers that speak HTTP/1.1 only, which hickory does not: each message of its TCP transport
//! (RFC 1035 section 4.2.2) becomes a POST (RFC 8484).

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::net::runtime::iocompat::AsyncIoTokioAsStd;
use hickory_resolver::net::runtime::{RuntimeProvider, TokioRuntimeProvider};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::server::{DnsServer, TIMEOUT};

/// Questions of one transport that are asked at a time.
const MAX_ASKED: usize = 32;
/// The longest head of a response, in bytes.
const MAX_HEAD: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;
/// The longest message, in bytes.
const MAX_MESSAGE: usize = u16::MAX as usize;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

type Connecting<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// Whether the first of the addresses that answers speaks HTTP/2.
///
/// # Errors
/// None of them answers, or its certificate is not valid for the server's name.
pub(super) async fn speaks_http2(
    server: &DnsServer,
    addresses: &[IpAddr],
    tls: &ClientConfig,
) -> Result<bool, String> {
    let mut offer = tls.clone();
    offer.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let probe = HttpServer::new(server, "/", offer)?;
    let mut failed = "the resolver's name has no address".to_owned();
    for ip in addresses {
        match probe.connect(SocketAddr::new(*ip, server.port)).await {
            Ok(stream) => return Ok(stream.get_ref().1.alpn_protocol() == Some(b"h2")),
            Err(error) => failed = error.to_string(),
        }
    }
    Err(failed)
}

/// The TCP transport of hickory, over HTTP.
#[derive(Clone)]
pub(super) struct OverHttp1 {
    runtime: TokioRuntimeProvider,
    server: Arc<HttpServer>,
}

struct HttpServer {
    tls: TlsConnector,
    name: ServerName<'static>,
    /// The head of a request, up to the length of its body.
    head: String,
}

impl OverHttp1 {
    /// # Errors
    /// The host is not a valid server name.
    pub(super) fn new(server: &DnsServer, path: &str, tls: &ClientConfig) -> Result<Self, String> {
        Ok(Self {
            runtime: TokioRuntimeProvider::default(),
            server: Arc::new(HttpServer::new(server, path, tls.clone())?),
        })
    }
}

impl RuntimeProvider for OverHttp1 {
    type Handle = <TokioRuntimeProvider as RuntimeProvider>::Handle;
    type Timer = <TokioRuntimeProvider as RuntimeProvider>::Timer;
    type Udp = <TokioRuntimeProvider as RuntimeProvider>::Udp;
    type Tcp = AsyncIoTokioAsStd<DuplexStream>;

    fn create_handle(&self) -> Self::Handle {
        self.runtime.create_handle()
    }

    fn connect_tcp(
        &self,
        address: SocketAddr,
        _: Option<SocketAddr>,
        _: Option<Duration>,
    ) -> Connecting<Self::Tcp> {
        let server = self.server.clone();
        Box::pin(async move {
            let (messages, transport) = tokio::io::duplex(2 * MAX_MESSAGE);
            tokio::spawn(server.relay(address, messages));
            Ok(AsyncIoTokioAsStd(transport))
        })
    }

    fn bind_udp(&self, local: SocketAddr, server: SocketAddr) -> Connecting<Self::Udp> {
        self.runtime.bind_udp(local, server)
    }
}

impl HttpServer {
    fn new(server: &DnsServer, path: &str, tls: ClientConfig) -> Result<Self, String> {
        let host = &server.host;
        let name = ServerName::try_from(host.to_string()).map_err(|error| error.to_string())?;
        let authority = match host.contains(':') {
            true => format!("[{host}]:{}", server.port),
            false => format!("{host}:{}", server.port),
        };
        // A response to HTTP/1.0 is never chunked, and ends with its connection.
        let head = format!(
            "POST {path} HTTP/1.0\r\nHost: {authority}\r\nAccept: application/dns-message\r\n\
             Content-Type: application/dns-message\r\nContent-Length: "
        );
        Ok(Self {
            tls: TlsConnector::from(Arc::new(tls)),
            name,
            head,
        })
    }

    /// Asks each question that comes, and writes the replies in the order in which they arrive. Ends with the transport.
    async fn relay(self: Arc<Self>, address: SocketAddr, messages: DuplexStream) {
        let (mut questions, mut transport) = tokio::io::split(messages);
        let (replies, mut arrived) = mpsc::channel::<Vec<u8>>(MAX_ASKED);
        let write = async move {
            while let Some(reply) = arrived.recv().await {
                let length = u16::try_from(reply.len()).map_err(io::Error::other)?;
                transport.write_u16(length).await?;
                transport.write_all(&reply).await?;
            }
            transport.shutdown().await
        };
        let read = async move {
            let mut asked = JoinSet::new();
            while let Ok(question) = read_message(&mut questions).await {
                if asked.len() >= MAX_ASKED {
                    asked.join_next().await;
                }
                let (server, replies) = (self.clone(), replies.clone());
                asked.spawn(async move {
                    let asking = tokio::time::timeout(TIMEOUT, server.ask(address, &question));
                    let reply = match asking.await {
                        Ok(Ok(reply)) => reply,
                        Ok(Err(_)) | Err(_) => failure(question),
                    };
                    let _ = replies.send(reply).await;
                });
            }
        };
        let _ = tokio::join!(read, write);
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let connecting = async {
            let stream = TcpStream::connect(address).await?;
            self.tls.connect(self.name.clone(), stream).await
        };
        tokio::time::timeout(CONNECT_TIMEOUT, connecting).await?
    }

    async fn ask(&self, address: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
        let mut stream = self.connect(address).await?;
        let mut request = format!("{}{}\r\n\r\n", self.head, question.len()).into_bytes();
        request.extend_from_slice(question);
        stream.write_all(&request).await?;
        stream.flush().await?;
        let mut response = Vec::new();
        let mut whole = stream.take((MAX_HEAD + MAX_MESSAGE) as u64);
        loop {
            let ended = whole.read_buf(&mut response).await? == 0;
            if let Some(message) = message_of(&response, ended)? {
                return Ok(message);
            }
            if ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// The reply to a question that could not be asked: SERVFAIL (RFC 1035 section 4.1.1).
fn failure(mut question: Vec<u8>) -> Vec<u8> {
    if let Some([flags, code]) = question.get_mut(2..4) {
        *flags |= 0x80;
        *code = (*code & 0xf0) | 2;
    }
    question
}

async fn read_message(questions: &mut ReadHalf<DuplexStream>) -> io::Result<Vec<u8>> {
    let length = questions.read_u16().await?;
    let mut message = vec![0; length.into()];
    questions.read_exact(&mut message).await?;
    Ok(message)
}

/// The DNS message of a response; `None`: it has not arrived whole.
///
/// # Errors
/// It is no answer of a DNS server.
fn message_of(response: &[u8], ended: bool) -> io::Result<Option<Vec<u8>>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(start) = head.parse(response).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let field = |name: &str| {
        let mut fields = head.headers.iter();
        let found = fields.find(|field| field.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok().map(str::trim)
    };
    let kind = field("content-type").unwrap_or_default();
    if head.code != Some(200)
        || !kind
            .to_ascii_lowercase()
            .starts_with("application/dns-message")
        || field("transfer-encoding").is_some()
    {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let body = response.get(start..).unwrap_or_default();
    let length = match field("content-length") {
        Some(text) => text.parse().map_err(io::Error::other)?,
        None if ended => body.len(),
        None => return Ok(None),
    };
    Ok(body.get(..length).map(<[u8]>::to_vec))
}
