//! BIND (RFC 1928, section 4): the client waits for one connection from a peer that it named, as FTP's active mode does.

use std::net::SocketAddr;
use std::time::Duration;

use privet_connection_log::{CloseReason, LiveConnection};
use privet_gateway::{HandshakeOutcome, Refusal, RequestContext, RouteDecision, SocksGateway};
use privet_net::bind::{ACCEPT_TIMEOUT, BindListener};
use privet_net::{Connected, DialError, DialErrorKind};
use privet_policy::Target;
use tokio::time::{sleep, timeout};

use super::client::SocksClient;
use super::parsed::Command;
use super::recheck::still_holds;

/// Interval at which a waiting BIND checks whether the policy changed.
const POLICY_CHECK: Duration = Duration::from_secs(1);

/// A decision for a BIND, and the policy that made it.
struct BindDecision {
    decision: RouteDecision,
    generation: u64,
}

/// Decides, listens and replies; accepts one connection from the expected peer and replies again. Then it is a tunnel.
pub async fn bind<G: SocksGateway>(
    mut client: SocksClient,
    context: &RequestContext<'_>,
    gateway: &G,
) -> HandshakeOutcome {
    let (granted, listener) = match listen(context, gateway).await {
        Ok(listening) => listening,
        Err(refusal) => return client.refuse(&refusal, Command::Bind).await,
    };
    if !client.grant(Some(listener.address())).await {
        return HandshakeOutcome::Done;
    }
    let accepted = tokio::select! {
        accepted = accept(listener, &granted, context, gateway) => accepted,
        refusal = revoked(&granted, context, gateway) => Err(refusal),
        // What the client sends early stays in its socket for the relay.
        () = client.stream.closed() => return HandshakeOutcome::Done,
    };
    match accepted {
        Ok((connected, peer, live)) => client.tunnel(connected, live, Some(peer)).await,
        Err(refusal) => client.refuse(&refusal, Command::Bind).await,
    }
}

async fn listen<G: SocksGateway>(
    context: &RequestContext<'_>,
    gateway: &G,
) -> Result<(BindDecision, BindListener), Refusal> {
    let generation = gateway.policy_generation();
    let decision = gateway.decide(context).await?;
    let listener = gateway.bind(context, &decision).await?;
    let granted = BindDecision {
        decision,
        generation,
    };
    Ok((granted, listener))
}

async fn accept<G: SocksGateway>(
    listener: BindListener,
    granted: &BindDecision,
    context: &RequestContext<'_>,
    gateway: &G,
) -> Result<(Connected, SocketAddr, LiveConnection), Refusal> {
    let decision = &granted.decision;
    let accepted = timeout(
        ACCEPT_TIMEOUT,
        listener.accept(|| gateway.free_descriptors()),
    )
    .await;
    let accepted = accepted.unwrap_or_else(|_| Err(no_peer(context.target)));
    let (connected, peer) = accepted.map_err(|error| {
        let text = Some(error.to_string());
        gateway.record_refused(context, &decision.why, CloseReason::Failed, text);
        Refusal::Failed(error)
    })?;
    still_holds(gateway, granted.generation, context, decision).await?;
    let live = gateway.record(context, decision, &connected);
    Ok((connected, peer, live))
}

fn no_peer(target: &Target) -> DialError {
    DialError {
        kind: DialErrorKind::TimedOut,
        hop: None,
        text: format!(
            "nobody connected from {} in {} s",
            target.host,
            ACCEPT_TIMEOUT.as_secs()
        ),
    }
}

/// Ends once a reload forbids what was granted: after a kill switch was turned on the system must not accept a peer.
async fn revoked<G: SocksGateway>(
    granted: &BindDecision,
    context: &RequestContext<'_>,
    gateway: &G,
) -> Refusal {
    let mut generation = granted.generation;
    loop {
        sleep(POLICY_CHECK).await;
        let now = gateway.policy_generation();
        if let Err(refusal) = still_holds(gateway, generation, context, &granted.decision).await {
            return refusal;
        }
        generation = now;
    }
}
