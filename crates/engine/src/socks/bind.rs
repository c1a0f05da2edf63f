//! BIND (RFC 1928, section 4): a client waits for one connection from a peer that it named, as FTP's active mode does.

use std::time::Duration;

use privet_connection_log::CloseReason;
use privet_gateway::{HandshakeOutcome, Refusal, RequestContext, RouteDecision};
use privet_net::Stream;
use privet_net::bind::ACCEPT_TIMEOUT;
use privet_net::{DialError, DialErrorKind};
use privet_policy::Target;
use tokio::time::{sleep, timeout};

use super::parsed::Command;
use super::recheck::still_holds;
use super::reject::say;
use super::{Asker, Caller};
use privet_gateway::SocksGateway;

/// How often a BIND that waits looks whether its policy is still in force.
const LOOK: Duration = Duration::from_secs(1);

/// Decide, listen, first reply; one connection from the expected peer, second reply; then it is a tunnel.
pub async fn bind<R: SocksGateway>(
    mut caller: Caller,
    asker: &Asker,
    target: &Target,
    gateway: &R,
) -> HandshakeOutcome {
    let context = asker.context(caller.dialect.protocol(), target);
    let generation = gateway.policy_generation();
    let decision = match gateway.decide(&context).await {
        Ok(decision) => decision,
        Err(refusal) => return caller.refuse(&refusal, Command::Bind).await,
    };
    let bound = match gateway.bind(&context, &decision).await {
        Ok(bound) => bound,
        Err(refusal) => return caller.refuse(&refusal, Command::Bind).await,
    };
    if !say(
        &mut caller.client,
        &caller.dialect.granted(Some(bound.address())),
    )
    .await
    {
        return HandshakeOutcome::Done;
    }
    let arrived = tokio::select! {
        arrived = timeout(ACCEPT_TIMEOUT, bound.accept()) => arrived.unwrap_or_else(|_| Err(nobody_came(target))),
        refusal = forbidden(gateway, generation, &context, &decision) => {
            return caller.refuse(&refusal, Command::Bind).await;
        }
        () = gone(&mut caller.client) => return HandshakeOutcome::Done,
    };
    let (connected, peer) = match arrived {
        Ok(arrived) => arrived,
        Err(error) => {
            gateway.record_refused(
                &context,
                &decision.why,
                CloseReason::Failed,
                Some(error.to_string()),
            );
            return caller.refuse(&Refusal::Failed(error), Command::Bind).await;
        }
    };
    if let Err(refusal) = still_holds(gateway, generation, &context, &decision).await {
        return caller.refuse(&refusal, Command::Bind).await;
    }
    let live = gateway.record(&context, &decision, &connected);
    if !say(&mut caller.client, &caller.dialect.granted(Some(peer))).await {
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

fn nobody_came(target: &Target) -> DialError {
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

/// Ends once a reload forbids what was granted: where a kill switch came, the system may not greet a peer any more.
async fn forbidden<R: SocksGateway>(
    gateway: &R,
    mut generation: u64,
    context: &RequestContext<'_>,
    decision: &RouteDecision,
) -> Refusal {
    loop {
        sleep(LOOK).await;
        let now = gateway.policy_generation();
        if let Err(refusal) = still_holds(gateway, generation, context, decision).await {
            return refusal;
        }
        generation = now;
    }
}

/// Ends when the client hangs up. What it sends early stays in the socket for the relay, and ends the watch.
async fn gone(client: &mut Stream) {
    client.closed().await;
}
