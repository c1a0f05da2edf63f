//! UDP ASSOCIATE (RFC 1928, section 7): a relay socket beside the client's TCP connection, as long as that is open.

pub mod datagram;

mod answers;
mod association;
mod client_endpoint;
mod decide;
mod dropped;
mod flow;
mod outbound_sockets;

use std::future::poll_fn;
use std::net::SocketAddr;

use fast_socks5::ReplyError;

use association::Association;
use client_endpoint::ClientEndpoint;

use super::client::{ClientIdentity, SocksClient};
use super::reject::reject;
use privet_gateway::SocksGateway;
use privet_policy::Target;

/// Serves an association to its end: the client closes, or no datagram passes for [`privet_gateway::Gateway::idle_timeout`].
/// `declared`: the client's own UDP address as its request says.
pub(super) async fn associate<G: SocksGateway>(
    mut client: SocksClient,
    identity: ClientIdentity,
    declared: &Target,
    gateway: &G,
) {
    // On the address that the client reached: others may be unreachable for it.
    let at = SocketAddr::new(identity.local.ip().to_canonical(), 0);
    let open = || {
        let relay = privet_net::udp::bind(at)?;
        let at = relay.local_addr()?;
        std::io::Result::Ok((relay, at))
    };
    let mut opened = open();
    if opened.as_ref().is_err_and(privet_net::is_exhausted) && gateway.free_descriptors().await {
        opened = open();
    }
    let (relay, at) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            tracing::warn!(%error, "no socket for a UDP association");
            let reply = client.version.rejected(ReplyError::GeneralFailure);
            return reject(client.stream, &reply).await;
        }
    };
    if !client.grant(Some(at)).await {
        return;
    }
    let endpoint = ClientEndpoint::new(identity.peer.ip(), declared);
    let mut association =
        Association::new(client.stream, relay, endpoint, identity, gateway.clone());
    poll_fn(|cx| association.poll(cx)).await;
    association.record_dropped();
}
