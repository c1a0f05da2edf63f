//! CONNECT: opens the connection, replies to the client, and hands both over as a tunnel.

use privet_connection_log::CloseReason;
use privet_gateway::TunnelInspector;
use privet_net::HttpProxyMode;

use super::flow::{NextStep, RequestFlow, request};
use crate::exchange::Downstream;
use crate::exchange::downstream::unless_gone;
use crate::service::Service;

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    /// Replies that the tunnel is open: what the client sends says whether, and how, the destination is dialed.
    pub(super) async fn inspect(&mut self, inspector: TunnelInspector) -> NextStep {
        let preread = self.client.take_preread();
        match self.client.accept_tunnel().await {
            true => NextStep::Inspect { preread, inspector },
            false => NextStep::Close,
        }
    }

    pub(super) async fn tunnel(&mut self, fetch: S::Fetch) -> NextStep {
        let service = self.service;
        let (bytes, watch) = self.client.head_and_watch();
        let Some(request) = request!(self, bytes) else {
            return NextStep::Close;
        };
        let dialing = Box::pin(service.dial(&request, &fetch, HttpProxyMode::Connect));
        let connected = match unless_gone(watch, dialing).await {
            Ok(Ok(connected)) => connected,
            Ok(Err(failure)) => return self.reply(failure.response).await,
            Err(error) => {
                let text = Some(format!("the client's connection broke: {error}"));
                service.record_refused(&request, &fetch, CloseReason::Broken, text);
                return NextStep::Close;
            }
        };
        let live = service.record(&request, &fetch, &connected);
        let preread = self.client.take_preread();
        if !self.client.accept_tunnel().await {
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
