//! A client's request as the policy decides on it.

use privet_gateway::RequestContext;
use privet_http::turn;
use privet_policy::{Addresses, Program, Request};

pub(super) fn policy_request<'a>(
    context: &'a RequestContext<'_>,
    app: Program<'a>,
    addresses: Addresses<'a>,
) -> Request<'a> {
    Request {
        listener: context.listener,
        client: context.client,
        protocol: context.protocol,
        user: context.user.map(|user| &**user),
        app,
        target: context.target,
        addresses,
        url: context.url,
        page: context.page,
        at: turn::wall_time(),
    }
}
