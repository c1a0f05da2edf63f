//! Fetches a filter list through the engine's own gateway, so that the mode's route applies as to any client's request.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use hyper::header::{CONTENT_ENCODING, ETAG, HeaderName, LAST_MODIFIED};
use privet_config::unix_time::now_ms;
use privet_connection_log::GroupBy;
use privet_policy::{List, VisitedSite, newly_blocked};

use super::fetch_job::{FetchJob, FetchOutcome, FetchResult, ListUpdate};
use super::gzip::decompress;
use super::http_get::{HttpResponse, get, redirect_target};
use super::most_used::most_used_sites;
use super::read::parse;
use super::versions::{VersionInfo, checksum};
use crate::gateway::EngineGateway;
use crate::shared::Shared;

/// From the dial to the last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(90);
const MAX_REDIRECTS: usize = 5;

/// How far back the connection log is searched for the user's own sites, in milliseconds.
const OWN_SITES_PERIOD_MS: u64 = 7 * 24 * 3_600_000;

/// Fetches and parses one list, and determines which of the user's own sites it would newly block.
pub(crate) async fn fetch(job: FetchJob, shared: Arc<Shared>) -> FetchResult {
    match tokio::time::timeout(FETCH_TIMEOUT, fetch_list(&job, shared)).await {
        Ok(fetched) => fetched,
        Err(_) => Err(format!(
            "{} did not arrive within {} s",
            job.url,
            FETCH_TIMEOUT.as_secs()
        )),
    }
}

async fn fetch_list(job: &FetchJob, shared: Arc<Shared>) -> FetchResult {
    let gateway = EngineGateway::for_engine(shared.clone());
    let mut url = job.url.clone();
    for _ in 0..=MAX_REDIRECTS {
        let response = get(&gateway, &url, job.stored.as_ref()).await?;
        match response.status {
            StatusCode::OK => return parse_response(job, response, &shared).await,
            StatusCode::NOT_MODIFIED if job.stored.is_some() => {
                return Ok(FetchOutcome::NotModified);
            }
            status if status.is_redirection() => url = redirect_target(&url, &response.head)?,
            status => return Err(format!("{url} answered {status}")),
        }
    }
    Err(format!(
        "{} has more than {MAX_REDIRECTS} redirects",
        job.url
    ))
}

async fn parse_response(
    job: &FetchJob,
    response: HttpResponse,
    shared: &Arc<Shared>,
) -> FetchResult {
    let header = |name: HeaderName| {
        let value = response.head.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let coding = header(CONTENT_ENCODING).unwrap_or_default();
    let is_packed = ["gzip", "x-gzip"]
        .iter()
        .any(|known| coding.eq_ignore_ascii_case(known));
    if !is_packed && !matches!(coding.as_str(), "" | "identity") {
        return Err(format!(
            "{} sends the list with Content-Encoding {coding:?}, which was not requested",
            job.url
        ));
    }
    let info = VersionInfo {
        url: job.url.clone(),
        etag: header(ETAG),
        last_modified: header(LAST_MODIFIED),
        checked: now_ms() / 1000,
        ..VersionInfo::default()
    };
    let (job, shared, body) = (job.clone(), shared.clone(), response.body);
    let parsed = tokio::task::spawn_blocking(move || {
        let broken = |error| format!("{}: the gzip body is broken: {error}", job.url);
        let mut bytes = decompress(body).map_err(broken)?;
        if is_packed {
            // A gzip file that the server has packed once more.
            bytes = decompress(bytes).map_err(broken)?;
        }
        let parsed = parse(&job.name, &bytes, job.format)?;
        // An empty page must not switch protection off.
        let entries = parsed.list.stats().entries;
        if entries == 0 {
            return Err("the response holds no entry of a known format".to_owned());
        }
        let newly_blocked = match job.check_own_sites {
            true => newly_blocked_sites(&parsed.list, &shared),
            false => Vec::new(),
        };
        Ok(FetchOutcome::Updated(Box::new(ListUpdate {
            info: VersionInfo {
                entries: entries as u64,
                bytes: bytes.len() as u64,
                sum: Some(checksum(&bytes)),
                ..info
            },
            parsed,
            bytes,
            newly_blocked,
        })))
    });
    parsed
        .await
        .map_err(|error| format!("reading the list panicked: {error}"))?
}

/// The user's own sites that the list would newly block. Blocking: reads usage totals, which may be on disk.
fn newly_blocked_sites(list: &Arc<List>, shared: &Shared) -> Vec<VisitedSite> {
    let now = now_ms();
    let from = now.saturating_sub(OWN_SITES_PERIOD_MS);
    let rows = shared.connection_log.usage(GroupBy::Domain, from, now, 0);
    let used = rows.map(|rows| most_used_sites(&rows)).unwrap_or_default();
    let snapshot = shared.snapshot.load_full();
    newly_blocked(&snapshot.policy, list.clone(), &used, SystemTime::now())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::gateway::tests::engine;

    #[tokio::test]
    async fn a_direct_fetch_ends_when_a_kill_switch_is_turned_on() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), "mode = \"standard\"\n").await;
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let job = FetchJob {
            name: "ads".to_owned(),
            url: format!("http://{}/list", server.local_addr().unwrap()),
            format: privet_config::ListFormat::Auto,
            stored: None,
            check_own_sites: false,
        };
        let fetching = tokio::spawn(fetch(job, engine.shared.clone()));
        let (mut silent, _) = server.accept().await.unwrap();
        let mut first = [0];
        tokio::io::AsyncReadExt::read_exact(&mut silent, &mut first)
            .await
            .unwrap();
        engine
            .set_mode(crate::ChangeSource::Api, "strict", None)
            .await
            .unwrap();
        let fetched = tokio::time::timeout(Duration::from_secs(20), fetching).await;
        let error_text = fetched.unwrap().unwrap().err();
        assert!(error_text.is_some_and(|text| text.ends_with("the fetch was ended")));
        engine.stop(Duration::ZERO).await;
    }
}
