//! From a request to a verdict, and to the decision that follows from it.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use privet_config::HeaderMode;
use privet_connection_log::CloseReason;
use privet_gateway::{Refusal, RequestContext, RouteDecision};
use privet_net::DialError;
use privet_policy::{
    Action, Addresses, App, Host, Inspection, Program, Route, Verdict, Why, WhyKind, decide,
    simulate,
};
use privet_scan::RequestScanner;
use privet_system::ProgramState;

use crate::gateway::cache_access::CacheFacts;
use crate::gateway::client::GatewayClient;
use crate::gateway::engine_gateway::EngineGateway;
use crate::gateway::late_addresses::LateAddresses;
use crate::gateway::policy_request::policy_request;
use crate::snapshot::Snapshot;

/// A verdict with the facts that were looked up for it.
pub(super) struct VerdictWithFacts {
    pub(super) verdict: Verdict,
    pub(super) app: Option<Arc<App>>,
    pub(super) addresses: Vec<IpAddr>,
    /// The look-up that the verdict needed and did not get.
    lookup_error: Option<DialError>,
}

/// The addresses of a name, for a decision that may need them.
enum AddressLookup {
    NotNeeded,
    Found(Vec<IpAddr>),
    Failed(DialError),
}

/// What a decision keeps of the snapshot that it was made by.
struct PolicyFacts {
    generation: u64,
    header_mode: HeaderMode,
    /// `None`: the cache is off.
    cache: Option<CacheFacts>,
    scanner: Option<RequestScanner>,
}

impl PolicyFacts {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            generation: snapshot.generation,
            header_mode: snapshot.policy.mode().headers,
            cache: CacheFacts::of(snapshot),
            scanner: snapshot.scanning(),
        }
    }
}

impl EngineGateway {
    /// Decides by the current policy. A block is recorded.
    pub(super) async fn decide_now(
        &self,
        context: &RequestContext<'_>,
    ) -> Result<RouteDecision, Refusal> {
        // The snapshot is not kept over an await where nothing has to be looked up, so it is not counted as held.
        let ready = {
            let snapshot = self.shared.snapshot.load();
            self.check_login(&snapshot, context)?;
            (!snapshot.asks_ahead).then(|| {
                let request = policy_request(context, Program::Absent, Addresses::Unresolved);
                let verdict = decide(&request, &snapshot.policy);
                (verdict, PolicyFacts::of(&snapshot))
            })
        };
        if let Some((verdict, facts)) = ready {
            let decided = VerdictWithFacts {
                verdict,
                app: None,
                addresses: Vec::new(),
                lookup_error: None,
            };
            return self.decision(context, decided, facts).await;
        }
        let snapshot = self.shared.snapshot.load_full();
        let decided = self.decide_by(&snapshot, context).await;
        self.decision(context, decided, PolicyFacts::of(&snapshot))
            .await
    }

    /// Refuses a request by a login that no longer holds: a tunnel whose requests are read stays open between them, and a
    /// reload may come while a request waits.
    fn check_login(
        &self,
        snapshot: &Snapshot,
        context: &RequestContext<'_>,
    ) -> Result<(), Refusal> {
        let Some(user) = context.user.filter(|user| !snapshot.users.holds(user)) else {
            return Ok(());
        };
        let why = Why {
            kind: WhyKind::Undetermined,
            text: format!("the login of {user} does not hold any more: log in again").into(),
        };
        self.record_refusal(context, None, &why, CloseReason::Blocked, None);
        Err(Refusal::Blocked(why))
    }

    /// The current snapshot, and the decision by it: one of an earlier policy is made again, so that no index, no permit
    /// and no address outlives the policy it came from.
    pub(super) async fn current_decision<'d>(
        &self,
        context: &RequestContext<'_>,
        decision: &'d RouteDecision,
    ) -> Result<(Arc<Snapshot>, Cow<'d, RouteDecision>), Refusal> {
        let snapshot = self.shared.snapshot.load_full();
        if snapshot.generation == decision.policy_generation {
            return Ok((snapshot, Cow::Borrowed(decision)));
        }
        self.check_login(&snapshot, context)?;
        let decided = self.decide_by(&snapshot, context).await;
        let facts = PolicyFacts::of(&snapshot);
        let decision = self.decision(context, decided, facts).await?;
        Ok((snapshot, Cow::Owned(decision)))
    }

    /// Decides with what has to be looked up first: the program, the target's addresses.
    pub(super) async fn decide_by(
        &self,
        snapshot: &Snapshot,
        context: &RequestContext<'_>,
    ) -> VerdictWithFacts {
        let state = match snapshot.needs_app {
            true => self.program_of_rule().await,
            false => ProgramState::Absent,
        };
        let program = program_of(&state);
        let (addresses, lookup_error) = match self.lookup(snapshot, context, program).await {
            AddressLookup::NotNeeded => (Vec::new(), None),
            AddressLookup::Found(addresses) => (addresses, None),
            AddressLookup::Failed(error) => (Vec::new(), Some(error)),
        };
        let known = match &lookup_error {
            Some(_) => Addresses::Failed,
            None => Addresses::from(addresses.as_slice()),
        };
        VerdictWithFacts {
            verdict: decide(&policy_request(context, program, known), &snapshot.policy),
            app: known_app(state),
            addresses,
            lookup_error,
        }
    }

    /// The addresses of a name, where the policy says that a rule or a direct connection needs them.
    async fn lookup(
        &self,
        snapshot: &Snapshot,
        context: &RequestContext<'_>,
        program: Program<'_>,
    ) -> AddressLookup {
        let (Some(permit), Host::Name(name)) = (snapshot.policy.permit(), &context.target.host)
        else {
            return AddressLookup::NotNeeded;
        };
        let request = policy_request(context, program, Addresses::Unresolved);
        if !simulate(&request, &snapshot.policy).wants_addresses {
            return AddressLookup::NotNeeded;
        }
        let dns = &snapshot.policy.mode().dns;
        let client = self.lookup_client(context);
        let resolving = snapshot.dialer.resolve(&permit, dns, name, &client);
        // After a reload the decision is made again before anything is sent.
        match self.while_current(snapshot, resolving).await {
            Some(Ok(addresses)) => AddressLookup::Found(addresses),
            Some(Err(error)) => AddressLookup::Failed(error),
            None => AddressLookup::NotNeeded,
        }
    }

    fn lookup_client(&self, context: &RequestContext<'_>) -> GatewayClient<'_> {
        GatewayClient {
            gateway: self,
            address: context.client.ip(),
        }
    }

    /// What decides on addresses that are resolved while this decision is dialed.
    pub(super) fn late_addresses<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        context: &'a RequestContext<'a>,
        decision: &'a RouteDecision,
    ) -> LateAddresses<'a> {
        let program = match &decision.app {
            Some(app) => Program::Known(app),
            None if snapshot.needs_app && self.program.state() != ProgramState::Absent => {
                Program::Undetermined
            }
            None => Program::Absent,
        };
        LateAddresses {
            snapshot,
            context,
            program,
            client: self.lookup_client(context),
        }
    }

    async fn decision(
        &self,
        context: &RequestContext<'_>,
        decided: VerdictWithFacts,
        facts: PolicyFacts,
    ) -> Result<RouteDecision, Refusal> {
        let VerdictWithFacts {
            verdict,
            app,
            addresses,
            lookup_error,
        } = decided;
        match verdict.action {
            Action::Block => {
                let app = match app {
                    Some(app) => Some(app),
                    None => self.program_of_refused().await,
                };
                let failed = lookup_error.filter(|_| verdict.why.kind == WhyKind::Undetermined);
                if let Some(error) = failed {
                    let text = format!("{}; {}", error.text, verdict.why.text);
                    let reason = CloseReason::Failed;
                    self.record_refusal(context, app, &verdict.why, reason, Some(text.clone()));
                    return Err(Refusal::Failed(DialError { text, ..error }));
                }
                self.record_refusal(context, app, &verdict.why, CloseReason::Blocked, None);
                Err(Refusal::Blocked(verdict.why))
            }
            Action::Route(route) => {
                let epoch = self.shared.identity_epoch.load(Ordering::Relaxed);
                let age = (facts.generation, epoch);
                let cache = match facts.cache {
                    Some(cache) => {
                        self.cache_access(context, &route, app.as_ref(), cache)
                            .await
                    }
                    None => None,
                };
                let treatment = match verdict.treatment.inspection {
                    Inspection::Inspect { demanded: false } => {
                        self.with_exceptions(context, app.as_ref(), verdict.treatment)
                            .await
                    }
                    _ => verdict.treatment,
                };
                Ok(RouteDecision {
                    pool_key: pool_key(&route, age, context, app.as_deref()),
                    route,
                    policy_generation: facts.generation,
                    why: verdict.why,
                    treatment,
                    header_mode: facts.header_mode,
                    app,
                    addresses,
                    cache,
                    scanner: facts.scanner.filter(|_| verdict.treatment.scan),
                })
            }
        }
    }
}

fn program_of(state: &ProgramState) -> Program<'_> {
    match state {
        ProgramState::Absent => Program::Absent,
        ProgramState::Known(app) => Program::Known(app),
        ProgramState::Pending | ProgramState::Unknown => Program::Undetermined,
    }
}

fn known_app(state: ProgramState) -> Option<Arc<App>> {
    match state {
        ProgramState::Known(app) => Some(app),
        ProgramState::Absent | ProgramState::Pending | ProgramState::Unknown => None,
    }
}

/// Connections to one target are shared only between requests of the same route, program and user: an isolating upstream
/// must not see two of them on one circuit. `age`: the policy generation and the identity epoch.
fn pool_key(
    route: &Route,
    age: (u64, u64),
    context: &RequestContext<'_>,
    app: Option<&App>,
) -> u64 {
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
