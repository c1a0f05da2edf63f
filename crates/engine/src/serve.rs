//! The road behind every handshake: decide, dial, book.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use privet_config::Dns;
use privet_http::{Ask, Refusal, Road, Ticket};
use privet_ledger::{End, Ledger, Live, Opening};
use privet_net::{Dialed, Wish};
use privet_policy::{Action, App, Host, Request, Route, Verdict, Why, decide};

use crate::listen::ListenerState;
use crate::login::Failures;
use crate::places::Places;
use crate::problem::Problems;
use crate::programs::Programs;
use crate::snapshot::Snapshot;

/// What the threads share. Nothing in it is locked while a connection is served.
pub(crate) struct Shared {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) ledger: Ledger,
    pub(crate) programs: Programs,
    pub(crate) failures: Failures,
    pub(crate) problems: Problems,
    /// Connections that stand, against `listen.limits.connections`.
    pub(crate) places: Arc<Places>,
    /// The listeners that run, for the PAC and status.
    pub(crate) listening: ArcSwap<Vec<ListenerState>>,
}

/// [`Road`] as the engine paves it.
#[derive(Clone)]
pub(crate) struct EngineRoad(pub(crate) Arc<Shared>);

/// A blocked or failed row has no way.
fn no_route() -> Arc<str> {
    thread_local!(static NONE: Arc<str> = Arc::from("–"));
    NONE.with(Arc::clone)
}

impl Road for EngineRoad {
    fn asks_login(&self) -> bool {
        !self.0.snapshot.load().users.is_empty()
    }

    async fn login(&self, client: IpAddr, name: &[u8], password: &[u8]) -> Option<Arc<str>> {
        let wait = self.0.failures.wait(client, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let user = self.0.snapshot.load().users.check(name, password);
        match user {
            Some(_) => self.0.failures.succeeded(client),
            None => self.0.failures.failed(client, Instant::now()),
        }
        user
    }

    async fn decide(&self, ask: &Ask<'_>) -> Result<Ticket, Refusal> {
        let app = self.app(ask).await;
        let verdict = judge(&self.0.snapshot.load(), ask, app.as_deref(), &[]);
        let (verdict, addresses) = match verdict.wants_addresses {
            true => self.judge_by_address(ask, app.as_deref(), verdict).await,
            false => (verdict, Vec::new()),
        };
        match verdict.action {
            Action::Block => {
                self.book_refused(ask, app, &verdict.why, End::Blocked, None);
                Err(Refusal::Blocked(verdict.why))
            }
            Action::Route(route) => {
                let snapshot = self.0.snapshot.load();
                let headers = snapshot.policy.mode().headers;
                let key = key(&route, snapshot.generation, ask, app.as_deref());
                Ok(Ticket {
                    route,
                    key,
                    why: verdict.why,
                    headers,
                    app,
                    addresses,
                })
            }
        }
    }

    async fn dial(
        &self,
        ask: &Ask<'_>,
        ticket: &Ticket,
        absolute_form: bool,
    ) -> Result<Dialed, Refusal> {
        let snapshot = self.0.snapshot.load_full();
        let wish = wish(&snapshot, ask, ticket, absolute_form);
        match snapshot.outward.dial(&ticket.route, &wish).await {
            Ok(dialed) => Ok(dialed),
            Err(error) => {
                self.book_refused(
                    ask,
                    ticket.app.clone(),
                    &ticket.why,
                    End::Failed,
                    Some(error.text.clone()),
                );
                Err(Refusal::Failed(error))
            }
        }
    }

    fn book(&self, ask: &Ask<'_>, ticket: &Ticket, dialed: &Dialed) -> Live {
        let opening = opening(ask, ticket.app.clone(), &ticket.why, dialed.route.clone());
        let live = self.0.ledger.open(opening);
        live.set_phases(dialed.phases.dns, dialed.phases.connect, dialed.phases.tls);
        if let Some(remote) = dialed.remote {
            live.set_remote(remote);
        }
        if ticket.app.is_none() {
            self.0.programs.find_for(live.row(), ask);
        }
        live
    }

    fn refused(&self, ask: &Ask<'_>, why: &Why, end: End, error: Option<String>) {
        self.book_refused(ask, None, why, end, error);
    }

    fn handshake_timeout(&self) -> Duration {
        self.0
            .snapshot
            .load()
            .config
            .listen
            .limits
            .handshake_timeout
    }

    fn idle_timeout(&self) -> Duration {
        self.0.snapshot.load().config.listen.limits.idle_timeout
    }
}

impl EngineRoad {
    /// The program behind the connection, where a rule asks for it.
    async fn app(&self, ask: &Ask<'_>) -> Option<Arc<App>> {
        match self.0.snapshot.load().policy.needs_app() {
            true => self.0.programs.of(ask).await,
            false => None,
        }
    }

    /// An `ip` rule could match the name's addresses: resolve here where the mode does, and judge again.
    async fn judge_by_address(
        &self,
        ask: &Ask<'_>,
        app: Option<&App>,
        first: Verdict,
    ) -> (Verdict, Vec<IpAddr>) {
        let snapshot = self.0.snapshot.load_full();
        let dns = &snapshot.policy.mode().dns;
        let (Some(permit), Host::Name(name)) = (snapshot.policy.permit(), &ask.target.host) else {
            return (first, Vec::new());
        };
        if *dns == Dns::Upstream {
            return (first, Vec::new());
        }
        match snapshot.outward.resolve(&permit, dns, name).await {
            Ok(addresses) => (judge(&snapshot, ask, app, &addresses), addresses),
            // The dial will meet the same failure and say it, where it resolves here at all.
            Err(_) => (first, Vec::new()),
        }
    }

    pub(crate) fn book_refused(
        &self,
        ask: &Ask<'_>,
        app: Option<Arc<App>>,
        why: &Why,
        end: End,
        error: Option<String>,
    ) {
        self.0
            .ledger
            .refused(opening(ask, app, why, no_route()), end, error);
    }
}

/// What was decided, as the dialer wants it.
pub(crate) fn wish<'a>(
    snapshot: &'a Snapshot,
    ask: &Ask<'a>,
    ticket: &'a Ticket,
    absolute_form: bool,
) -> Wish<'a> {
    Wish {
        target: ask.target,
        addresses: &ticket.addresses,
        dns: &snapshot.policy.mode().dns,
        app: ticket.app.as_deref(),
        client: ask.client,
        absolute_form,
    }
}

pub(crate) fn opening(ask: &Ask<'_>, app: Option<Arc<App>>, why: &Why, route: Arc<str>) -> Opening {
    Opening {
        listener: ask.listener,
        client: ask.client,
        protocol: ask.protocol,
        user: ask.user.cloned(),
        app,
        target: ask.target.clone(),
        route,
        why: why.clone(),
    }
}

fn judge(snapshot: &Snapshot, ask: &Ask<'_>, app: Option<&App>, addresses: &[IpAddr]) -> Verdict {
    let request = Request {
        listener: ask.listener,
        client: ask.client,
        protocol: ask.protocol,
        user: ask.user.map(|user| &**user),
        app,
        target: ask.target,
        addresses,
        url: ask.url,
        at: SystemTime::now(),
    };
    decide(&request, &snapshot.policy)
}

/// Connections to one target are shared only between asks that went the same way for the same program and user: an
/// isolating upstream must not see two of them on one circuit.
fn key(route: &Route, generation: u64, ask: &Ask<'_>, app: Option<&App>) -> u64 {
    let mut hasher = DefaultHasher::new();
    generation.hash(&mut hasher);
    match route {
        Route::Direct(_) => u16::MAX.hash(&mut hasher),
        Route::Via { outlet, .. } => {
            outlet.hash(&mut hasher);
            app.map(|app| &app.name).hash(&mut hasher);
            ask.user.hash(&mut hasher);
        }
    }
    hasher.finish()
}
