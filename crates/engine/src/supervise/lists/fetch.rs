//! Fetches a filter list over the gateway the mode prescribes, as any client's request would go.

use privet_net::HttpProxyMode;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::{
    CONTENT_ENCODING, ETAG, HOST, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, LOCATION, USER_AGENT,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use privet_connection_log::{CloseReason, GroupBy, LiveConnection};
use privet_gateway::{Gateway, Refusal, RequestContext};
use privet_policy::{List, Listener, Protocol, Target, VisitedSite, newly_blocked};

use crate::gateway::EngineGateway;
use crate::shared::Shared;
use crate::supervise::lists::{Arrived, Due, Facts, Text, most_used, parse, sum_of};

/// A list is at most so large (the parser's own bound is the same).
const LARGEST: usize = 64 << 20;
/// From the dial to the last byte.
const PATIENCE: Duration = Duration::from_secs(90);
const REDIRECTS: usize = 5;

/// So long back the user's own sites are looked for, in milliseconds.
const USED_WITHIN: u64 = 7 * 24 * 3_600_000;

/// What came of a fetch. Every error is a sentence for the user.
pub(crate) type Fetched = Result<Arrived, String>;

/// Fetches one list, and looks at what it would newly block.
pub(crate) async fn fetch(due: Due, shared: Arc<Shared>) -> Fetched {
    match tokio::time::timeout(PATIENCE, fetch_list(&due, shared)).await {
        Ok(fetched) => fetched,
        Err(_) => Err(format!(
            "{} did not arrive within {} s",
            due.url,
            PATIENCE.as_secs()
        )),
    }
}

async fn fetch_list(due: &Due, shared: Arc<Shared>) -> Fetched {
    let gateway = EngineGateway(shared);
    let mut url = due.url.clone();
    for _ in 0..=REDIRECTS {
        let answer = get(&gateway, &url, due.known.as_ref()).await?;
        match answer.status {
            StatusCode::OK => return read(due, answer, &gateway.0).await,
            StatusCode::NOT_MODIFIED if due.known.is_some() => return Ok(Arrived::Current),
            status if status.is_redirection() => url = onward(&url, &answer.head)?,
            status => return Err(format!("{url} answered {status}")),
        }
    }
    Err(format!(
        "{} leads through more than {REDIRECTS} redirects",
        due.url
    ))
}

struct Answer {
    status: StatusCode,
    head: HeaderMap,
    body: Bytes,
}

async fn get(gateway: &EngineGateway, url: &str, known: Option<&Facts>) -> Result<Answer, String> {
    let parsed = url::Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
    let target = Target::from_url(url).map_err(|error| format!("{url}: {error}"))?;
    let (stream, live) = open(gateway, &target, url).await?;
    let answer = tokio::select! {
        answer = talk(stream, &parsed, &target, known, &live) => answer,
        // A policy that forbids this way came into force, or somebody closed the row.
        () = poll_fn(|cx| live.poll_cancelled(cx)) => Err(format!("{url}: the fetch was ended")),
    };
    let end = match (&answer, live.row().cancelled()) {
        (Ok(_), _) => CloseReason::Finished,
        (Err(_), Some(why)) => why,
        (Err(_), None) => CloseReason::Broken,
    };
    live.close(end, None);
    answer
}

/// One request and its whole answer on a connected stream.
async fn talk(
    stream: privet_net::Stream,
    url: &url::Url,
    target: &Target,
    known: Option<&Facts>,
    live: &LiveConnection,
) -> Result<Answer, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    let stream = match url.scheme() {
        "https" => privet_net::connect_tls(stream, &target.host.to_string()).await?,
        _ => stream,
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    let request = request(url, known)?;
    let exchange = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| failed(&error))?;
        whole(response, live).await.map_err(|error| failed(&error))
    };
    tokio::pin!(exchange);
    tokio::pin!(connection);
    let mut driven = false;
    loop {
        tokio::select! {
            answer = &mut exchange => return answer,
            // A body that is already here is still read after the connection has closed.
            _ = &mut connection, if !driven => driven = true,
        }
    }
}

async fn open(
    gateway: &EngineGateway,
    target: &Target,
    url: &str,
) -> Result<(privet_net::Stream, LiveConnection), String> {
    let nobody = SocketAddr::from(([127, 0, 0, 1], 0));
    let context = RequestContext {
        listener: Listener::Http,
        client: nobody,
        local: nobody,
        protocol: Protocol::Http,
        user: None,
        target,
        url: Some(url),
        page: None,
    };
    let said = |refusal| match refusal {
        Refusal::Blocked(why) => format!("{url} is blocked here: {}", why.text),
        Refusal::Failed(error) => error.text,
    };
    let decision = gateway.decide(&context).await.map_err(said)?;
    let connected = gateway
        .dial(&context, &decision, HttpProxyMode::Connect)
        .await
        .map_err(said)?;
    let live = gateway.record(&context, &decision, &connected);
    Ok((connected.stream, live))
}

fn request(url: &url::Url, known: Option<&Facts>) -> Result<Request<Empty<Bytes>>, String> {
    let mut path = url.path().to_owned();
    if let Some(query) = url.query() {
        path = format!("{path}?{query}");
    }
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => return Err(format!("{url} names no host")),
    };
    let mut request = Request::get(path)
        .header(HOST, host)
        .header(USER_AGENT, "privet");
    for (name, value) in [
        (IF_NONE_MATCH, known.and_then(|facts| facts.etag.as_deref())),
        (
            IF_MODIFIED_SINCE,
            known.and_then(|facts| facts.last_modified.as_deref()),
        ),
    ] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    request
        .body(Empty::new())
        .map_err(|error| format!("{url}: {error}"))
}

async fn whole<B>(
    response: Response<B>,
    live: &LiveConnection,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = response.into_parts();
    let body = Limited::new(body, LARGEST).collect().await?.to_bytes();
    live.down(body.len() as u64);
    Ok(Answer {
        status: head.status,
        head: head.headers,
        body,
    })
}

async fn read(due: &Due, answer: Answer, shared: &Arc<Shared>) -> Fetched {
    let said = |name: HeaderName| {
        let value = answer.head.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    if let Some(coding) = said(CONTENT_ENCODING).filter(|coding| coding != "identity") {
        return Err(format!(
            "{} sends it packed as {coding:?}, which was not asked for",
            due.url
        ));
    }
    let facts = Facts {
        url: due.url.clone(),
        etag: said(ETAG),
        last_modified: said(LAST_MODIFIED),
        checked: unix_millis() / 1000,
        ..Facts::default()
    };
    let (due, shared, bytes) = (due.clone(), shared.clone(), answer.body);
    let parsed = tokio::task::spawn_blocking(move || {
        let parsed = parse(&due.name, &bytes, due.format)?;
        // A server that answers with an empty page must not switch protection off.
        let entries = parsed.list.stats().entries;
        if entries == 0 {
            return Err("what came holds no entry of a known format".to_owned());
        }
        let blocks = match due.guarded {
            true => closed_by(&parsed.list, &shared),
            false => Vec::new(),
        };
        Ok(Arrived::New(Box::new(Text {
            facts: Facts {
                entries: entries as u64,
                bytes: bytes.len() as u64,
                sum: Some(sum_of(&bytes)),
                ..facts
            },
            parsed,
            bytes,
            blocks,
        })))
    });
    parsed
        .await
        .map_err(|error| format!("reading the list broke off: {error}"))?
}

/// The user's own sites that the list would newly block. Blocking: the totals may lie on the disk.
fn closed_by(list: &Arc<List>, shared: &Shared) -> Vec<VisitedSite> {
    let now = unix_millis();
    let from = now.saturating_sub(USED_WITHIN);
    let rows = shared.connection_log.usage(GroupBy::Domain, from, now, 0);
    let used = rows.map(|rows| most_used(&rows)).unwrap_or_default();
    let snapshot = shared.snapshot.load_full();
    newly_blocked(&snapshot.policy, list.clone(), &used, SystemTime::now())
}

fn onward(url: &str, head: &HeaderMap) -> Result<String, String> {
    let to = head.get(LOCATION).and_then(|value| value.to_str().ok());
    let to = to.ok_or_else(|| format!("{url} redirects to nowhere"))?;
    let base = url::Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
    let next = base
        .join(to)
        .map_err(|error| format!("{url} redirects to {to:?}: {error}"))?;
    match (base.scheme(), next.scheme()) {
        ("https", "http") => Err(format!("{url} redirects out of TLS")),
        (_, "http" | "https") => Ok(next.into()),
        _ => Err(format!("{url} redirects to {next}, which is not HTTP")),
    }
}

fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::gateway::current_policy::tests::engine;

    #[tokio::test]
    async fn a_fetch_that_goes_direct_ends_when_a_kill_switch_comes() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), "mode = \"standard\"\n").await;
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let due = Due {
            name: "ads".to_owned(),
            url: format!("http://{}/list", server.local_addr().unwrap()),
            format: privet_config::ListFormat::Auto,
            known: None,
            guarded: false,
        };
        let fetching = tokio::spawn(fetch(due, engine.shared.clone()));
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
        let said = fetched.unwrap().unwrap().err();
        assert!(said.is_some_and(|text| text.ends_with("the fetch was ended")));
        engine.stop(Duration::ZERO).await;
    }
}
