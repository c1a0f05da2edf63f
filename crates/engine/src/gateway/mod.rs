//! The road behind every handshake: decide, dial, book.

pub(crate) mod authenticate;
pub(crate) mod authorize;
pub(crate) mod current_policy;
pub(crate) mod programs;
mod socks;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_connection_log::{CloseReason, LiveConnection, NewConnection};
use privet_http::{Ask, Refusal, Road, Ticket};
use privet_net::{DialError, Dialed, Wish};
use privet_policy::{App, Why};

use crate::gateway::authorize::{Decided, judge, ticket_facts};
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// [`Road`] as the engine paves it.
#[derive(Clone)]
pub(crate) struct EngineRoad(pub(crate) Arc<Shared>);

/// A blocked or failed row has no way.
fn no_route() -> Arc<str> {
    thread_local!(static NONE: Arc<str> = Arc::from("–"));
    NONE.with(Arc::clone)
}

impl Road for EngineRoad {
    fn generation(&self) -> u64 {
        self.0.snapshot.load().generation
    }

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
        let ready = {
            let snapshot = self.0.snapshot.load();
            (!snapshot.asks_ahead)
                .then(|| (judge(&snapshot, ask, None, &[]), ticket_facts(&snapshot)))
        };
        let (decided, facts) = match ready {
            Some((verdict, facts)) => (
                Decided {
                    verdict,
                    app: None,
                    addresses: Vec::new(),
                },
                facts,
            ),
            None => {
                let snapshot = self.0.snapshot.load_full();
                (
                    self.look_and_judge(&snapshot, ask).await,
                    ticket_facts(&snapshot),
                )
            }
        };
        self.ticket(ask, decided, facts)
    }

    async fn dial(
        &self,
        ask: &Ask<'_>,
        ticket: &Ticket,
        absolute_form: bool,
    ) -> Result<Dialed, Refusal> {
        loop {
            let (snapshot, ticket) = self.in_force(ask, ticket).await?;
            let wish = wish(&snapshot, ask, &ticket, absolute_form);
            let dialing = snapshot.outward.dial(&ticket.route, &wish);
            if let Some(dialed) = self.while_in_force(&snapshot, dialing).await {
                return dialed.map_err(|error| self.failed(ask, &ticket, error));
            }
        }
    }

    fn book(&self, ask: &Ask<'_>, ticket: &Ticket, dialed: &Dialed) -> LiveConnection {
        let opening = opening(ask, ticket.app.clone(), &ticket.why, dialed.route.clone());
        let live = self.0.connection_log.open(opening);
        live.set_phases(dialed.phases.dns, dialed.phases.connect, dialed.phases.tls);
        if let Some(remote) = dialed.remote {
            live.set_remote(remote);
        }
        if ticket.app.is_none() {
            self.0.programs.find_for(live.row(), ask);
        }
        self.leave_if_forbidden(&live, ticket);
        live
    }

    fn refused(&self, ask: &Ask<'_>, why: &Why, end: CloseReason, error: Option<String>) {
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
    pub(crate) fn failed(&self, ask: &Ask<'_>, ticket: &Ticket, error: DialError) -> Refusal {
        let said = Some(error.text.clone());
        self.book_refused(
            ask,
            ticket.app.clone(),
            &ticket.why,
            CloseReason::Failed,
            said,
        );
        Refusal::Failed(error)
    }

    pub(crate) fn book_refused(
        &self,
        ask: &Ask<'_>,
        app: Option<Arc<App>>,
        why: &Why,
        end: CloseReason,
        error: Option<String>,
    ) {
        self.0
            .connection_log
            .record_refused(opening(ask, app, why, no_route()), end, error);
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

pub(crate) fn opening(
    ask: &Ask<'_>,
    app: Option<Arc<App>>,
    why: &Why,
    route: Arc<str>,
) -> NewConnection {
    NewConnection {
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
