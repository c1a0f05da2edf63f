//! Saying no so that it is heard: a socket closed with unread bytes in it sends RST, and RST destroys a reply on its way.

use std::time::Duration;

use privet_net::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// How long a refused client may take to hang up.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of what it still sends is read away, in bytes.
const DRAIN: usize = 16 * 1024;

/// Sends a last reply, ends our side, and reads away what the client had under way until it hangs up.
pub async fn farewell(mut client: Stream, reply: &[u8]) {
    let goodbye = async {
        client.write_all(reply).await?;
        client.shutdown().await?;
        let mut drained = 0;
        let mut away = [0; 512];
        while drained < DRAIN {
            match client.read(&mut away).await? {
                0 => break,
                read => drained += read,
            }
        }
        std::io::Result::Ok(())
    };
    // Whatever fails here, the client is gone, and that was the aim.
    let _ = timeout(PATIENCE, goodbye).await;
}

/// Sends a reply to a client that goes on; `false`: it is gone, or takes nothing.
pub async fn say(client: &mut Stream, reply: &[u8]) -> bool {
    let sent = match client.try_write(reply) {
        Ok(sent) => sent,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => 0,
        Err(_) => return false,
    };
    match reply.get(sent..) {
        None | Some([]) => true,
        Some(rest) => matches!(timeout(PATIENCE, client.write_all(rest)).await, Ok(Ok(()))),
    }
}
