//! CONNECT: opens the connection, replies to the client, and hands both over as a tunnel.

use bytes::Bytes;
use privet_connection_log::CloseReason;
use privet_net::HttpProxyMode;
use privet_net::reset_watch::unless_reset;

use super::reject;
use super::request_context::{filled, request_context};
use super::serve::{Connection, NextStep};
use privet_gateway::Gateway;

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

impl<R: Gateway> Connection<'_, R> {
    pub(super) async fn connect(&mut self) -> NextStep {
        let scratch = self.scratch.get();
        let Some(context) = request_context(
            self.info,
            &scratch.head,
            &scratch.url,
            &scratch.page,
            &self.user,
        ) else {
            return NextStep::Close;
        };
        let decision = match unless_reset(&mut self.client, self.gateway.decide(&context)).await {
            Ok(Ok(decision)) => decision,
            Ok(Err(refusal)) => return self.refuse(refusal).await,
            Err(_) => return NextStep::Close,
        };
        let dialing = Box::pin(
            self.gateway
                .dial(&context, &decision, HttpProxyMode::Connect),
        );
        let connected = match unless_reset(&mut self.client, dialing).await {
            Ok(Ok(connected)) => connected,
            Ok(Err(refusal)) => return self.refuse(refusal).await,
            Err(error) => {
                let text = Some(format!("the client's connection broke: {error}"));
                self.gateway
                    .record_refused(&context, &decision.why, CloseReason::Broken, text);
                return NextStep::Close;
            }
        };
        let live = self.gateway.record(&context, &decision, &connected);
        let preread = filled(&self.inbound)
            .get(scratch.head.len..)
            .map(Bytes::copy_from_slice)
            .unwrap_or_default();
        self.inbound = None;
        self.scratch.give_back();
        if !reject::send(&mut self.client, ESTABLISHED).await {
            live.close(CloseReason::Broken, Some("the client went away".into()));
            return NextStep::Close;
        }
        NextStep::Tunnel {
            preread,
            connected: Box::new(connected),
            live,
        }
    }
}
