//! Closes a connection so that its last response arrives.

use std::time::Duration;

use privet_net::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// How long and how much is read from a client that still sends after the last response: closing at once would reset
/// the connection, and the response would be lost.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 256 * 1024;

/// Closes the connection after a response, reading what the client still sends for a while.
pub async fn linger(mut client: Stream) {
    if client.shutdown().await.is_err() {
        return;
    }
    let drain = async {
        let mut waste = vec![0; 4096];
        let mut left = LINGER_BYTES;
        while let Ok(count) = client.read(&mut waste).await {
            left = left.saturating_sub(count);
            if count == 0 || left == 0 {
                return;
            }
        }
    };
    let _ = timeout(LINGER, drain).await;
}
