//! From an ask to a verdict, and to the decision that a verdict gives.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use privet_config::{Dns, HeaderMode};
use privet_connection_log::CloseReason;
use privet_gateway::{Refusal, RequestContext, RouteDecision};
use privet_policy::{Action, App, Host, Request, Route, Verdict, decide, simulate};

use crate::gateway::EngineGateway;
use crate::snapshot::Snapshot;

impl EngineGateway {
    /// Judges with what has to be looked up first: the program, the target's addresses.
    pub(crate) async fn look_and_judge(
        &self,
        snapshot: &Snapshot,
        context: &RequestContext<'_>,
    ) -> Decided {
        let app = match snapshot.needs_app {
            true => self.0.programs.of(context).await,
            false => None,
        };
        let addresses = self.addresses(snapshot, context, app.as_deref()).await;
        Decided {
            verdict: judge(snapshot, context, app.as_deref(), &addresses),
            app,
            addresses,
        }
    }

    /// The addresses of a name that an `ip` rule could match, resolved here where the mode does.
    async fn addresses(
        &self,
        snapshot: &Snapshot,
        context: &RequestContext<'_>,
        app: Option<&App>,
    ) -> Vec<IpAddr> {
        let dns = &snapshot.policy.mode().dns;
        let (Some(permit), Host::Name(name)) = (snapshot.policy.permit(), &context.target.host)
        else {
            return Vec::new();
        };
        let request = request(context, app, &[]);
        if *dns == Dns::Upstream || !simulate(&request, &snapshot.policy).wants_addresses {
            return Vec::new();
        }
        let resolving = snapshot.dialer.resolve(&permit, dns, name);
        // Where it fails, the dial will meet the same failure and say it, if it resolves here at all. Where a reload came
        // first, what is judged here is judged anew before anything goes out.
        match self.while_in_force(snapshot, resolving).await {
            Some(Ok(addresses)) => addresses,
            Some(Err(_)) | None => Vec::new(),
        }
    }

    pub(crate) fn decision(
        &self,
        context: &RequestContext<'_>,
        decided: Decided,
        facts: (u64, HeaderMode),
    ) -> Result<RouteDecision, Refusal> {
        let Decided {
            verdict,
            app,
            addresses,
        } = decided;
        let (generation, headers) = facts;
        match verdict.action {
            Action::Block => {
                self.record_refusal(context, app, &verdict.why, CloseReason::Blocked, None);
                Err(Refusal::Blocked(verdict.why))
            }
            Action::Route(route) => {
                let epoch = self.0.identity_epoch.load(Ordering::Relaxed);
                let key = key(&route, (generation, epoch), context, app.as_deref());
                Ok(RouteDecision {
                    route,
                    pool_key: key,
                    policy_generation: generation,
                    why: verdict.why,
                    header_mode: headers,
                    app,
                    addresses,
                })
            }
        }
    }
}

/// A verdict, and what was looked up for it.
pub(crate) struct Decided {
    pub(crate) verdict: Verdict,
    pub(crate) app: Option<Arc<App>>,
    pub(crate) addresses: Vec<IpAddr>,
}

pub(crate) fn decision_facts(snapshot: &Snapshot) -> (u64, HeaderMode) {
    (snapshot.generation, snapshot.policy.mode().headers)
}

pub(crate) fn judge(
    snapshot: &Snapshot,
    context: &RequestContext<'_>,
    app: Option<&App>,
    addresses: &[IpAddr],
) -> Verdict {
    decide(&request(context, app, addresses), &snapshot.policy)
}

fn request<'a>(
    context: &'a RequestContext<'_>,
    app: Option<&'a App>,
    addresses: &'a [IpAddr],
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
        at: SystemTime::now(),
    }
}

/// Connections to one target are shared only between asks that went the same way for the same program and user: an
/// isolating upstream must not see two of them on one circuit.
fn key(route: &Route, age: (u64, u64), context: &RequestContext<'_>, app: Option<&App>) -> u64 {
    let mut hasher = DefaultHasher::new();
    age.hash(&mut hasher);
    match route {
        Route::Direct(_) => u16::MAX.hash(&mut hasher),
        Route::Via { outbound, .. } => {
            outbound.hash(&mut hasher);
            app.map(|app| &app.name).hash(&mut hasher);
            context.user.hash(&mut hasher);
        }
    }
    hasher.finish()
}
