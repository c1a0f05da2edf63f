//! Who answers a request: we ourselves (login, refusals, what goes no further), a tunnel, or the far end.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use super::ask::{consume, filled};
use super::serve::{Connection, Next};
use super::{own, refuse};
use crate::body::Buffer;
use crate::head::{Length, Method, RequestHead};
use crate::page::Shape;
use crate::road::{Refusal, Road};

/// The longest body of a refused request that is read and thrown away to keep the connection.
const MAX_DRAINED: u64 = 64 * 1024;
/// How long that may take.
const DRAIN: Duration = Duration::from_secs(5);
impl<R: Road> Connection<'_, R> {
    /// Answers the request whose head stands in `work`.
    pub(super) async fn answer(&mut self) -> Next {
        if self.road.asks_login() {
            let head = &self.work.get().head;
            let filled = filled(&self.inbound);
            let value = head.proxy_authorization.map(|span| span.of_buffer(filled));
            let ip = self.ends.peer.ip();
            match self.login.check(self.road, ip, value).await {
                Some(user) => self.user = Some(user),
                None => {
                    return self.reply(refuse::login_wanted).await;
                }
            }
        }
        let head = &self.work.get().head;
        if head.method == Method::Connect {
            return self.connect().await;
        }
        let close = !head.keeps_alive() || !may_drain(head);
        let mut out = Vec::new();
        if own::answer(&mut out, head, filled(&self.inbound), close) {
            return self.reply(|_| out).await;
        }
        self.forward().await
    }

    /// Sends an answer of our own, made by `write`, and gets rid of the request's body.
    pub(super) async fn reply(&mut self, write: impl FnOnce(Shape) -> Vec<u8>) -> Next {
        let head = &self.work.get().head;
        let ahead = filled(&self.inbound).len() > head.len;
        // Bytes behind a refused CONNECT may belong to the tunnel that it did not get.
        let tunnel = head.method == Method::Connect && ahead;
        let close = !head.keeps_alive() || !may_drain(head) || tunnel;
        let bytes = write(shape(head, close));
        let (len, body) = (head.len, head.body);
        if !refuse::send(&mut self.client, &bytes).await {
            return Next::Close;
        }
        if close {
            return Next::Linger;
        }
        consume(&mut self.inbound, len);
        match body {
            Length::Known(left) if left > 0 => self.drain(left).await,
            _ => Next::Request,
        }
    }

    /// Reads a small body and throws it away.
    pub(super) async fn drain(&mut self, mut left: u64) -> Next {
        let (client, inbound) = (&mut self.client, &mut self.inbound);
        let drained = timeout(
            DRAIN,
            poll_fn(|cx| {
                loop {
                    let buffer = inbound.get_or_insert_with(Buffer::lend);
                    let here = (buffer.filled().len() as u64).min(left);
                    buffer.consume(here as usize);
                    left -= here;
                    if left == 0 {
                        return Poll::Ready(true);
                    }
                    match buffer.poll_fill(cx, client) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(Ok(count)) if count > 0 => {}
                        Poll::Ready(_) => return Poll::Ready(false),
                    }
                }
            }),
        );
        match drained.await {
            Ok(true) => Next::Request,
            _ => Next::Close,
        }
    }

    pub(super) async fn refuse(&mut self, refusal: Refusal) -> Next {
        let Some(target) = self.work.get().head.target.clone() else {
            return Next::Close;
        };
        self.reply(|shape| refuse::refusal(&refusal, &target, shape))
            .await
    }
}

/// Whether the connection can go on after a refusal: the body is absent or small and on its way.
fn may_drain(head: &RequestHead) -> bool {
    match head.body {
        Length::None => true,
        Length::Known(length) => length <= MAX_DRAINED && !head.expects_continue,
        Length::Chunked | Length::UntilClose => false,
    }
}

pub(super) fn shape(head: &RequestHead, close: bool) -> Shape {
    Shape {
        close,
        head_only: head.method == Method::Head,
        json: head.wants_json,
    }
}
