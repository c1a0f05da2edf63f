//! The TCP server: only if `[control] http` or `[control] metrics` says so.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};

use super::http::{Accept, Server};
use crate::auth::guard::ConnectionAddresses;

pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves `router` to everyone who connects; the router's layers check who that is.
pub fn serve(listener: TcpListener, router: Router) -> Server {
    Server::start(TcpServer(listener), router)
}

struct TcpServer(TcpListener);

impl Accept for TcpServer {
    type Stream = TcpStream;
    type Extension = ConnectionAddresses;

    async fn accept(&self) -> io::Result<(TcpStream, ConnectionAddresses)> {
        let (stream, peer) = self.0.accept().await?;
        let connection = ConnectionAddresses {
            listener: self.0.local_addr()?,
            local: stream.local_addr()?,
            peer,
        };
        let _ = stream.set_nodelay(true);
        Ok((stream, connection))
    }
}
