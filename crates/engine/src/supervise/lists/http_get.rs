//! One HTTP GET through the engine's gateway.

use std::future::poll_fn;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::{
    ACCEPT_ENCODING, HOST, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LOCATION, USER_AGENT,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use privet_connection_log::{CloseReason, LiveConnection};
use privet_gateway::{Gateway, Refusal, RequestContext};
use privet_net::HttpProxyMode;
use privet_policy::{Listener, Protocol, Target};

use super::versions::VersionInfo;
use crate::gateway::EngineGateway;

/// Longest accepted body, in bytes; the parser has the same bound.
const MAX_BODY: usize = 64 << 20;

pub(super) struct HttpResponse {
    pub(super) status: StatusCode,
    pub(super) head: HeaderMap,
    pub(super) body: Bytes,
}

/// Sends one GET with the validators of `stored` and reads the whole response.
///
/// # Errors
/// A sentence for the user: blocked, failed, ended by a new policy, or not HTTP.
pub(super) async fn get(
    gateway: &EngineGateway,
    url: &str,
    stored: Option<&VersionInfo>,
) -> Result<HttpResponse, String> {
    let parsed = url::Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
    let target = Target::from_url(url).map_err(|error| format!("{url}: {error}"))?;
    let (stream, live) = open(gateway, &target, url).await?;
    let response = tokio::select! {
        response = exchange(stream, &parsed, &target, stored, &live) => response,
        // A new policy forbids the connection, or the user closed its row.
        () = poll_fn(|cx| live.poll_cancelled(cx)) => Err(format!("{url}: the fetch was ended")),
    };
    let end = match (&response, live.row().cancelled()) {
        (Ok(_), _) => CloseReason::Finished,
        (Err(_), Some(why)) => why,
        (Err(_), None) => CloseReason::Broken,
    };
    live.close(end, None);
    response
}

/// Sends one request on a dialed stream and reads the whole response.
async fn exchange(
    stream: privet_net::Stream,
    url: &url::Url,
    target: &Target,
    stored: Option<&VersionInfo>,
    live: &LiveConnection,
) -> Result<HttpResponse, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    let stream = match url.scheme() {
        "https" => privet_net::connect_tls(stream, &target.host.to_string()).await?,
        _ => stream,
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    let request = request(url, stored)?;
    let exchange = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| failed(&error))?;
        read_body(response, live)
            .await
            .map_err(|error| failed(&error))
    };
    tokio::pin!(exchange);
    tokio::pin!(connection);
    let mut driven = false;
    loop {
        tokio::select! {
            response = &mut exchange => return response,
            // A body that has already arrived is read even after the connection has closed.
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
    let sentence = |refusal| match refusal {
        Refusal::Blocked(why) => format!("{url} is blocked here: {}", why.text),
        Refusal::Failed(error) => error.text,
    };
    let decision = gateway.decide(&context).await.map_err(sentence)?;
    let connected = gateway
        .dial(&context, &decision, HttpProxyMode::Connect)
        .await
        .map_err(sentence)?;
    let live = gateway.record(&context, &decision, &connected);
    Ok((connected.stream, live))
}

fn request(url: &url::Url, stored: Option<&VersionInfo>) -> Result<Request<Empty<Bytes>>, String> {
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
        .header(ACCEPT_ENCODING, "gzip")
        .header(USER_AGENT, "privet");
    for (name, value) in [
        (IF_NONE_MATCH, stored.and_then(|info| info.etag.as_deref())),
        (
            IF_MODIFIED_SINCE,
            stored.and_then(|info| info.last_modified.as_deref()),
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

async fn read_body<B>(
    response: Response<B>,
    live: &LiveConnection,
) -> Result<HttpResponse, Box<dyn std::error::Error + Send + Sync>>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await?.to_bytes();
    live.down(body.len() as u64);
    Ok(HttpResponse {
        status: head.status,
        head: head.headers,
        body,
    })
}

/// Where a redirect leads.
///
/// # Errors
/// No Location, not HTTP, or from HTTPS to HTTP.
pub(super) fn redirect_target(url: &str, head: &HeaderMap) -> Result<String, String> {
    let to = head.get(LOCATION).and_then(|value| value.to_str().ok());
    let to = to.ok_or_else(|| format!("{url} redirects without a Location"))?;
    let base = url::Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
    let next = base
        .join(to)
        .map_err(|error| format!("{url} redirects to {to:?}: {error}"))?;
    match (base.scheme(), next.scheme()) {
        ("https", "http") => Err(format!("{url} redirects from HTTPS to HTTP")),
        (_, "http" | "https") => Ok(next.into()),
        _ => Err(format!("{url} redirects to {next}, which is not HTTP")),
    }
}
