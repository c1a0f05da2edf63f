//! Active health checks: GET of the site's health path at each backend, by a dial that reaches configured endpoints only.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use privet_balance::Dice;
use privet_config::{BackendScheme, SiteHealth};
use privet_net::{DialErrorKind, EndpointDialer, Stream};
use privet_tls::Alpn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout_at;

use crate::backend_pool::{Backend, BackendPool, CheckResult, seed};
use crate::site::Site;
use crate::site_table::SiteTable;

/// The most checks that run at once, over all sites.
const MAX_AT_ONCE: usize = 64;
/// The longest sleep where nothing is due.
const LONGEST_NAP: Duration = Duration::from_secs(60);
/// The most bytes of a response's head that are read.
const MAX_HEAD: usize = 16 * 1024;

/// Runs the health checks of all sites. Never completes; drop it to stop.
pub async fn run(table: Arc<SiteTable>) {
    let checked: Vec<(&Arc<Site>, &SiteHealth, &Arc<BackendPool>)> = table
        .sites()
        .iter()
        .filter_map(|site| Some((site, site.health()?)))
        .flat_map(|(site, health)| site.pools().iter().map(move |pool| (site, health, pool)))
        .collect();
    let mut dice = Dice::new(seed());
    let mut running = FuturesUnordered::new();
    loop {
        let now = Instant::now();
        for (site, health, pool) in &checked {
            while running.len() < MAX_AT_ONCE
                && let Some(member) = pool.members().take_due_probe(now)
            {
                let check = check(table.dialer(), site, health, pool, member);
                running.push(async move { (*pool, member, check.await) });
            }
        }
        let next = checked
            .iter()
            .filter_map(|(_, _, pool)| pool.members().next_probe())
            .min();
        let nap = now + LONGEST_NAP;
        let wake = next.map_or(nap, |next| next.min(nap));
        let full = running.len() >= MAX_AT_ONCE;
        let ended = tokio::select! {
            ended = running.next(), if !running.is_empty() => ended,
            () = tokio::time::sleep_until(wake.into()), if !full => None,
        };
        if let Some((pool, member, result)) = ended {
            pool.members()
                .probed(member, result, Instant::now(), dice.roll());
        }
    }
}

async fn check(
    dialer: &EndpointDialer,
    site: &Site,
    health: &SiteHealth,
    pool: &BackendPool,
    member: usize,
) -> Result<Duration, ()> {
    let backend = pool.backends().get(member).ok_or(())?;
    let started = Instant::now();
    let deadline = started + health.timeout;
    let outcome = timeout_at(deadline.into(), fetch(dialer, site, health, backend)).await;
    let outcome = outcome.unwrap_or_else(|_| Err(format!("no answer within {:?}", health.timeout)));
    let took = started.elapsed();
    let healthy = outcome
        .as_ref()
        .is_ok_and(|status| (200..400).contains(status));
    backend.last_check.set(CheckResult {
        at: SystemTime::now(),
        took,
        outcome,
    });
    if healthy { Ok(took) } else { Err(()) }
}

/// The status of the response.
async fn fetch(
    dialer: &EndpointDialer,
    site: &Site,
    health: &SiteHealth,
    backend: &Backend,
) -> Result<u16, String> {
    let (endpoint, limit) = (&backend.endpoint, health.timeout);
    let scheme = endpoint.url().scheme();
    let dialed = dialer.dial(endpoint, limit).await;
    // A server that speaks HTTP/2 only is up when it accepts: it answers no HTTP/1 request.
    let (result, may_speak_http2) = match dialed {
        Ok(_) if scheme == BackendScheme::H2c => return Ok(200),
        Ok(connected) => {
            let agreed = connected.alpn.is_some();
            let mut stream = connected.stream;
            let result = get(&mut stream, site, health, backend).await;
            (result, !agreed)
        }
        Err(error) => (Err(error.text), error.kind == DialErrorKind::UpstreamDown),
    };
    if result.is_ok() || !may_speak_http2 || scheme != BackendScheme::Https {
        return result;
    }
    let other = dialer.dial_offering(endpoint, &[Alpn::H2], limit).await;
    match other.is_ok_and(|connected| connected.alpn == Some(Alpn::H2)) {
        true => Ok(200),
        false => result,
    }
}

async fn get(
    stream: &mut Stream,
    site: &Site,
    health: &SiteHealth,
    backend: &Backend,
) -> Result<u16, String> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: health-check\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        health.path,
        host(site, backend)
    );
    let failed = |error: std::io::Error| format!("the connection broke: {error}");
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    read_status(stream).await
}

/// A backend may accept the site's names only.
fn host(site: &Site, backend: &Backend) -> String {
    let named = site
        .config
        .hosts
        .iter()
        .find(|host| !host.starts_with("*."));
    match named {
        Some(host) if host.contains(':') => format!("[{host}]"),
        Some(host) => host.clone(),
        None => backend.target.to_string(),
    }
}

async fn read_status(stream: &mut Stream) -> Result<u16, String> {
    let mut head = Vec::with_capacity(512);
    loop {
        let left = (MAX_HEAD - head.len()) as u64;
        let read = (&mut *stream).take(left).read_buf(&mut head).await;
        match read {
            Ok(0) => return Err("the answer is no HTTP response".to_owned()),
            Ok(_) => {}
            Err(error) => return Err(format!("the connection broke: {error}")),
        }
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut fields);
        let parsed = response.parse(&head);
        match (parsed, response.code) {
            (Ok(httparse::Status::Complete(len)), Some(100..200)) => drop(head.drain(..len)),
            (Ok(httparse::Status::Complete(_)), Some(status)) => return Ok(status),
            // The status is known once its line is whole, whatever the fields are.
            (Err(httparse::Error::TooManyHeaders), Some(status)) => return Ok(status),
            (Ok(_), _) => {}
            (Err(error), _) => return Err(format!("the answer is no HTTP response: {error}")),
        }
    }
}
