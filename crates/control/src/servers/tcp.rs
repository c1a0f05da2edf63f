//! The TCP server: only if `[control] http` or `[control] metrics` says so.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::http::{ACCEPT_PAUSE, MAX_CONNECTIONS, Server, serve_connection};
use crate::guard::ConnectionAddresses;

pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves `router` to everyone who connects; the router's layers check who that is.
pub fn serve(listener: TcpListener, router: Router) -> Server {
    let server = Server::new();
    let bound = listener.local_addr();
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
            let Ok((stream, peer)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let (Ok(local), Ok(listener)) = (stream.local_addr(), &bound) else {
                continue;
            };
            let connection = ConnectionAddresses {
                listener: *listener,
                local,
                peer,
            };
            let _ = stream.set_nodelay(true);
            let (router, closing) = (router.clone(), closing.clone());
            tasks.spawn(async move {
                serve_connection(stream, router, Some(connection), closing).await;
                drop(permit);
            });
        }
    });
    server
}
