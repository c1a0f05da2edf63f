//! The loop of one client connection: a head, its answer, the next head; until it becomes a tunnel or ends.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use privet_connection_log::{CloseReason, LiveConnection};
use privet_net::Dialed;
use privet_policy::Listener;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::deadline::Deadline;
use super::refuse;
use super::rows::Rows;
use super::work::Lent;
use crate::body::Buffer;
use crate::head::BadRequest;
use crate::login::Login;
use crate::road::{Road, Served};

/// Serves one client connection. `first`: what was read of it already. `local`: our address that it reached.
///
/// The whole first head has to be there by `deadline`; a later one has [`Road::handshake_timeout`] from its first byte.
pub fn serve<'a, R: Road>(
    client: TcpStream,
    first: &[u8],
    deadline: Instant,
    local: SocketAddr,
    peer: SocketAddr,
    listener: Listener,
    road: &'a R,
) -> impl Future<Output = Served> + Send + use<'a, R> {
    let mut inbound = Buffer::lend();
    let all = inbound.append(first) == first.len();
    let connection = Connection {
        client,
        road,
        ends: Ends {
            local,
            peer,
            listener,
        },
        inbound: Some(inbound),
        work: Lent::none(),
        rows: Rows::default(),
        deadline: Deadline::at(deadline),
        waits: Wait::Head,
        login: Login::default(),
        user: None,
    };
    Box::pin(async move {
        if all {
            connection.run().await
        } else {
            Served::Done
        }
    })
}

/// Both addresses of the client connection and where it came in.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub local: SocketAddr,
    pub peer: SocketAddr,
    pub listener: Listener,
}

/// What the deadline stands for while a head is awaited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Not set yet.
    Unset,
    /// For the first byte of a next request.
    Idle,
    /// For the whole head.
    Head,
}

pub(super) struct Connection<'a, R> {
    pub client: TcpStream,
    pub road: &'a R,
    pub ends: Ends,
    /// What was read of the client and not used yet.
    pub inbound: Option<Buffer>,
    pub work: Lent,
    pub rows: Rows,
    pub deadline: Deadline,
    waits: Wait,
    pub login: Login,
    pub user: Option<Arc<str>>,
}

/// What comes after an answer.
pub(super) enum Next {
    Request,
    Close,
    /// The client may still be sending.
    Linger,
    Tunnel {
        ahead: Bytes,
        dialed: Box<Dialed>,
        live: LiveConnection,
    },
}

impl<R: Road> Connection<'_, R> {
    async fn run(mut self) -> Served {
        loop {
            let next = match poll_fn(|cx| self.poll_head(cx)).await {
                Ok(true) => self.answer().await,
                Ok(false) => Next::Close,
                Err(bad) => {
                    refuse::send(&mut self.client, &refuse::bad_request(bad)).await;
                    Next::Linger
                }
            };
            match next {
                Next::Request => self.waits = Wait::Unset,
                Next::Close => return Served::Done,
                Next::Linger => {
                    self.inbound = None;
                    self.work.give_back();
                    refuse::linger(self.client).await;
                    return Served::Done;
                }
                Next::Tunnel {
                    ahead,
                    dialed,
                    live,
                } => {
                    return Served::Tunnel {
                        client: self.client,
                        ahead,
                        dialed: *dialed,
                        live,
                    };
                }
            }
        }
    }

    /// Waits for a whole head. `false`: the client closed, or was silent for too long between requests.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, BadRequest>> {
        loop {
            if let Some(buffer) = &self.inbound
                && !buffer.is_empty()
            {
                let work = self.work.get();
                if work.head.parse(buffer.filled(), &mut work.scan)? {
                    return Poll::Ready(Ok(true));
                }
                if self.waits != Wait::Head {
                    self.waits = Wait::Head;
                    self.deadline.set(self.road.handshake_timeout());
                }
            }
            let buffer = self.inbound.get_or_insert_with(Buffer::lend);
            match buffer.poll_fill(cx, &mut self.client) {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => return Poll::Ready(Ok(false)),
                Poll::Pending if buffer.is_empty() => {
                    self.inbound = None;
                    self.work.give_back();
                    break;
                }
                Poll::Pending => break,
            }
        }
        if self.waits == Wait::Unset {
            self.waits = Wait::Idle;
            self.deadline.set(self.road.idle_timeout());
        }
        if self.rows.poll_cancelled(cx).is_ready() {
            return Poll::Ready(Ok(false));
        }
        match self.deadline.poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) if self.inbound.is_some() => Poll::Ready(Err(BadRequest::Timeout)),
            Poll::Ready(()) => {
                self.rows.end(CloseReason::Idle, None);
                Poll::Ready(Ok(false))
            }
        }
    }
}
