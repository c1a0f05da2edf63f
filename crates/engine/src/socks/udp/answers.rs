//! Applies the answers of the gateway: a flow gets its route and its row, or its refusal.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use privet_connection_log::CloseReason;
use privet_gateway::RouteDecision;
use privet_net::udp::UpstreamUdp;
use privet_policy::{Protocol, Route, Target};

use super::association::Association;
use super::decide::{self, FlowRefusal};
use super::flow::{FAILURE_HOLDS, FlowRoute, REFUSAL_HOLDS};
use privet_gateway::SocksGateway;

impl<G: SocksGateway> Association<G> {
    pub(super) fn decided(
        &mut self,
        cx: &mut Context<'_>,
        target: Target,
        generation: u64,
        answer: Result<(Arc<RouteDecision>, Vec<SocketAddr>), FlowRefusal>,
        now: Instant,
    ) {
        let Some(flow) = self.flows.get_mut(&target).filter(|flow| flow.deciding) else {
            return;
        };
        if generation != self.gateway.policy_generation() {
            self.pending
                .push(decide::decide(&self.gateway, &self.identity, target));
            return;
        }
        flow.decided(now, generation);
        let (decision, addresses) = match answer {
            Ok(answer) => answer,
            Err(no) => {
                flow.refuse(now + holds(no), CloseReason::Reload);
                drop(self.flows.take_queue(&target));
                return;
            }
        };
        match &decision.route {
            Route::Direct(permit) => {
                self.outbound.permit(permit);
                self.go_direct(cx, target, &decision, addresses, now);
            }
            Route::Via { .. } => {
                let context = self.identity.context(Protocol::Udp, &target);
                let key = self.gateway.association_key(&context, &decision);
                if flow.route == FlowRoute::Upstream(key) {
                    return self.flush(cx, &target, now);
                }
                flow.route = FlowRoute::Opening(key);
                flow.decision = Some(decision.clone());
                if self.outbound.has(key) {
                    self.go_through(cx, &target, key, now);
                } else if !self.opening.contains(&key) {
                    self.opening.push(key);
                    self.pending.push(decide::open(
                        &self.gateway,
                        &self.identity,
                        target,
                        decision,
                        key,
                    ));
                }
            }
        }
    }

    fn go_direct(
        &mut self,
        cx: &mut Context<'_>,
        target: Target,
        decision: &RouteDecision,
        addresses: Vec<SocketAddr>,
        now: Instant,
    ) {
        let Some(flow) = self.flows.get_mut(&target) else {
            return;
        };
        if !matches!(flow.route, FlowRoute::Direct(_)) || flow.live.is_none() {
            let context = self.identity.context(Protocol::Udp, &target);
            let remote = addresses.first().copied();
            flow.live = Some(
                self.gateway
                    .record_datagrams(&context, decision, None, remote),
            );
        }
        flow.route = FlowRoute::Direct(addresses.clone());
        self.flows.expect(&target, &addresses);
        self.flush(cx, &target, now);
    }

    fn go_through(&mut self, cx: &mut Context<'_>, target: &Target, key: u64, now: Instant) {
        let route = self.outbound.route(key);
        let Some(flow) = self.flows.get_mut(target) else {
            return;
        };
        if let Some(decision) = flow.decision.take() {
            let context = self.identity.context(Protocol::Udp, target);
            let live = self
                .gateway
                .record_datagrams(&context, &decision, route.as_ref(), None);
            flow.live = Some(live);
        }
        flow.route = FlowRoute::Upstream(key);
        self.flush(cx, target, now);
    }

    pub(super) fn opened(
        &mut self,
        cx: &mut Context<'_>,
        key: u64,
        upstream: Result<UpstreamUdp, FlowRefusal>,
        now: Instant,
    ) {
        self.opening.retain(|opening| *opening != key);
        let waiting = self.flows.of_upstream(key);
        match upstream {
            Ok(upstream) => {
                self.outbound.add(key, upstream);
                for target in waiting {
                    self.go_through(cx, &target, key, now);
                }
            }
            Err(no) => {
                for target in waiting {
                    drop(self.flows.take_queue(&target));
                    if let Some(flow) = self.flows.get_mut(&target) {
                        flow.refuse(now + holds(no), CloseReason::Failed);
                    }
                }
            }
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>, target: &Target, now: Instant) {
        for data in self.flows.take_queue(target) {
            self.send(cx, target.clone(), &data, now);
        }
    }
}

fn holds(no: FlowRefusal) -> Duration {
    match no {
        FlowRefusal::Blocked => REFUSAL_HOLDS,
        FlowRefusal::Failed => FAILURE_HOLDS,
    }
}
