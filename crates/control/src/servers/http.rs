//! Serves HTTP/1.1 on accepted connections, with limits on the size of heads, on time and on the number of connections.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use http::header::EXPECT;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::request_body::RequestBody;

/// Longest time until a request's head has arrived, and longest idle time of a kept connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest head, in bytes.
const MAX_HEAD: usize = 32 * 1024;
/// Most fields in a head.
const MAX_FIELDS: usize = 64;
/// Most connections of one server at a time; more wait in the kernel's queue.
pub const MAX_CONNECTIONS: usize = 128;
/// How long running calls may take to finish when the server closes.
const DRAIN: Duration = Duration::from_secs(2);

/// Serves one connection until it ends, or until the running call is answered once `closing` is cancelled. Adds `extension` to
/// each request.
pub(crate) async fn serve_connection<I, X>(
    stream: I,
    router: Router,
    extension: Option<X>,
    closing: CancellationToken,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    X: Clone + Send + Sync + 'static,
{
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        if let Some(extension) = &extension {
            request.extensions_mut().insert(extension.clone());
        }
        let router = TowerToHyperService::new(router.clone());
        let awaits_continue = request.headers().contains_key(EXPECT);
        let (request, body) = RequestBody::of(request);
        async move {
            let answer = hyper::service::Service::call(&router, request).await;
            let answer = answer.unwrap_or_else(|never| match never {});
            Ok::<_, Infallible>(body.finish(answer, awaits_continue).await)
        }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = closing.cancelled() => {
            serving.as_mut().graceful_shutdown();
            match tokio::time::timeout(DRAIN, serving).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a control connection broke");
    }
}

/// A running server. Dropping it closes it at once; [`Server::close`] lets running calls finish.
pub struct Server {
    pub(crate) closing: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self {
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Accepts no more connections and waits at most 4 s for the open ones.
    pub async fn close(self) {
        self.closing.cancel();
        self.tasks.close();
        let _ = tokio::time::timeout(DRAIN * 2, self.tasks.wait()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

/// The pause after a failed accept (too many open files).
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
