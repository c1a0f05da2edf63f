//! Active checks: fetches a page through a member, or connects to its last hop where no page is configured.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use privet_config::Dns;
use privet_policy::Target;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio::time::{timeout, timeout_at};

use crate::chain::{Chain, DialContext};
use crate::check_url::CheckUrl;
use crate::group::Group;
use crate::hop::reply::{self, MalformedReply};
use crate::hop::{HandshakeTimeouts, http};
use crate::tls;
use crate::{AnyAddress, ClientKey, DialRequest, HttpProxyMode, Stream};

/// The most checks that run at once, over all groups.
const MAX_AT_ONCE: usize = 16;
/// The longest sleep when no probe is due.
const LONGEST_NAP: Duration = Duration::from_secs(60);
/// The limit for connecting to a last hop, where no check is configured.
const REACH_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the parts of a check took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckTiming {
    pub(crate) connect: Duration,
    /// From the request to the first byte; `None`: nothing was fetched.
    pub(crate) first_byte: Option<Duration>,
}

/// Fetches the page through the chain. Any response of the page's own server is a success; an error of a proxy that
/// responds in its place is not.
///
/// # Errors
/// What failed, as a sentence.
pub(crate) async fn fetch(
    chain: &Chain,
    context: &DialContext<'_>,
    url: &CheckUrl,
    limit: Duration,
) -> Result<CheckTiming, String> {
    timeout(limit, fetch_unbounded(chain, context, url))
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {limit:?}")))
}

async fn fetch_unbounded(
    chain: &Chain,
    context: &DialContext<'_>,
    url: &CheckUrl,
) -> Result<CheckTiming, String> {
    let started = Instant::now();
    let request = DialRequest {
        http_proxy: match url.tls {
            None => HttpProxyMode::AbsoluteForm,
            Some(_) => HttpProxyMode::Connect,
        },
        ..dial_request(&url.target)
    };
    let connected = chain
        .dial(context, &request, HandshakeTimeouts::DEFAULT)
        .await
        .map_err(|error| error.text)?;
    let connect = started.elapsed();
    let absolute = connected.absolute_form;
    let (mut stream, step) = (connected.stream, HandshakeTimeouts::DEFAULT.step);
    if let Some(tls) = &url.tls {
        let secured = tls::wrap(tls, stream, None, step)
            .await
            .map_err(|what| format!("TLS to {} failed: {what}", url.authority))?;
        stream = secured.stream;
    }
    let sent = Instant::now();
    let status = request_status(&mut stream, &url.request(absolute.as_ref()))
        .await
        .map_err(|error| format!("{} {error}", url.authority))?;
    if absolute.is_some() && (status == 407 || status >= 500) {
        return Err(format!("the proxy answered {status}"));
    }
    Ok(CheckTiming {
        connect,
        first_byte: Some(sent.elapsed()),
    })
}

async fn request_status(stream: &mut Stream, request: &str) -> Result<u16, reply::ReplyError> {
    let io = reply::ReplyError::Io;
    stream.write_all(request.as_bytes()).await.map_err(io)?;
    stream.flush().await.map_err(io)?;
    let whole =
        |bytes: &[u8]| -> Result<Option<(u16, usize)>, MalformedReply> { http::parse_reply(bytes) };
    let (status, _) = reply::read_reply(stream, http::MAX_HEAD, whole).await?;
    Ok(status)
}

/// Connects to the chain's last hop and logs in where it speaks SOCKS5.
///
/// # Errors
/// What failed, as a sentence.
pub(crate) async fn reach(chain: &Chain, context: &DialContext<'_>) -> Result<CheckTiming, String> {
    let started = Instant::now();
    let request = dial_request(&chain.last().endpoint);
    match timeout(
        REACH_TIMEOUT,
        chain.open(context, &request, HandshakeTimeouts::DEFAULT),
    )
    .await
    {
        Ok(Ok(_)) => Ok(CheckTiming {
            connect: started.elapsed(),
            first_byte: None,
        }),
        Ok(Err(error)) => Err(error.text),
        Err(_) => Err(format!("no answer within {REACH_TIMEOUT:?}")),
    }
}

fn dial_request(target: &Target) -> DialRequest<'_> {
    DialRequest {
        target,
        addresses: &[],
        dns: &Dns::Upstream,
        resolve_permit: None,
        judge: &AnyAddress,
        lookup_client: &ClientKey::ENGINE,
        app: None,
        client: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
        http_proxy: HttpProxyMode::Connect,
    }
}

/// Probes members as they become due, until dropped. `probe_due` is notified when a dial makes a probe due sooner.
pub(crate) async fn run(groups: &[Group], context: &DialContext<'_>, probe_due: &Notify) {
    let mut running = FuturesUnordered::new();
    loop {
        let now = Instant::now();
        for group in groups {
            while running.len() < MAX_AT_ONCE
                && let Some(member) = group.take_due_probe(now)
            {
                running.push(probe(group, member, context));
            }
        }
        let next = groups.iter().filter_map(Group::next_probe).min();
        let wake = next.unwrap_or(now + LONGEST_NAP).min(now + LONGEST_NAP);
        let full = running.len() >= MAX_AT_ONCE;
        tokio::select! {
            Some(()) = running.next(), if !running.is_empty() => {}
            _ = timeout_at(wake.into(), probe_due.notified()), if !full => {}
        }
    }
}

async fn probe(group: &Group, member: usize, context: &DialContext<'_>) {
    let Some(chain) = group.chain(member) else {
        return;
    };
    let result = match &group.check {
        Some((url, limit)) => fetch(chain, context, url, *limit).await,
        None => reach(chain, context).await,
    };
    match result {
        Ok(timing) => {
            let took = timing.connect + timing.first_byte.unwrap_or_default();
            chain.record.succeeded(Some(took));
            group.probed(member, Ok(took));
        }
        Err(error) => {
            chain.record.failed(&error);
            group.probed(member, Err(()));
        }
    }
}
