//! The outbound sockets of one association: direct ones where the policy permits them, and one association for each upstream.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use privet_net::udp::{DirectUdp, UpstreamUdp};
use privet_policy::{DirectPermit, Target};
use tokio::io::ReadBuf;

use super::datagram;
use super::flow::FlowRoute;

/// Upstream associations of one association (routes times isolation keys); past it the oldest is ended.
const MAX_UPSTREAMS: usize = 32;

#[derive(Default)]
pub struct OutboundSockets {
    /// `None` until a decision permits direct datagrams.
    direct: Option<DirectUdp>,
    upstreams: Vec<(u64, UpstreamUdp)>,
    next: usize,
}

impl OutboundSockets {
    /// Permits direct datagrams; each flow's decision says to which targets.
    pub fn permit(&mut self, permit: &DirectPermit) {
        self.direct.get_or_insert_with(|| DirectUdp::new(permit));
    }

    pub fn has(&self, key: u64) -> bool {
        self.upstreams.iter().any(|(of, _)| *of == key)
    }

    pub fn add(&mut self, key: u64, upstream: UpstreamUdp) {
        if self.upstreams.len() >= MAX_UPSTREAMS {
            drop(self.upstreams.remove(0));
        }
        self.upstreams.push((key, upstream));
    }

    /// The upstream's name in the connection log.
    pub fn route(&self, key: u64) -> Option<Arc<str>> {
        let (_, upstream) = self.upstreams.iter().find(|(of, _)| *of == key)?;
        Some(upstream.route().clone())
    }

    /// Ends the associations that nothing uses any more.
    pub fn keep(&mut self, mut used: impl FnMut(u64) -> bool) {
        self.upstreams.retain(|(key, _)| used(*key));
    }

    /// Sends one datagram now or not at all; whether it left.
    pub fn send(&mut self, route: &mut FlowRoute, target: &Target, data: &[u8]) -> bool {
        match route {
            FlowRoute::Direct(addresses) => self.send_direct(addresses, data),
            FlowRoute::Upstream(key) => self
                .upstreams
                .iter()
                .find(|(of, _)| of == key)
                .is_some_and(|(_, upstream)| {
                    upstream.send(&datagram::header(target), data).is_ok()
                }),
            FlowRoute::Deciding | FlowRoute::Opening(_) | FlowRoute::Refused(_) => false,
        }
    }

    /// Sends to the first address that is reachable.
    fn send_direct(&mut self, addresses: &mut [SocketAddr], data: &[u8]) -> bool {
        let Some(direct) = &mut self.direct else {
            return false;
        };
        for _ in 0..addresses.len() {
            let Some(to) = addresses.first().copied() else {
                return false;
            };
            match direct.send(data, to) {
                Ok(()) => return true,
                Err(error) if is_unreachable(&error) => addresses.rotate_left(1),
                Err(_) => return false,
            }
        }
        false
    }

    /// Receives one datagram that came directly, and its source.
    pub fn poll_direct(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        match &mut self.direct {
            Some(direct) => direct.poll_recv(cx, buffer),
            None => Poll::Pending,
        }
    }

    /// Receives one datagram from an upstream, in turn.
    pub fn poll_upstreams(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<(u64, io::Result<()>)> {
        for _ in 0..self.upstreams.len() {
            self.next = (self.next + 1) % self.upstreams.len();
            let Some((key, upstream)) = self.upstreams.get(self.next) else {
                continue;
            };
            if let Poll::Ready(received) = upstream.poll_recv(cx, buffer) {
                return Poll::Ready((*key, received));
            }
        }
        Poll::Pending
    }

    /// Removes the upstreams that ended their association.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Vec<u64> {
        let mut closed = Vec::new();
        self.upstreams.retain_mut(|(key, upstream)| {
            let over = upstream.poll_closed(cx).is_ready();
            if over {
                closed.push(*key);
            }
            !over
        });
        closed
    }
}

fn is_unreachable(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::NetworkUnreachable | Kind::HostUnreachable | Kind::AddrNotAvailable
    )
}
