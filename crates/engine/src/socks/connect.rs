//! CONNECT: decide, dial, record, reply. The gateway decides again where a reload comes before the connection is open.

use privet_connection_log::LiveConnection;
use privet_gateway::{HandshakeOutcome, Refusal, RequestContext, SocksGateway};
use privet_net::{Connected, HttpProxyMode};

use super::SocksClient;
use super::parsed::Command;

pub async fn connect<G: SocksGateway>(
    client: SocksClient,
    context: &RequestContext<'_>,
    gateway: &G,
) -> HandshakeOutcome {
    match open(context, gateway).await {
        Ok((connected, live)) => {
            let bound = connected.local;
            client.tunnel(connected, live, bound).await
        }
        Err(refusal) => client.refuse(&refusal, Command::Connect).await,
    }
}

async fn open<G: SocksGateway>(
    context: &RequestContext<'_>,
    gateway: &G,
) -> Result<(Connected, LiveConnection), Refusal> {
    let decision = gateway.decide(context).await?;
    let connected = gateway
        .dial(context, &decision, HttpProxyMode::Connect)
        .await?;
    let live = gateway.record(context, &decision, &connected);
    Ok((connected, live))
}
