//! A tunnel whose client sends nothing at first: the destination may be the one that speaks first, as with mail or SSH.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use privet_connection_log::CloseReason;
use privet_net::Stream;
use privet_policy::UntouchedBy;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::session::Session;

/// How long both sides may be silent.
const SILENT_FOR: Duration = Duration::from_secs(300);
/// Bytes that are read at first.
const FIRST_READ: usize = 4096;

/// Which side sent first.
enum FirstSender {
    Client,
    Destination,
    ClientGone,
    DestinationGone,
}

impl Session {
    /// Connects to the destination, and waits for the first side that sends. Only where that is the destination does the tunnel pass
    /// untouched: HTTP and TLS begin with the client, and a client that is merely slow is inspected as any other.
    pub(super) async fn silent(self, mut client: Stream) {
        let Some(mut connected) = self.dial(&mut client).await else {
            return;
        };
        let (mut up, mut down) = (BytesMut::new(), BytesMut::from(&*connected.preread));
        let spoke = !down.is_empty();
        up.reserve(FIRST_READ);
        down.reserve(FIRST_READ);
        let speaking = async {
            tokio::select! {
                biased;
                read = client.read_buf(&mut up) => match read {
                    Ok(1..) => FirstSender::Client,
                    Ok(0) | Err(_) => FirstSender::ClientGone,
                },
                read = connected.stream.read_buf(&mut down), if !spoke => match read {
                    Ok(1..) => FirstSender::Destination,
                    Ok(0) | Err(_) => FirstSender::DestinationGone,
                },
                () = std::future::ready(()), if spoke => FirstSender::Destination,
            }
        };
        match timeout(SILENT_FOR, speaking).await {
            Ok(FirstSender::Client) => {
                // What it is has to be seen before the destination gets any of it.
                drop(connected);
                self.begin(client, up).await;
            }
            Ok(FirstSender::Destination) => {
                connected.preread = down.freeze();
                self.relay(client, Bytes::new(), connected, UntouchedBy::Silent)
                    .await;
            }
            Ok(FirstSender::ClientGone) => {}
            Ok(FirstSender::DestinationGone) => {
                self.not_begun("the host closed the connection before anything was sent");
            }
            Err(_) => self.not_begun("neither side sent anything for five minutes"),
        }
    }

    fn not_begun(&self, why: &str) {
        self.refuse(CloseReason::Failed, format!("inspection: {why}"));
    }
}
