//! UDP ASSOCIATE (RFC 1928, section 7): a relay socket beside the client's TCP connection, for as long as that stands.

pub mod datagram;

mod answers;
mod association;
mod decide;
mod flow;
mod latch;
mod outward;

use std::future::poll_fn;
use std::net::SocketAddr;

use fast_socks5::ReplyError;

use association::Association;
use latch::Latch;

use super::reject::{farewell, say};
use super::{Asker, Caller};
use privet_gateway::SocksGateway;

/// Serves an association to its end: the client hangs up, or nothing moves for [`privet_gateway::Gateway::idle_timeout`].
/// `port`: the client's own UDP port as its request says, 0 where it does not know yet.
pub(super) async fn associate<R: SocksGateway>(
    mut caller: Caller,
    asker: Asker,
    port: u16,
    gateway: &R,
) {
    // On the address that the client reached: it can reach it again, and others perhaps not at all.
    let at = SocketAddr::new(asker.local.ip().to_canonical(), 0);
    let opened = privet_net::udp::bind(at).and_then(|relay| {
        let at = relay.local_addr()?;
        Ok((relay, at))
    });
    let (relay, at) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            tracing::warn!(%error, "no socket for a UDP association");
            let reply = caller.dialect.rejected(ReplyError::GeneralFailure);
            return farewell(caller.client, &reply).await;
        }
    };
    if !say(&mut caller.client, &caller.dialect.granted(Some(at))).await {
        return;
    }
    let latch = Latch::new(asker.peer.ip(), port);
    let mut association = Association::new(caller.client, relay, latch, asker, gateway.clone());
    poll_fn(|cx| association.poll(cx)).await;
}
