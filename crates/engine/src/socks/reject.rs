//! Last replies that arrive: a socket closed with unread bytes sends RST, and RST discards a reply on its way.

use std::time::Duration;

use privet_net::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// How long a rejected client may take to close, and a granted one to take its reply.
const REPLY_TIMEOUT: Duration = Duration::from_secs(1);
/// How much of what a rejected client still sends is read and discarded, in bytes.
const MAX_DISCARDED: usize = 16 * 1024;

/// Sends a last reply, shuts down our side, and discards what the client sends until it closes.
pub async fn reject(mut client: Stream, reply: &[u8]) {
    let closing = async {
        client.write_all(reply).await?;
        client.shutdown().await?;
        let mut discarded = 0;
        let mut buffer = [0; 512];
        while discarded < MAX_DISCARDED {
            match client.read(&mut buffer).await? {
                0 => break,
                read => discarded += read,
            }
        }
        std::io::Result::Ok(())
    };
    // An error or a timeout: the client is closed all the same.
    let _ = timeout(REPLY_TIMEOUT, closing).await;
}

/// Sends a reply to a client that goes on; `false`: it is gone, or does not read.
pub async fn send_reply(client: &mut Stream, reply: &[u8]) -> bool {
    let sent = match client.try_write(reply) {
        Ok(sent) => sent,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => 0,
        Err(_) => return false,
    };
    match reply.get(sent..) {
        None | Some([]) => true,
        Some(rest) => matches!(
            timeout(REPLY_TIMEOUT, client.write_all(rest)).await,
            Ok(Ok(()))
        ),
    }
}
