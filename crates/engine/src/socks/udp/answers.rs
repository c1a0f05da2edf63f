//! What an association does with the answers to its questions: a flow gets its way and its row, or its refusal.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use privet_connection_log::CloseReason;
use privet_gateway::RouteDecision;
use privet_net::udp::UpstreamUdp;
use privet_policy::{Protocol, Route, Target};

use super::association::Association;
use super::decide::{self, No};
use super::flow::{FAILURE_HOLDS, REFUSAL_HOLDS, Way};
use privet_gateway::SocksGateway;

impl<R: SocksGateway> Association<R> {
    pub(super) fn decided(
        &mut self,
        cx: &mut Context<'_>,
        target: Target,
        generation: u64,
        answer: Result<(Arc<RouteDecision>, Vec<SocketAddr>), No>,
        now: Instant,
    ) {
        let Some(flow) = self.flows.get_mut(&target).filter(|flow| flow.deciding) else {
            return;
        };
        if generation != self.gateway.policy_generation() {
            self.asked
                .push(decide::decide(&self.gateway, &self.asker, target));
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
                self.outward.permit(permit);
                self.go_direct(cx, target, &decision, addresses, now);
            }
            Route::Via { .. } => {
                let context = self.asker.context(Protocol::Udp, &target);
                let key = self.gateway.association_key(&context, &decision);
                if flow.way == Way::Upstream(key) {
                    return self.flush(cx, &target, now);
                }
                flow.way = Way::Opening(key);
                flow.decision = Some(decision.clone());
                if self.outward.has(key) {
                    self.go_through(cx, &target, key, now);
                } else if !self.opening.contains(&key) {
                    self.opening.push(key);
                    self.asked.push(decide::open(
                        &self.gateway,
                        &self.asker,
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
        if !matches!(flow.way, Way::Direct(_)) || flow.live.is_none() {
            let context = self.asker.context(Protocol::Udp, &target);
            let remote = addresses.first().copied();
            flow.live = Some(
                self.gateway
                    .record_datagrams(&context, decision, None, remote),
            );
        }
        flow.way = Way::Direct(addresses.clone());
        self.flows.expect(&target, &addresses);
        self.flush(cx, &target, now);
    }

    fn go_through(&mut self, cx: &mut Context<'_>, target: &Target, key: u64, now: Instant) {
        let route = self.outward.route(key);
        let Some(flow) = self.flows.get_mut(target) else {
            return;
        };
        if let Some(decision) = flow.decision.take() {
            let context = self.asker.context(Protocol::Udp, target);
            let live = self
                .gateway
                .record_datagrams(&context, &decision, route.as_ref(), None);
            flow.live = Some(live);
        }
        flow.way = Way::Upstream(key);
        self.flush(cx, target, now);
    }

    pub(super) fn opened(
        &mut self,
        cx: &mut Context<'_>,
        key: u64,
        upstream: Result<UpstreamUdp, No>,
        now: Instant,
    ) {
        self.opening.retain(|opening| *opening != key);
        let waiting = self.flows.of_upstream(key);
        match upstream {
            Ok(upstream) => {
                self.outward.add(key, upstream);
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

fn holds(no: No) -> Duration {
    match no {
        No::Blocked => REFUSAL_HOLDS,
        No::Failed => FAILURE_HOLDS,
    }
}
