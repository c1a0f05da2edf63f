//! What several of these tests need.

use crate::common::*;

pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A client of a new proxy.
pub async fn client(gateway: &TestGateway) -> Peer {
    Peer::connect(proxy(gateway.clone()).await).await
}

pub fn get(port: u16, path: &str) -> String {
    format!("GET http://127.0.0.1:{port}{path} HTTP/1.1\r\nHost: x\r\n\r\n")
}
