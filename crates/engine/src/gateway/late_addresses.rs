//! Addresses that are resolved after the decision are decided on before they are used.

use std::net::IpAddr;

use privet_gateway::{RequestContext, RouteDecision};
use privet_net::{AddressJudge, AddressUse, DialRequest, HttpProxyMode};
use privet_policy::{Action, Addresses, Program, Route, Why, reconsider};

use crate::gateway::client::GatewayClient;
use crate::gateway::policy_request::policy_request;
use crate::snapshot::Snapshot;

/// One decided request, for the addresses of its name that become known while it is dialed.
pub(super) struct LateAddresses<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) context: &'a RequestContext<'a>,
    pub(super) program: Program<'a>,
    pub(super) client: GatewayClient<'a>,
}

impl AddressJudge for LateAddresses<'_> {
    fn judge(&self, addresses: &[IpAddr], purpose: AddressUse) -> Result<(), Why> {
        let request = policy_request(self.context, self.program, Addresses::from(addresses));
        let verdict = reconsider(&request, &self.snapshot.policy);
        match (verdict.action, purpose) {
            (Action::Block, _) => Err(verdict.why),
            (Action::Route(Route::Via { fallback: None, .. }), AddressUse::Direct) => Err(Why {
                kind: verdict.why.kind,
                text: format!(
                    "{} is not reached directly at its addresses: {}",
                    self.context.target, verdict.why.text
                )
                .into(),
            }),
            (Action::Route(_), _) => Ok(()),
        }
    }
}

/// A decision as the dialer takes it.
pub(super) fn dial_request<'a>(
    snapshot: &'a Snapshot,
    context: &RequestContext<'a>,
    decision: &'a RouteDecision,
    judge: &'a LateAddresses<'a>,
    http_proxy: HttpProxyMode,
) -> DialRequest<'a> {
    DialRequest {
        target: context.target,
        addresses: &decision.addresses,
        dns: &snapshot.policy.mode().dns,
        resolve_permit: snapshot.policy.permit(),
        judge,
        lookup_client: &judge.client,
        app: decision.app.as_deref(),
        client: context.client,
        http_proxy,
    }
}
