//! The engine's gateway: one per client connection.

use std::sync::Arc;

use privet_connection_log::{CloseReason, ConnectionRow, LiveConnection, NewConnection};
use privet_gateway::{Refusal, RequestContext, RouteDecision};
use privet_net::{DialError, DialErrorKind};
use privet_policy::{App, Inspection, Why, WhyKind};
use privet_system::ProgramLookup;

use crate::accept::waiting_clients::ClientEntry;
use crate::shared::Shared;

/// The data path behind the handshakes of one client connection.
#[derive(Clone)]
pub(crate) struct EngineGateway {
    pub(super) shared: Arc<Shared>,
    /// The look-up of the client's program, started at accept.
    pub(super) program: ProgramLookup,
    /// The client's connection among those that may have to give way.
    pub(super) client: ClientEntry,
}

impl EngineGateway {
    pub(crate) fn new(shared: Arc<Shared>, program: ProgramLookup, client: ClientEntry) -> Self {
        Self {
            shared,
            program,
            client,
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// For requests of the engine itself, which have no client program.
    pub(crate) fn for_engine(shared: Arc<Shared>) -> Self {
        Self::new(shared, ProgramLookup::absent(), ClientEntry::ABSENT)
    }

    /// Records an open connection. Its program is added later if it is not known yet.
    pub(super) fn record_open(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        route: Arc<str>,
    ) -> LiveConnection {
        let app = self.known_program(decision.app.as_ref());
        let lacks_app = app.is_none();
        let opened = new_connection(context, app, &decision.why, route);
        let live = self.shared.connection_log.open(opened);
        if decision.treatment.inspection != Inspection::Off {
            live.row().set_inspection(decision.treatment.inspection);
        }
        if lacks_app {
            self.name_later(live.row());
        }
        live
    }

    /// Frees file descriptors where the dial failed for lack of one. Once: a further attempt needs a reason of its own.
    async fn frees_for(&self, error: &DialError, freed: &mut bool) -> bool {
        if error.kind != DialErrorKind::Exhausted || std::mem::replace(freed, true) {
            return false;
        }
        self.shared.free_descriptors().await;
        true
    }

    /// After a step of a dial that failed: `Ok` where descriptors were freed and it is worth another attempt.
    ///
    /// # Errors
    /// The refusal, which is recorded.
    pub(super) async fn freed_or_refused(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        error: DialError,
        freed: &mut bool,
    ) -> Result<(), Refusal> {
        match self.frees_for(&error, freed).await {
            true => Ok(()),
            false => Err(self.record_failure(context, decision, error).await),
        }
    }

    /// Records a failed dial. One into the gateway's own network is a block by the policy, whose permit left that out.
    pub(super) async fn record_failure(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        error: DialError,
    ) -> Refusal {
        let app = match &decision.app {
            Some(app) => Some(app.clone()),
            None => self.program_of_refused().await,
        };
        let blocked_by = match error.kind {
            DialErrorKind::Forbidden(kind) => Some(kind),
            DialErrorKind::OwnNetwork => Some(WhyKind::OwnNetwork),
            _ => None,
        };
        if let Some(kind) = blocked_by {
            let why = Why {
                kind,
                text: error.text.into(),
            };
            self.record_refusal(context, app, &why, CloseReason::Blocked, None);
            return Refusal::Blocked(why);
        }
        let text = Some(error.text.clone());
        self.record_refusal(context, app, &decision.why, CloseReason::Failed, text);
        Refusal::Failed(error)
    }

    /// Records a connection that was refused. Its program is added later if it is not known yet. Its row, where there is one.
    pub(super) fn record_refusal(
        &self,
        context: &RequestContext<'_>,
        app: Option<Arc<App>>,
        why: &Why,
        reason: CloseReason,
        error: Option<String>,
    ) -> Option<Arc<ConnectionRow>> {
        let app = self.known_program(app.as_ref());
        let lacks_app = app.is_none();
        let refused = new_connection(context, app, why, no_route());
        let row = self
            .shared
            .connection_log
            .record_refused(refused, reason, error)?;
        if lacks_app {
            self.name_later(&row);
        }
        Some(row)
    }
}

/// The route of a connection that was refused.
fn no_route() -> Arc<str> {
    thread_local!(static NONE: Arc<str> = Arc::from("–"));
    NONE.with(Arc::clone)
}

fn new_connection(
    context: &RequestContext<'_>,
    app: Option<Arc<App>>,
    why: &Why,
    route: Arc<str>,
) -> NewConnection {
    NewConnection {
        listener: context.listener,
        client: context.client,
        protocol: context.protocol,
        user: context.user.cloned(),
        app,
        target: context.target.clone(),
        route,
        why: why.clone(),
    }
}
