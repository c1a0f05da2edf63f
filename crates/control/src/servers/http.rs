//! Serves HTTP/1.1 on accepted connections, with limits on the size of heads, on time and on the number of connections.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::header::EXPECT;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
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
const MAX_CONNECTIONS: usize = 128;
/// How long running calls may take to finish when the server closes.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause after a failed accept (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A listener that a [`Server`] accepts from.
pub(crate) trait Accept: Send + Sync + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// What each request of a connection gets as an extension.
    type Extension: Clone + Send + Sync + 'static;

    /// The next connection. Cancel safe.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Extension)>> + Send;
}

/// Serves one connection until it ends, or until the running call is answered once `closing` is cancelled. Adds `extension` to
/// each request.
async fn serve_connection<I, X>(stream: I, router: Router, extension: X, closing: CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    X: Clone + Send + Sync + 'static,
{
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(extension.clone());
        let router = TowerToHyperService::new(router.clone());
        let awaits_continue = request.headers().contains_key(EXPECT);
        let (request, body) = RequestBody::wrap(request);
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
            match tokio::time::timeout(DRAIN_TIMEOUT, serving).await {
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
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Serves `router` on every connection that `listener` accepts.
    pub(crate) fn start(listener: impl Accept, router: Router) -> Self {
        let server = Self {
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let (closing, tasks) = (server.closing.clone(), server.tasks.clone());
        server.tasks.spawn(async move {
            let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
            loop {
                let Ok(permit) = connections.clone().acquire_owned().await else {
                    return;
                };
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = closing.cancelled() => return,
                };
                let Ok((stream, extension)) = accepted else {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let (router, closing) = (router.clone(), closing.clone());
                tasks.spawn(async move {
                    serve_connection(stream, router, extension, closing).await;
                    drop(permit);
                });
            }
        });
        server
    }

    /// Accepts no more connections and waits at most 4 s for the open ones.
    pub async fn close(self) {
        self.closing.cancel();
        self.tasks.close();
        let _ = tokio::time::timeout(DRAIN_TIMEOUT * 2, self.tasks.wait()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}
