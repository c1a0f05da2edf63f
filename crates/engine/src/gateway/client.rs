//! Whom a connection counts for: its program, where that is on this machine and known, else its address.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use privet_net::{ClientKey, LookupClient};
use privet_policy::App;
use privet_system::ProgramState;

use crate::accept::connection_limit::ConnectionSlot;
use crate::accept::local_client::is_on_this_machine;
use crate::gateway::engine_gateway::EngineGateway;

/// The client behind a gateway.
pub(super) struct GatewayClient<'a> {
    pub(super) gateway: &'a EngineGateway,
    pub(super) address: IpAddr,
}

impl EngineGateway {
    /// As far as it is known at once.
    pub(super) fn client_key(&self, address: IpAddr) -> ClientKey {
        key(self.program.state(), address).0
    }

    /// After a short wait for the program, which it returns too.
    pub(crate) async fn settled_client_key(
        &self,
        address: IpAddr,
    ) -> (ClientKey, Option<Arc<App>>) {
        key(self.program_of_rule().await, address)
    }
}

impl EngineGateway {
    /// Counts the connection of a program of this machine for that program; `false`: as many as allowed are open.
    pub(crate) async fn count_connection(
        &self,
        peer: SocketAddr,
        local: SocketAddr,
        slot: &mut ConnectionSlot,
    ) -> bool {
        let most = {
            let snapshot = self.shared.snapshot.load();
            snapshot.config.listen.limits.connections_per_client
        };
        if most == 0 || slot.is_counted_for_client() || !is_on_this_machine(peer, local) {
            return true;
        }
        // Boxed, so that sessions without this limit stay small.
        let (key, app) = Box::pin(self.settled_client_key(peer.ip())).await;
        let who = || match app {
            Some(app) => app.name.to_string(),
            None => peer.ip().to_canonical().to_string(),
        };
        self.shared.count_for_client(slot, key, most, who)
    }
}

fn key(state: ProgramState, address: IpAddr) -> (ClientKey, Option<Arc<App>>) {
    match state {
        ProgramState::Known(app) => (ClientKey::of_program(&app), Some(app)),
        ProgramState::Pending | ProgramState::Absent | ProgramState::Unknown => {
            (ClientKey::of_address(address), None)
        }
    }
}

impl LookupClient for GatewayClient<'_> {
    fn key(&self) -> ClientKey {
        self.gateway.client_key(self.address)
    }

    fn settled_key(&self) -> Pin<Box<dyn Future<Output = ClientKey> + Send + '_>> {
        Box::pin(async { self.gateway.settled_client_key(self.address).await.0 })
    }
}
