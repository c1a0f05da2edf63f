//! The flows of one association, one a target: its route, its row, and the datagrams that wait for a decision.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use privet_connection_log::{CloseReason, LiveConnection};
use privet_gateway::RouteDecision;
use privet_policy::{Host, Target};

/// Flows of one association; the one silent longest makes room for a new one.
pub const MAX_FLOWS: usize = 512;
/// Datagrams that may wait for the decision on their target.
pub const MAX_QUEUED: usize = 16;
/// Bytes that may wait in one association.
pub const MAX_QUEUED_BYTES: usize = 256 * 1024;
/// A flow without a datagram in either direction is forgotten after this.
const FLOW_TIMEOUT: Duration = Duration::from_secs(120);
/// A decision is requested again after this time, and after every reload: rules may be temporary.
const DECISION_HOLDS: Duration = Duration::from_secs(10);
/// A refusal by the policy is valid longer, since each one is recorded.
pub const REFUSAL_HOLDS: Duration = Duration::from_secs(60);
/// Time after which a failed target is tried again.
pub const FAILURE_HOLDS: Duration = Duration::from_secs(5);

/// Where a target's datagrams go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowRoute {
    /// Not decided yet.
    Deciding,
    /// Decided: through the upstream association of this key, which is being opened.
    Opening(u64),
    /// To the first of these; the others are tried where it is unreachable.
    Direct(Vec<SocketAddr>),
    /// Through the upstream association of this key.
    Upstream(u64),
    /// Dropped until then.
    Refused(Instant),
}

/// One target of an association.
pub struct Flow {
    pub route: FlowRoute,
    /// A decision is under way.
    pub deciding: bool,
    pub live: Option<LiveConnection>,
    /// The policy that decided.
    pub generation: u64,
    /// Kept while an upstream association is opened.
    pub decision: Option<Arc<RouteDecision>>,
    decided: Instant,
    used: Instant,
    queue: Vec<Box<[u8]>>,
}

impl Flow {
    fn new(now: Instant) -> Self {
        Self {
            route: FlowRoute::Deciding,
            deciding: false,
            live: None,
            generation: 0,
            decision: None,
            decided: now,
            used: now,
            queue: Vec::new(),
        }
    }

    /// Whether a decision should be requested (again).
    pub fn wants_decision(&self, now: Instant, generation: u64) -> bool {
        !self.deciding
            && match &self.route {
                FlowRoute::Deciding => true,
                _ if self.generation != generation => true,
                FlowRoute::Refused(until) => now >= *until,
                _ => now.duration_since(self.decided) >= DECISION_HOLDS,
            }
    }

    pub fn decided(&mut self, now: Instant, generation: u64) {
        self.deciding = false;
        self.generation = generation;
        self.decided = now;
    }

    /// Drops queued and new datagrams until `until`.
    pub fn refuse(&mut self, until: Instant, end: CloseReason) {
        self.route = FlowRoute::Refused(until);
        self.decision = None;
        if let Some(live) = self.live.take() {
            live.close(end, None);
        }
    }

    /// Ends the flow where somebody closed its row.
    pub fn end_if_cancelled(&mut self, cx: &mut Context<'_>, now: Instant) {
        let cancelled = self
            .live
            .as_ref()
            .is_some_and(|live| live.poll_cancelled(cx) == Poll::Ready(()));
        if cancelled {
            self.refuse(now + REFUSAL_HOLDS, CloseReason::Closed);
        }
    }
}

/// All flows of one association.
#[derive(Default)]
pub struct Flows {
    flows: HashMap<Target, Flow>,
    sources: HashMap<SocketAddr, Target>,
    queued_bytes: usize,
}

impl Flows {
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    pub fn get_mut(&mut self, target: &Target) -> Option<&mut Flow> {
        self.flows.get_mut(target)
    }

    /// The flow of a target to which the client sends now.
    pub fn touch(&mut self, target: &Target, now: Instant) -> &mut Flow {
        if !self.flows.contains_key(target) && self.flows.len() >= MAX_FLOWS {
            self.forget_oldest();
        }
        let flow = self
            .flows
            .entry(target.clone())
            .or_insert_with(|| Flow::new(now));
        flow.used = now;
        flow
    }

    /// Keeps a datagram until its target is decided. `false`: it is dropped, since too many wait.
    pub fn queue(&mut self, target: &Target, data: &[u8]) -> bool {
        let Some(flow) = self.flows.get_mut(target) else {
            return false;
        };
        let fits =
            flow.queue.len() < MAX_QUEUED && self.queued_bytes + data.len() <= MAX_QUEUED_BYTES;
        if fits {
            self.queued_bytes += data.len();
            flow.queue.push(data.into());
        }
        fits
    }

    /// What waited for this target's decision.
    pub fn take_queue(&mut self, target: &Target) -> Vec<Box<[u8]>> {
        let queue = self
            .flows
            .get_mut(target)
            .map(|flow| std::mem::take(&mut flow.queue))
            .unwrap_or_default();
        self.queued_bytes -= bytes_of(&queue);
        queue
    }

    /// Datagrams from these addresses are answers of this target.
    pub fn expect(&mut self, target: &Target, sources: &[SocketAddr]) {
        for source in sources {
            self.sources.insert(*source, target.clone());
        }
    }

    /// The flow that a datagram received directly answers: one that was sent to that address, or at least to that host,
    /// since many protocols continue from another port.
    pub fn answered_by(&mut self, source: SocketAddr, now: Instant) -> Option<&mut Flow> {
        let target = match self.sources.get(&source) {
            Some(target) => target,
            None => {
                let ip = source.ip();
                let mut known = self.sources.iter();
                known.find(|(address, _)| address.ip() == ip)?.1
            }
        };
        let flow = self.flows.get_mut(target)?;
        flow.used = now;
        matches!(flow.route, FlowRoute::Direct(_)).then_some(flow)
    }

    /// The flow that a datagram from an upstream answers. Where names were sent nobody here knows their addresses: the
    /// name last sent to with that port is taken for it.
    pub fn answered_through(
        &mut self,
        key: u64,
        source: &Target,
        now: Instant,
    ) -> Option<&mut Flow> {
        let rank = |target: &Target| match (&target.host, &source.host) {
            _ if target == source => 3,
            (a, b) if a == b => 2,
            (Host::Name(_), Host::Ip(_)) if target.port == source.port => 1,
            _ => 0,
        };
        let (target, _) = self
            .flows
            .iter()
            .filter(|(target, flow)| flow.route == FlowRoute::Upstream(key) && rank(target) > 0)
            .max_by_key(|(target, flow)| (rank(target), flow.used))?;
        let target = target.clone();
        let flow = self.flows.get_mut(&target)?;
        flow.used = now;
        Some(flow)
    }

    /// The targets that wait for the upstream association of this key, or use it.
    pub fn of_upstream(&self, key: u64) -> Vec<Target> {
        let ways = [FlowRoute::Opening(key), FlowRoute::Upstream(key)];
        let mine = self
            .flows
            .iter()
            .filter(|(_, flow)| ways.contains(&flow.route));
        mine.map(|(target, _)| target.clone()).collect()
    }

    /// Forgets quiet flows and ends closed ones.
    pub fn remove_expired(&mut self, cx: &mut Context<'_>, now: Instant) {
        let mut quiet = Vec::new();
        for (target, flow) in &mut self.flows {
            flow.end_if_cancelled(cx, now);
            if now.duration_since(flow.used) >= FLOW_TIMEOUT {
                quiet.push(target.clone());
            }
        }
        for target in quiet {
            self.forget(&target, CloseReason::Idle);
        }
    }

    /// Ends a flow; the next datagram to its target is decided upon anew.
    pub fn forget(&mut self, target: &Target, end: CloseReason) {
        let Some(flow) = self.flows.remove(target) else {
            return;
        };
        self.queued_bytes -= bytes_of(&flow.queue);
        self.sources.retain(|_, of| of != target);
        if let Some(live) = flow.live {
            live.close(end, None);
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.flows.iter().min_by_key(|(_, flow)| flow.used);
        if let Some(target) = oldest.map(|(target, _)| target.clone()) {
            self.forget(&target, CloseReason::Finished);
        }
    }
}

fn bytes_of(queue: &[Box<[u8]>]) -> usize {
    queue.iter().map(|data| data.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, port: u16) -> Target {
        let host = Host::parse(host).unwrap();
        Target { host, port }
    }

    fn flow<'a>(
        flows: &'a mut Flows,
        name: &str,
        port: u16,
        route: FlowRoute,
        now: Instant,
    ) -> &'a mut Flow {
        let flow = flows.touch(&target(name, port), now);
        flow.route = route;
        flow
    }

    #[test]
    fn past_the_limit_the_flow_idle_longest_is_dropped() {
        let mut flows = Flows::default();
        let start = Instant::now();
        for number in 0..MAX_FLOWS as u16 {
            let now = start + Duration::from_millis(number.into());
            flows.touch(&target("192.0.2.1", number), now);
        }
        flows.touch(&target("192.0.2.1", 0), start + Duration::from_secs(9));
        flows.touch(&target("192.0.2.2", 1), start + Duration::from_secs(10));
        assert_eq!(flows.flows.len(), MAX_FLOWS);
        assert!(flows.get_mut(&target("192.0.2.1", 0)).is_some());
        assert!(flows.get_mut(&target("192.0.2.1", 1)).is_none());
    }

    #[test]
    fn queued_datagrams_are_bounded_by_count_and_bytes() {
        let mut flows = Flows::default();
        let now = Instant::now();
        let small = target("a.test", 1);
        flows.touch(&small, now);
        for _ in 0..2 * MAX_QUEUED {
            flows.queue(&small, b"x");
        }
        assert_eq!(flows.take_queue(&small).len(), MAX_QUEUED);
        let large = vec![0; MAX_QUEUED_BYTES / 4];
        for number in 0..5 {
            let target = target("b.test", number);
            flows.touch(&target, now);
            flows.queue(&target, &large);
        }
        assert_eq!(flows.queued_bytes, MAX_QUEUED_BYTES);
        assert_eq!(flows.take_queue(&target("b.test", 4)).len(), 0);
        flows.forget(&target("b.test", 0), CloseReason::Finished);
        assert_eq!(flows.queued_bytes, 3 * large.len());
    }

    #[test]
    fn an_answer_from_a_host_that_was_not_sent_to_belongs_to_no_flow() {
        let mut flows = Flows::default();
        let now = Instant::now();
        let sent_to: SocketAddr = "192.0.2.1:53".parse().unwrap();
        flow(
            &mut flows,
            "a.test",
            53,
            FlowRoute::Direct(vec![sent_to]),
            now,
        );
        flows.expect(&target("a.test", 53), &[sent_to]);
        assert!(flows.answered_by(sent_to, now).is_some());
        assert!(
            flows
                .answered_by("192.0.2.1:69".parse().unwrap(), now)
                .is_some()
        );
        assert!(
            flows
                .answered_by("192.0.2.2:53".parse().unwrap(), now)
                .is_none()
        );
        flows.forget(&target("a.test", 53), CloseReason::Idle);
        assert!(flows.answered_by(sent_to, now).is_none());
    }

    #[test]
    fn an_answer_through_an_upstream_goes_to_the_target_or_to_a_name_with_its_port() {
        let mut flows = Flows::default();
        let now = Instant::now();
        flow(&mut flows, "192.0.2.1", 53, FlowRoute::Upstream(1), now).used = now;
        flow(&mut flows, "a.test", 99, FlowRoute::Upstream(1), now);
        flow(&mut flows, "b.test", 77, FlowRoute::Upstream(2), now);
        let answered = |flows: &mut Flows, host: &str, port| {
            flows
                .answered_through(1, &target(host, port), now)
                .is_some()
        };
        assert!(answered(&mut flows, "192.0.2.1", 53));
        assert!(answered(&mut flows, "192.0.2.1", 54));
        assert!(answered(&mut flows, "198.51.100.7", 99));
        assert!(
            !answered(&mut flows, "198.51.100.7", 77),
            "another upstream's"
        );
        assert!(!answered(&mut flows, "198.51.100.7", 53));
    }

    #[test]
    fn an_old_decision_is_requested_again_and_never_twice_at_a_time() {
        let now = Instant::now();
        let mut flow = Flow::new(now);
        assert!(flow.wants_decision(now, 1));
        flow.deciding = true;
        assert!(!flow.wants_decision(now, 1));
        flow.decided(now, 1);
        flow.route = FlowRoute::Upstream(1);
        assert!(!flow.wants_decision(now, 1));
        assert!(flow.wants_decision(now + DECISION_HOLDS, 1));
        assert!(flow.wants_decision(now, 2), "another policy");
        flow.refuse(now + REFUSAL_HOLDS, CloseReason::Reload);
        assert!(!flow.wants_decision(now + DECISION_HOLDS, 1));
        assert!(flow.wants_decision(now + REFUSAL_HOLDS, 1));
    }
}
