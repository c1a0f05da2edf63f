//! Targets that are refused for where they lead: to Privet itself, or to the gateway's own network.

use super::decision::{Decision, block};
use super::finding::{Finding, OwnEndpoint};
use super::observer::Observer;
use super::wording;
use crate::{Action, Verdict, WhyKind};

impl<O: Observer> Decision<'_, O> {
    /// A target that is Privet itself is refused: it would loop.
    pub(super) fn own_endpoint(&mut self) -> Option<Verdict> {
        let (own, target) = (self.policy.own(), self.request.target);
        let mut addresses = self.request.addresses.known().iter().copied();
        // Without a listener on this port nothing else has to be compared.
        let found = if !own.has_port(target.port) {
            None
        } else if own.answers(target) {
            Some(OwnEndpoint::Named)
        } else {
            addresses
                .find(|ip| own.answers_at(*ip, target.port))
                .map(OwnEndpoint::Resolved)
        };
        self.observer
            .saw(self.policy, Finding::OwnEndpoint { target, found });
        found.map(|found| block(WhyKind::Loop, wording::own_endpoint(target, found)))
    }

    /// A client on another machine does not reach the gateway's own network, unless a rule that names the target sends it
    /// there. Names that are resolved later are checked by what the permit covers.
    pub(super) fn without_own_network(&mut self, verdict: Verdict) -> Verdict {
        let (own, target) = (self.policy.own(), self.request.target);
        let client = self.request.client.ip();
        let Action::Route(route) = verdict.action else {
            return verdict;
        };
        if own.is_on_this_machine(client) || self.named_by_rule {
            return Verdict {
                action: Action::Route(route),
                ..verdict
            };
        }
        let mut addresses = self.request.addresses.known().iter();
        let found = match own.own_network_of(&target.host) {
            Some(kind) => Some((kind, None)),
            None => addresses.find_map(|ip| Some((own.own_network_at(*ip)?, Some(*ip)))),
        };
        let Some((kind, resolved)) = found else {
            return Verdict {
                action: Action::Route(route.without_own_network()),
                ..verdict
            };
        };
        let finding = Finding::OwnNetwork {
            target,
            kind,
            resolved,
        };
        self.observer.saw(self.policy, finding);
        let text = wording::own_network(target, kind, resolved);
        block(WhyKind::OwnNetwork, text)
    }
}
