//! CONNECT: decide, dial, record, reply. The gateway decides again where a reload comes before the connection is open.

use std::pin::pin;

use privet_connection_log::{CloseReason, LiveConnection};
use privet_gateway::{HandshakeOutcome, Refusal, RequestContext, SocksGateway, TunnelInspector};
use privet_net::reset_watch::unless_reset;
use privet_net::{Connected, HttpProxyMode, Stream};
use privet_policy::Inspection;

use super::client::SocksClient;
use super::parsed::Command;

pub async fn connect<G: SocksGateway>(
    mut client: SocksClient,
    context: &RequestContext<'_>,
    gateway: &G,
) -> HandshakeOutcome {
    match open(&mut client.stream, context, gateway).await {
        Ok(Ok(Opened::Tunnel(connected, live))) => {
            let bound = connected.local_addr();
            client.tunnel(connected, live, bound).await
        }
        Ok(Ok(Opened::Inspect(inspector))) => client.inspect(inspector).await,
        Ok(Err(refusal)) => client.refuse(&refusal, Command::Connect).await,
        Err(ClientGone) => HandshakeOutcome::Done,
    }
}

/// What a client gets.
#[expect(
    clippy::large_enum_variant,
    reason = "made and taken apart at once: boxing would cost more than it saves"
)]
enum Opened {
    Tunnel(Connected, LiveConnection),
    Inspect(TunnelInspector),
}

/// The client reset its connection. It is recorded already.
struct ClientGone;

async fn open<G: SocksGateway>(
    client: &mut Stream,
    context: &RequestContext<'_>,
    gateway: &G,
) -> Result<Result<Opened, Refusal>, ClientGone> {
    let decision = match unless_reset(client, pin!(gateway.decide(context))).await {
        Ok(Ok(decision)) => decision,
        Ok(Err(refusal)) => return Ok(Err(refusal)),
        Err(_) => return Err(ClientGone),
    };
    if matches!(decision.treatment.inspection, Inspection::Inspect { .. })
        && let Some(inspector) = gateway.inspect(context, &decision)
    {
        return Ok(Ok(Opened::Inspect(inspector)));
    }
    // Pinned here: passing a future on by value copies it, and keeps room for it twice.
    let dialing = pin!(gateway.dial(context, &decision, HttpProxyMode::Connect));
    match unless_reset(client, dialing).await {
        Ok(Ok(connected)) => {
            let live = gateway.record(context, &decision, &connected);
            Ok(Ok(Opened::Tunnel(connected, live)))
        }
        Ok(Err(refusal)) => Ok(Err(refusal)),
        Err(error) => {
            let text = Some(format!("the client's connection broke: {error}"));
            gateway.record_refused(context, &decision.why, CloseReason::Broken, text);
            Err(ClientGone)
        }
    }
}
