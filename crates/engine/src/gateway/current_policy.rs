//! A reload between deciding and dialing: nothing goes out by a policy that does not hold any more.

use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use privet_connection_log::{CloseReason, LiveConnection};
use privet_gateway::{Refusal, RequestContext, RouteDecision};

use crate::gateway::EngineGateway;
use crate::gateway::authorize::decision_facts;
use crate::snapshot::Snapshot;
use crate::supervise::configuration::revoke::is_revoked;

impl EngineGateway {
    /// The snapshot in force, and the decision as that one gives it: a decision of an earlier policy is decided anew, so that
    /// no index, no permit and no address outlives the policy it came from.
    pub(crate) async fn in_force<'t>(
        &self,
        context: &RequestContext<'_>,
        decision: &'t RouteDecision,
    ) -> Result<(Arc<Snapshot>, Cow<'t, RouteDecision>), Refusal> {
        let snapshot = self.0.snapshot.load_full();
        if snapshot.generation == decision.policy_generation {
            return Ok((snapshot, Cow::Borrowed(decision)));
        }
        let decided = self.look_and_judge(&snapshot, context).await;
        let fresh = self.decision(context, decided, decision_facts(&snapshot))?;
        Ok((snapshot, Cow::Owned(fresh)))
    }

    /// Runs an outward step for as long as its snapshot is the one in force; `None`: a reload came first. It is looked
    /// at before every poll, so nothing is sent by a policy that does not hold any more, and a reload drops a step that
    /// waits: the system itself repeats a SYN that nobody answered.
    pub(crate) async fn while_in_force<T>(
        &self,
        snapshot: &Snapshot,
        step: impl Future<Output = T>,
    ) -> Option<T> {
        let mut step = pin!(step);
        let mut reloaded = pin!(self.0.policy_changes.next());
        poll_fn(|cx| {
            loop {
                if self.0.snapshot.load().generation != snapshot.generation {
                    return Poll::Ready(None);
                }
                if let Poll::Ready(done) = step.as_mut().poll(cx) {
                    return Poll::Ready(Some(done));
                }
                ready!(reloaded.as_mut().poll(cx));
                reloaded.set(self.0.policy_changes.next());
            }
        })
        .await
    }

    /// A row that was opened after a reload had looked through the table is looked at here.
    pub(crate) fn leave_if_forbidden(&self, live: &LiveConnection, decision: &RouteDecision) {
        let snapshot = self.0.snapshot.load();
        if snapshot.generation != decision.policy_generation && is_revoked(live.row(), &snapshot) {
            live.row().cancel(CloseReason::Reload);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::SocketAddr;

    use privet_gateway::Gateway;
    use privet_policy::{Listener, Protocol, Route, Target};

    use super::*;
    use crate::Engine;
    use crate::supervise::options::EngineOptions;

    /// An engine on a port of the system's choice, with `text` as the rest of its configuration.
    pub(crate) async fn engine(folder: &std::path::Path, text: &str) -> Engine {
        let config_path = folder.join("privet.toml");
        std::fs::write(&config_path, with_listener(text)).unwrap();
        let options = EngineOptions {
            config_path,
            data_dir: folder.to_owned(),
            keyring: Arc::new(privet_config::NoKeyring),
            adopted: Vec::new(),
            threads: Some(1),
        };
        Engine::start(options).await.unwrap()
    }

    /// Keys of the top come first in the file, tables behind the listener's.
    pub(crate) fn with_listener(text: &str) -> String {
        let (top, tables) = text.split_once('[').map_or((text, ""), |(top, _)| {
            (top, text.get(top.len()..).unwrap_or_default())
        });
        format!("{top}\n[listen]\nmixed = [\"127.0.0.1:0\"]\n{tables}")
    }

    fn ask(target: &Target) -> RequestContext<'_> {
        let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
        RequestContext {
            listener: Listener::Mixed,
            client: nobody,
            local: nobody,
            protocol: Protocol::Socks5,
            user: None,
            target,
            url: None,
            page: None,
        }
    }

    #[tokio::test]
    async fn what_was_decided_before_the_kill_switch_does_not_go_direct_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), "mode = \"standard\"\n").await;
        let gateway = EngineGateway(engine.shared.clone());
        let target = Target::parse("192.0.2.1:80").unwrap();
        let Ok(decision) = gateway.decide(&ask(&target)).await else {
            panic!("standard lets it go");
        };
        assert!(matches!(decision.route, Route::Direct(_)));
        engine
            .set_mode(crate::ChangeSource::Api, "strict", None)
            .await
            .unwrap();
        let after = gateway.in_force(&ask(&target), &decision).await;
        assert!(matches!(after, Err(Refusal::Blocked(_))));
        engine.stop(std::time::Duration::ZERO).await;
    }

    #[tokio::test]
    async fn an_outward_step_is_not_polled_once_its_policy_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), "mode = \"standard\"\n").await;
        let gateway = EngineGateway(engine.shared.clone());
        let before = engine.snapshot();
        assert_eq!(gateway.while_in_force(&before, async { 1 }).await, Some(1));
        engine
            .set_mode(crate::ChangeSource::Api, "strict", None)
            .await
            .unwrap();
        let step = async { panic!("polled under a policy that is gone") };
        assert_eq!(gateway.while_in_force::<()>(&before, step).await, None);
        engine.stop(std::time::Duration::ZERO).await;
    }

    /// Makes the engine look up addresses before it decides; nothing else is changed by it.
    const BY_ADDRESS: &str =
        "mode = \"standard\"\n[[rule]]\nmatch = { ip = [\"192.0.2.0/24\"] }\nuse = \"block\"\n";

    #[tokio::test]
    async fn no_name_is_looked_up_for_a_policy_that_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), BY_ADDRESS).await;
        let gateway = EngineGateway(engine.shared.clone());
        let target = Target::parse("localhost:9").unwrap();
        let before = engine.snapshot();
        let decided = gateway.look_and_judge(&before, &ask(&target)).await;
        assert!(!decided.addresses.is_empty());
        engine
            .set_mode(crate::ChangeSource::Api, "strict", None)
            .await
            .unwrap();
        let decided = gateway.look_and_judge(&before, &ask(&target)).await;
        assert!(decided.addresses.is_empty());
        engine.stop(std::time::Duration::ZERO).await;
    }

    #[tokio::test]
    async fn a_ticket_decided_anew_leads_to_the_addresses_that_were_judged() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), "mode = \"standard\"\n").await;
        let gateway = EngineGateway(engine.shared.clone());
        let target = Target::parse("localhost:9").unwrap();
        let Ok(decision) = gateway.decide(&ask(&target)).await else {
            panic!("standard lets it go");
        };
        assert!(decision.addresses.is_empty());
        engine
            .apply(
                crate::ChangeSource::Api,
                with_listener(BY_ADDRESS),
                crate::ApplyMode::Commit,
            )
            .await
            .unwrap();
        let Ok((_, fresh)) = gateway.in_force(&ask(&target), &decision).await else {
            panic!("the new rule lets it go too");
        };
        assert!(!fresh.addresses.is_empty());
        engine.stop(std::time::Duration::ZERO).await;
    }

    #[tokio::test]
    async fn an_outward_step_that_waits_is_dropped_at_once_when_its_policy_goes() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), "mode = \"standard\"\n").await;
        let (gateway, before) = (EngineGateway(engine.shared.clone()), engine.snapshot());
        let waits = tokio::spawn(async move {
            let nobody_wakes_it = std::future::pending::<()>();
            gateway.while_in_force(&before, nobody_wakes_it).await
        });
        tokio::task::yield_now().await;
        engine
            .set_mode(crate::ChangeSource::Api, "strict", None)
            .await
            .unwrap();
        let ended = tokio::time::timeout(std::time::Duration::from_secs(10), waits).await;
        assert_eq!(ended.unwrap().unwrap(), None);
        engine.stop(std::time::Duration::ZERO).await;
    }
}
