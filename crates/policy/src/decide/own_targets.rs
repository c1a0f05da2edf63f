//! Targets that are refused for where they lead: to Privet itself, or to the gateway's own network.

use std::net::IpAddr;

use super::decision::{Decision, block};
use super::finding::{Finding, OwnEndpoint};
use super::observer::Observer;
use super::wording;
use crate::own_network::OwnNetwork;
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
        let Action::Route(route) = verdict.action else {
            return verdict;
        };
        if self.is_client_here() {
            return Verdict {
                action: Action::Route(route),
                ..verdict
            };
        }
        let target = self.request.target;
        let (found, route) = match self.named_by {
            None => (self.own_network_of_target(), route.without_own_network()),
            // One of the name's addresses may have led to the rule, and another one here.
            Some(rule) if rule.has_ip_key() && target.host.name().is_some() => {
                (self.own_address(|ip| !rule.names_address(ip)), route)
            }
            Some(_) => (None, route),
        };
        let Some((kind, resolved)) = found else {
            return Verdict {
                action: Action::Route(route),
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

    /// Whether the client is on this machine.
    pub(super) fn is_client_here(&self) -> bool {
        let client = self.request.client.ip();
        self.policy.own().is_on_this_machine(client)
    }

    /// The part of the gateway's own network that the target is in, by itself or by an address of its name.
    fn own_network_of_target(&self) -> Option<(OwnNetwork, Option<IpAddr>)> {
        match self.policy.own().own_network_of(&self.request.target.host) {
            Some(kind) => Some((kind, None)),
            None => self.own_address(|_| true),
        }
    }

    /// The first of the name's addresses in the gateway's own network that `counts`.
    fn own_address(&self, counts: impl Fn(IpAddr) -> bool) -> Option<(OwnNetwork, Option<IpAddr>)> {
        let mut addresses = self.request.addresses.known().iter().copied();
        addresses.find_map(|ip| {
            let kind = self.policy.own().own_network_at(ip)?;
            counts(ip).then_some((kind, Some(ip)))
        })
    }
}
