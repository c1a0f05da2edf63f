//! CONNECT: decide, dial, book, answer. What remains is two sockets for the relay.

use privet_connection_log::CloseReason;
use privet_gateway::HandshakeOutcome;
use privet_net::HttpProxyMode;
use privet_policy::Target;

use super::parsed::Command;
use super::recheck::still_holds;
use super::reject::say;
use super::{Asker, Caller};
use privet_gateway::SocksGateway;

pub async fn connect<R: SocksGateway>(
    mut caller: Caller,
    asker: &Asker,
    target: &Target,
    gateway: &R,
) -> HandshakeOutcome {
    let context = asker.context(caller.dialect.protocol(), target);
    let generation = gateway.policy_generation();
    let decision = match gateway.decide(&context).await {
        Ok(decision) => decision,
        Err(refusal) => return caller.refuse(&refusal, Command::Connect).await,
    };
    let connected = match gateway
        .dial(&context, &decision, HttpProxyMode::Connect)
        .await
    {
        Ok(connected) => connected,
        Err(refusal) => return caller.refuse(&refusal, Command::Connect).await,
    };
    if let Err(refusal) = still_holds(gateway, generation, &context, &decision).await {
        return caller.refuse(&refusal, Command::Connect).await;
    }
    let live = gateway.record(&context, &decision, &connected);
    let granted = caller.dialect.granted(connected.local);
    if !say(&mut caller.client, &granted).await {
        live.close(CloseReason::Broken, None);
        return HandshakeOutcome::Done;
    }
    HandshakeOutcome::Tunnel {
        client: caller.client,
        preread: caller.preread,
        connected,
        live,
    }
}
