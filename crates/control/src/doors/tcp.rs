//! The TCP door: only where `[control] http` or `[control] metrics` says so.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::serve::{ACCEPT_PAUSE, Door, MAX_CONNECTIONS, connection};
use crate::guard::Ends;

/// Binds `address`; the error names it.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves `router` to whoever connects; the router's own layers check who that is.
pub fn open(listener: TcpListener, router: Router) -> Door {
    let door = Door::new();
    let (closing, tasks) = (door.closing.clone(), door.tasks.clone());
    door.tasks.spawn(async move {
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(permit) = room.clone().acquire_owned().await else {
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
            let Ok(local) = stream.local_addr() else {
                continue;
            };
            let _ = stream.set_nodelay(true);
            let (router, closing) = (router.clone(), closing.clone());
            tasks.spawn(async move {
                connection(stream, router, Some(Ends { local, peer }), closing).await;
                drop(permit);
            });
        }
    });
    door
}
