//! From an ask to a verdict, and to the ticket that a verdict gives.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use privet_config::{Dns, HeaderMode};
use privet_connection_log::CloseReason;
use privet_http::{Ask, Refusal, Ticket};
use privet_policy::{Action, App, Host, Request, Route, Verdict, decide, simulate};

use crate::gateway::EngineRoad;
use crate::snapshot::Snapshot;

impl EngineRoad {
    /// Judges with what has to be looked up first: the program, the target's addresses.
    pub(crate) async fn look_and_judge(&self, snapshot: &Snapshot, ask: &Ask<'_>) -> Decided {
        let app = match snapshot.needs_app {
            true => self.0.programs.of(ask).await,
            false => None,
        };
        let addresses = self.addresses(snapshot, ask, app.as_deref()).await;
        Decided {
            verdict: judge(snapshot, ask, app.as_deref(), &addresses),
            app,
            addresses,
        }
    }

    /// The addresses of a name that an `ip` rule could match, resolved here where the mode does.
    async fn addresses(
        &self,
        snapshot: &Snapshot,
        ask: &Ask<'_>,
        app: Option<&App>,
    ) -> Vec<IpAddr> {
        let dns = &snapshot.policy.mode().dns;
        let (Some(permit), Host::Name(name)) = (snapshot.policy.permit(), &ask.target.host) else {
            return Vec::new();
        };
        let request = request(ask, app, &[]);
        if *dns == Dns::Upstream || !simulate(&request, &snapshot.policy).wants_addresses {
            return Vec::new();
        }
        let resolving = snapshot.outward.resolve(&permit, dns, name);
        // Where it fails, the dial will meet the same failure and say it, if it resolves here at all. Where a reload came
        // first, what is judged here is judged anew before anything goes out.
        match self.while_in_force(snapshot, resolving).await {
            Some(Ok(addresses)) => addresses,
            Some(Err(_)) | None => Vec::new(),
        }
    }

    pub(crate) fn ticket(
        &self,
        ask: &Ask<'_>,
        decided: Decided,
        facts: (u64, HeaderMode),
    ) -> Result<Ticket, Refusal> {
        let Decided {
            verdict,
            app,
            addresses,
        } = decided;
        let (generation, headers) = facts;
        match verdict.action {
            Action::Block => {
                self.book_refused(ask, app, &verdict.why, CloseReason::Blocked, None);
                Err(Refusal::Blocked(verdict.why))
            }
            Action::Route(route) => {
                let epoch = self.0.identity_epoch.load(Ordering::Relaxed);
                let key = key(&route, (generation, epoch), ask, app.as_deref());
                Ok(Ticket {
                    route,
                    key,
                    generation,
                    why: verdict.why,
                    headers,
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

pub(crate) fn ticket_facts(snapshot: &Snapshot) -> (u64, HeaderMode) {
    (snapshot.generation, snapshot.policy.mode().headers)
}

pub(crate) fn judge(
    snapshot: &Snapshot,
    ask: &Ask<'_>,
    app: Option<&App>,
    addresses: &[IpAddr],
) -> Verdict {
    decide(&request(ask, app, addresses), &snapshot.policy)
}

fn request<'a>(ask: &'a Ask<'_>, app: Option<&'a App>, addresses: &'a [IpAddr]) -> Request<'a> {
    Request {
        listener: ask.listener,
        client: ask.client,
        protocol: ask.protocol,
        user: ask.user.map(|user| &**user),
        app,
        target: ask.target,
        addresses,
        url: ask.url,
        page: ask.page,
        at: SystemTime::now(),
    }
}

/// Connections to one target are shared only between asks that went the same way for the same program and user: an
/// isolating upstream must not see two of them on one circuit.
fn key(route: &Route, age: (u64, u64), ask: &Ask<'_>, app: Option<&App>) -> u64 {
    let mut hasher = DefaultHasher::new();
    age.hash(&mut hasher);
    match route {
        Route::Direct(_) => u16::MAX.hash(&mut hasher),
        Route::Via { outbound, .. } => {
            outbound.hash(&mut hasher);
            app.map(|app| &app.name).hash(&mut hasher);
            ask.user.hash(&mut hasher);
        }
    }
    hasher.finish()
}
