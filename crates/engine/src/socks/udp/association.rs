//! One association: a single task polls the control connection, the relay socket, the outbound sockets and the pending
//! answers of the gateway. Nothing is spawned, so all of it ends with the client's TCP connection.

use std::cell::RefCell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use privet_connection_log::CloseReason;
use privet_net::Stream;
use privet_policy::{Protocol, Target};
use socket2::SockRef;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::UdpSocket;
use tokio::time::Sleep;

use super::client_endpoint::ClientEndpoint;
use super::datagram::{self, Header};
use super::decide::{self, GatewayAnswer, MAX_PENDING, PendingAnswer};
use super::dropped::{DropReason, DroppedDatagrams};
use super::flow::{FlowRoute, Flows};
use super::outbound_sockets::OutboundSockets;
use crate::socks::client::ClientIdentity;
use privet_gateway::{RefusedClient, SocksGateway};

/// Datagrams read from one socket before the others are polled.
const MAX_AT_ONCE: usize = 32;
/// Larger than any IP datagram, so that nothing is truncated.
const MAX_DATAGRAM: usize = 64 * 1024;
/// Interval at which flows are swept while there are any.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

thread_local! {
    /// A datagram is received, decided and sent within one poll, so all associations of a thread share one buffer.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; MAX_DATAGRAM].into_boxed_slice());
}

pub struct Association<G> {
    control: Stream,
    relay: UdpSocket,
    /// The relay socket is connected: the kernel drops datagrams of other senders.
    connected: bool,
    endpoint: ClientEndpoint,
    pub(super) identity: Arc<ClientIdentity>,
    pub(super) gateway: G,
    pub(super) flows: Flows,
    pub(super) outbound: OutboundSockets,
    pub(super) pending: Vec<PendingAnswer>,
    pub(super) opening: Vec<u64>,
    dropped: DroppedDatagrams,
    timer: Pin<Box<Sleep>>,
    idle_timeout: Duration,
    last_activity: Instant,
}

impl<G: SocksGateway> Association<G> {
    pub fn new(
        control: Stream,
        relay: UdpSocket,
        endpoint: ClientEndpoint,
        identity: ClientIdentity,
        gateway: G,
    ) -> Self {
        let idle_timeout = gateway.idle_timeout();
        Self {
            control,
            relay,
            connected: false,
            endpoint,
            identity: Arc::new(identity),
            gateway,
            flows: Flows::default(),
            outbound: OutboundSockets::default(),
            pending: Vec::new(),
            opening: Vec::new(),
            dropped: DroppedDatagrams::default(),
            timer: Box::pin(tokio::time::sleep(idle_timeout)),
            idle_timeout,
            last_activity: Instant::now(),
        }
    }

    /// Records what was dropped, at the end of the association.
    pub fn record_dropped(&self) {
        let client = RefusedClient {
            listener: self.identity.listener,
            peer: self.identity.peer,
            local: self.identity.local,
            protocol: Protocol::Udp,
            user: self.identity.user.as_ref(),
        };
        for sentence in self.dropped.sentences() {
            client.record(&self.gateway, sentence);
        }
    }

    /// Ready once the association is over.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        if self.poll_closed_by_client(cx) || self.poll_timer(cx, now) {
            return Poll::Ready(());
        }
        let mut more = BUFFER.with_borrow_mut(|buffer| self.poll_client(cx, buffer, now));
        self.poll_answers(cx, now);
        more |= BUFFER.with_borrow_mut(|buffer| {
            self.poll_direct(cx, buffer, now) | self.poll_upstreams(cx, buffer, now)
        });
        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// RFC 1928, section 6: the association ends with the TCP connection. What arrives on it has no meaning.
    fn poll_closed_by_client(&mut self, cx: &mut Context<'_>) -> bool {
        let mut bytes = [0; 256];
        for _ in 0..MAX_AT_ONCE {
            let mut read = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.control).poll_read(cx, &mut read) {
                Poll::Pending => return false,
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {}
                Poll::Ready(_) => return true,
            }
        }
        cx.waker().wake_by_ref();
        false
    }

    /// Sweeps the flows; `true`: no datagram passed for the idle timeout.
    fn poll_timer(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        while self.timer.as_mut().poll(cx).is_ready() {
            if now.duration_since(self.last_activity) >= self.idle_timeout {
                return true;
            }
            self.flows.remove_expired(cx, now);
            self.outbound
                .keep(|key| !self.flows.of_upstream(key).is_empty());
            let next = match self.flows.is_empty() {
                true => self.last_activity + self.idle_timeout,
                false => (now + SWEEP_INTERVAL).min(self.last_activity + self.idle_timeout),
            };
            self.timer.as_mut().reset(next.into());
        }
        false
    }

    /// Receives datagrams of the client; `true`: there may be more.
    fn poll_client(&mut self, cx: &mut Context<'_>, buffer: &mut [u8], now: Instant) -> bool {
        for _ in 0..MAX_AT_ONCE {
            let mut read = ReadBuf::new(buffer);
            match self.relay.poll_recv_from(cx, &mut read) {
                Poll::Pending => return false,
                // The kernel reports that an earlier reply found no socket at the client.
                Poll::Ready(Err(_)) => {}
                Poll::Ready(Ok(from)) => self.receive_from_client(cx, from, read.filled(), now),
            }
        }
        true
    }

    fn receive_from_client(
        &mut self,
        cx: &mut Context<'_>,
        from: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) {
        if !self.endpoint.admits(from) {
            return self.dropped.count(DropReason::Stranger);
        }
        let (target, data_at) = match datagram::parse(bytes) {
            Ok(parsed) => parsed,
            Err(error) => return self.dropped.count(error.into()),
        };
        if self.endpoint.client().is_none() {
            self.endpoint.fix(from);
            self.connected = SockRef::from(&self.relay).connect(&from.into()).is_ok();
        }
        let had_none = self.flows.is_empty();
        self.last_activity = now;
        self.send(cx, target, bytes.get(data_at..).unwrap_or_default(), now);
        if had_none {
            self.timer.as_mut().reset((now + SWEEP_INTERVAL).into());
        }
    }

    /// Sends a datagram by its flow's route, or asks for one first.
    pub(super) fn send(&mut self, cx: &mut Context<'_>, target: Target, data: &[u8], now: Instant) {
        let generation = self.gateway.policy_generation();
        let flow = self.flows.touch(&target, now);
        flow.end_if_cancelled(cx, now);
        if flow.wants_decision(now, generation) && self.pending.len() < MAX_PENDING {
            flow.deciding = true;
            if matches!(flow.route, FlowRoute::Refused(_)) {
                flow.route = FlowRoute::Deciding;
            }
            self.pending.push(decide::decide(
                &self.gateway,
                &self.identity,
                target.clone(),
            ));
        }
        match &mut flow.route {
            FlowRoute::Refused(_) => {}
            FlowRoute::Deciding | FlowRoute::Opening(_) => self.queue(&target, data),
            // Another policy is current: the earlier decision is not acted on.
            _ if flow.generation != generation => self.queue(&target, data),
            route => {
                if !self.outbound.send(route, &target, data) {
                    self.dropped.count(DropReason::NotSent);
                } else if let Some(live) = &flow.live {
                    live.up(data.len() as u64);
                }
            }
        }
    }

    fn queue(&mut self, target: &Target, data: &[u8]) {
        if !self.flows.queue(target, data) {
            self.dropped.count(DropReason::Waiting);
        }
    }

    /// Applies the answers that arrived. Applying one may start another request, which is polled in the same round.
    fn poll_answers(&mut self, cx: &mut Context<'_>, now: Instant) {
        let mut at = 0;
        while let Some(question) = self.pending.get_mut(at) {
            match question.as_mut().poll(cx) {
                Poll::Pending => at += 1,
                Poll::Ready(answer) => {
                    drop(self.pending.swap_remove(at));
                    match answer {
                        GatewayAnswer::Decided(target, generation, answer) => {
                            self.decided(cx, target, generation, answer, now);
                        }
                        GatewayAnswer::Opened(key, upstream) => self.opened(cx, key, upstream, now),
                    }
                }
            }
        }
    }

    /// Receives datagrams that came directly from targets.
    fn poll_direct(&mut self, cx: &mut Context<'_>, buffer: &mut [u8], now: Instant) -> bool {
        for _ in 0..MAX_AT_ONCE {
            let mut read = ReadBuf::new(buffer);
            match self.outbound.poll_direct(cx, &mut read) {
                Poll::Pending => return false,
                Poll::Ready(Err(_)) => {}
                Poll::Ready(Ok(from)) => {
                    let Some(flow) = self.flows.answered_by(from, now) else {
                        self.dropped.count(DropReason::NotAsked);
                        continue;
                    };
                    flow.end_if_cancelled(cx, now);
                    if let Some(live) = &flow.live {
                        live.down(read.filled().len() as u64);
                        self.last_activity = now;
                        self.send_to_client(&datagram::header_from(from), read.filled());
                    }
                }
            }
        }
        true
    }

    /// Receives datagrams that upstreams relay. An upstream that ended its association ends its flows.
    fn poll_upstreams(&mut self, cx: &mut Context<'_>, buffer: &mut [u8], now: Instant) -> bool {
        for key in self.outbound.poll_closed(cx) {
            for target in self.flows.of_upstream(key) {
                self.flows.forget(&target, CloseReason::Broken);
            }
        }
        for _ in 0..MAX_AT_ONCE {
            let mut read = ReadBuf::new(buffer);
            match self.outbound.poll_upstreams(cx, &mut read) {
                Poll::Pending => return false,
                Poll::Ready((_, Err(_))) => {}
                Poll::Ready((key, Ok(()))) => {
                    self.receive_from_upstream(cx, key, read.filled(), now)
                }
            }
        }
        true
    }

    fn receive_from_upstream(
        &mut self,
        cx: &mut Context<'_>,
        key: u64,
        bytes: &[u8],
        now: Instant,
    ) {
        let (source, data_at) = match datagram::parse(bytes) {
            Ok(parsed) => parsed,
            Err(error) => return self.dropped.count(error.into()),
        };
        let data = bytes.get(data_at..).unwrap_or_default();
        let Some(flow) = self.flows.answered_through(key, &source, now) else {
            return self.dropped.count(DropReason::NotAsked);
        };
        flow.end_if_cancelled(cx, now);
        if let Some(live) = &flow.live {
            live.down(data.len() as u64);
            self.last_activity = now;
            self.send_to_client(&datagram::header(&source), data);
        }
    }

    /// Sends a datagram to the client now or not at all.
    fn send_to_client(&self, header: &Header, data: &[u8]) {
        let Some(client) = self.endpoint.client() else {
            return;
        };
        let parts = [IoSlice::new(header), IoSlice::new(data)];
        let socket = SockRef::from(&self.relay);
        let sent: io::Result<usize> = match self.connected {
            true => socket.send_vectored(&parts),
            false => socket.send_to_vectored(&parts, &client.into()),
        };
        if let Err(error) = sent {
            tracing::trace!(%error, "a datagram to the client was dropped");
        }
    }
}
