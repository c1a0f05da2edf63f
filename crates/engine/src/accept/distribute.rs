//! Spreads the connections of one socket over all threads in turn. Our own listeners have a socket for each thread; one that the
//! service manager passed is the only one.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Connections that wait for a thread; more stay on the thread that accepted them.
const MAX_WAITING: usize = 256;

/// A connection on its way to another thread.
pub(crate) type Accepted = (std::net::TcpStream, SocketAddr);

/// The other threads; none where each has its own socket.
#[derive(Default)]
pub(crate) struct Distributor {
    others: Vec<mpsc::Sender<Accepted>>,
    next: usize,
}

impl Distributor {
    /// What the new thread receives.
    pub(crate) fn add_thread(&mut self) -> mpsc::Receiver<Accepted> {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        self.others.push(sender);
        receiver
    }

    /// Passes a connection on where it is another thread's turn; else, or where that has too many, it is given back.
    pub(crate) fn pass_on(
        &mut self,
        (client, peer): (TcpStream, SocketAddr),
    ) -> Option<(TcpStream, SocketAddr)> {
        if self.others.is_empty() {
            return Some((client, peer));
        }
        let turn = self.next;
        self.next = (turn + 1) % (self.others.len() + 1);
        let Some(other) = self.others.get(turn) else {
            return Some((client, peer));
        };
        // The runtime of this thread lets go of it.
        let client = client.into_std().ok()?;
        match other.try_send((client, peer)) {
            Ok(()) => None,
            Err(TrySendError::Full((client, peer)) | TrySendError::Closed((client, peer))) => {
                Some((TcpStream::from_std(client).ok()?, peer))
            }
        }
    }
}
