//! Tries the scanner: a client within the program asks the HTTP pipeline for a harmless file that a responder within the program
//! sends. Nothing leaves the machine, so it works in every mode.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use privet_connection_log::{CloseReason, LiveConnection};
use privet_gateway::{Gateway, HttpTimeouts, Refusal, RequestContext, RouteDecision};
use privet_http::service::ConnectionInfo;
use privet_http::service::forward::Forward;
use privet_net::{Connected, HttpProxyMode, Stream};
use privet_policy::{Listener, Outbound, Route, Treatment, Why, WhyKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, timeout};

use super::EngineGateway;
use crate::shared::Shared;

const URL: &str = "http://scan-test.privet.invalid/eicar.com";
/// The scanner's own limit, and some more.
const LIMIT: Duration = Duration::from_secs(45);
const BUFFER: usize = 64 * 1024;

/// What became of the test file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanTestResult {
    /// The status that the client got.
    pub status: u16,
    /// What the client asked for.
    pub url: String,
    /// What happened, as a sentence.
    pub text: String,
}

/// The test file of EICAR, in two parts: this program is no test file.
fn test_file() -> String {
    let (start, end) = (
        r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-",
        "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*",
    );
    format!("{start}{end}")
}

/// Fetches the test file.
///
/// # Errors
/// The pipeline did not answer.
pub(crate) async fn run(shared: Arc<Shared>) -> io::Result<ScanTestResult> {
    let (mut client, server) = duplex(BUFFER);
    let gateway = TestGateway(EngineGateway::for_engine(shared));
    let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let serving = privet_http::serve(
        Stream::Boxed(Box::pin(server)),
        &[],
        Instant::now() + LIMIT,
        ConnectionInfo {
            local: nowhere,
            peer: nowhere,
        },
        Forward {
            gateway,
            listener: Listener::Http,
        },
    );
    let asking = async move {
        let request = format!(
            "GET {URL} HTTP/1.1\r\nHost: scan-test.privet.invalid\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
        );
        client.write_all(request.as_bytes()).await?;
        let mut reply = Vec::new();
        // A reset ends it early.
        let _ = client.read_to_end(&mut reply).await;
        Ok::<_, io::Error>(reply)
    };
    let both = async { tokio::join!(serving, asking).1 };
    let reply = timeout(LIMIT, both)
        .await
        .map_err(|_| io::ErrorKind::TimedOut)??;
    read(&reply).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn read(reply: &[u8]) -> Option<ScanTestResult> {
    let text = String::from_utf8_lossy(reply);
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let reason = text
        .lines()
        .find_map(|line| line.strip_prefix("Privet-Reason: "));
    Some(ScanTestResult {
        status,
        url: URL.to_owned(),
        text: match (status, reason) {
            (200, _) => "The test file passed: no scanner found it.".to_owned(),
            (_, Some(reason)) => reason.to_owned(),
            (_, None) => format!("The test ended with status {status}."),
        },
    })
}

/// Sends the test file on every connection.
async fn respond(mut stream: DuplexStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < BUFFER {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let body = test_file();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nCache-Control: no-store\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // The pipeline may have ended meanwhile.
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// Goes to the responder, whatever is asked for.
#[derive(Clone)]
struct TestGateway(EngineGateway);

impl Gateway for TestGateway {
    fn policy_generation(&self) -> u64 {
        self.0.policy_generation()
    }

    fn requires_authentication(&self) -> bool {
        false
    }

    async fn authenticate(&self, _: IpAddr, _: &[u8], _: &[u8]) -> Option<Arc<str>> {
        None
    }

    async fn decide(&self, _: &RequestContext<'_>) -> Result<RouteDecision, Refusal> {
        let snapshot = self.0.shared.snapshot.load();
        Ok(RouteDecision {
            policy_generation: snapshot.generation,
            // Only a name: nothing is dialed by it.
            route: Route::Via {
                outbound: Outbound(0),
                fallback: None,
            },
            pool_key: u64::MAX,
            treatment: Treatment::default(),
            why: Why {
                kind: WhyKind::Mode,
                text: "a test of the scanners".into(),
            },
            header_mode: snapshot.policy.mode().headers,
            app: None,
            addresses: Vec::new(),
            cache: None,
            scanner: snapshot.scanning(),
        })
    }

    async fn dial(
        &self,
        _: &RequestContext<'_>,
        _: &RouteDecision,
        _: HttpProxyMode,
    ) -> Result<Connected, Refusal> {
        let (ours, theirs) = duplex(BUFFER);
        tokio::spawn(respond(theirs));
        let stream = Stream::Boxed(Box::pin(ours));
        Ok(Connected::new(stream, "scan test".into()))
    }

    async fn dial_address(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        _: IpAddr,
    ) -> Result<Connected, Refusal> {
        self.dial(context, decision, HttpProxyMode::Connect).await
    }

    fn record(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        connected: &Connected,
    ) -> LiveConnection {
        self.0
            .record_open(context, decision, connected.route.clone())
    }

    fn record_refused(
        &self,
        context: &RequestContext<'_>,
        why: &Why,
        end: CloseReason,
        error: Option<String>,
    ) {
        self.0.record_refused(context, why, end, error);
    }

    fn handshake_timeout(&self) -> Duration {
        self.0.handshake_timeout()
    }

    fn http_timeouts(&self) -> HttpTimeouts {
        self.0.http_timeouts()
    }

    fn idle_timeout(&self) -> Duration {
        self.0.idle_timeout()
    }
}
