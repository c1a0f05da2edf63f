//! CONNECT: opens the connection, replies to the client, and hands both over as a tunnel.

use bytes::Bytes;
use privet_connection_log::CloseReason;
use privet_net::HttpProxyMode;

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
        let opened = match self.gateway.decide(&context).await {
            Ok(decision) => match Box::pin(self.gateway.dial(
                &context,
                &decision,
                HttpProxyMode::Connect,
            ))
            .await
            {
                Ok(connected) => Ok((
                    self.gateway.record(&context, &decision, &connected),
                    connected,
                )),
                Err(refusal) => Err(refusal),
            },
            Err(refusal) => Err(refusal),
        };
        let (live, connected) = match opened {
            Ok(opened) => opened,
            Err(refusal) => return self.refuse(refusal).await,
        };
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
