//! Decides who responds to a request: the proxy itself (authentication, refusals, `Max-Forwards`), a tunnel, or the
//! origin.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use super::request_context::filled;
use super::serve::{Connection, NextStep};
use super::{local_response, reject};
use crate::body::Buffer;
use crate::error_page::ResponseFormat;
use crate::head::{BodyLength, Method, RequestHead};
use privet_gateway::{Gateway, Refusal};

/// The longest body of a refused request that is read, to keep the connection.
const MAX_DRAINED: u64 = 64 * 1024;
/// The limit for reading it.
const DRAIN: Duration = Duration::from_secs(5);
impl<R: Gateway> Connection<'_, R> {
    /// Responds to the request whose head is in `scratch`.
    pub(super) async fn answer(&mut self) -> NextStep {
        if self.gateway.requires_authentication() {
            let head = &self.scratch.get().head;
            let filled = filled(&self.inbound);
            let value = head.proxy_authorization.map(|span| span.of_buffer(filled));
            let ip = self.info.peer.ip();
            match self.proxy_auth.check(self.gateway, ip, value).await {
                Some(user) => self.user = Some(user),
                None => {
                    return self.reply(reject::authentication_required).await;
                }
            }
        }
        let head = &self.scratch.get().head;
        if head.method == Method::Connect {
            return self.connect().await;
        }
        let close = !head.keeps_alive() || !may_drain(head);
        let mut out = Vec::new();
        if local_response::answer(&mut out, head, filled(&self.inbound), close) {
            return self.reply(|_| out).await;
        }
        self.forward().await
    }

    /// Sends a response of the proxy itself, made by `write`, and discards the request's body.
    pub(super) async fn reply(
        &mut self,
        write: impl FnOnce(ResponseFormat) -> Vec<u8>,
    ) -> NextStep {
        let head = &self.scratch.get().head;
        let preread = filled(&self.inbound).len() > head.len;
        // Bytes behind a refused CONNECT may belong to the tunnel.
        let tunnel = head.method == Method::Connect && preread;
        let close = !head.keeps_alive() || !may_drain(head) || tunnel;
        let bytes = write(format(head, close));
        let body = head.body;
        if !reject::send(&mut self.client, &bytes).await {
            return NextStep::Close;
        }
        if close {
            return NextStep::Linger;
        }
        self.consume_head();
        match body {
            BodyLength::Known(left) if left > 0 => self.drain(left).await,
            _ => NextStep::Request,
        }
    }

    /// Reads and discards a small body.
    pub(super) async fn drain(&mut self, mut left: u64) -> NextStep {
        let (client, inbound) = (&mut self.client, &mut self.inbound);
        let drained = timeout(
            DRAIN,
            poll_fn(|cx| {
                loop {
                    let buffer = inbound.get_or_insert_with(Buffer::small);
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
            Ok(true) => NextStep::Request,
            _ => NextStep::Close,
        }
    }

    pub(super) async fn refuse(&mut self, refusal: Refusal) -> NextStep {
        let Some(target) = self.scratch.get().head.target.clone() else {
            return NextStep::Close;
        };
        self.reply(|format| reject::refusal(&refusal, &target, format))
            .await
    }
}

/// Whether the connection can be kept after a refusal: there is no body, or a small one that the client sends anyway.
fn may_drain(head: &RequestHead) -> bool {
    match head.body {
        BodyLength::None => true,
        BodyLength::Known(length) => length <= MAX_DRAINED && !head.expects_continue,
        BodyLength::Chunked | BodyLength::UntilClose => false,
    }
}

pub(super) fn format(head: &RequestHead, close: bool) -> ResponseFormat {
    ResponseFormat {
        close,
        head_only: head.method == Method::Head,
        json: head.wants_json,
    }
}
