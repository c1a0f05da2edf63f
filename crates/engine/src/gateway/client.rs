//! Whom a connection counts for: its program, where that is on this machine and known, else its address.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use privet_net::{ClientKey, LookupClient};
use privet_policy::App;
use privet_system::ProgramState;

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
