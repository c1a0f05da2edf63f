//! A reload between deciding and dialing: nothing goes out by a policy that does not hold any more.

use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use privet_connection_log::{CloseReason, LiveConnection};
use privet_http::{Ask, Refusal, Ticket};

use crate::gateway::EngineRoad;
use crate::gateway::authorize::ticket_facts;
use crate::snapshot::Snapshot;
use crate::supervise::configuration::reload::disallowed;

impl EngineRoad {
    /// The snapshot in force, and the ticket as that one gives it: a ticket of an earlier policy is decided anew, so that
    /// no index, no permit and no address outlives the policy it came from.
    pub(crate) async fn in_force<'t>(
        &self,
        ask: &Ask<'_>,
        ticket: &'t Ticket,
    ) -> Result<(Arc<Snapshot>, Cow<'t, Ticket>), Refusal> {
        let snapshot = self.0.snapshot.load_full();
        if snapshot.generation == ticket.generation {
            return Ok((snapshot, Cow::Borrowed(ticket)));
        }
        let decided = self.look_and_judge(&snapshot, ask).await;
        let fresh = self.ticket(ask, decided, ticket_facts(&snapshot))?;
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
        let mut reloaded = pin!(self.0.reloads.next());
        poll_fn(|cx| {
            loop {
                if self.0.snapshot.load().generation != snapshot.generation {
                    return Poll::Ready(None);
                }
                if let Poll::Ready(done) = step.as_mut().poll(cx) {
                    return Poll::Ready(Some(done));
                }
                ready!(reloaded.as_mut().poll(cx));
                reloaded.set(self.0.reloads.next());
            }
        })
        .await
    }

    /// A row that was opened after a reload had looked through the table is looked at here.
    pub(crate) fn leave_if_forbidden(&self, live: &LiveConnection, ticket: &Ticket) {
        let snapshot = self.0.snapshot.load();
        if snapshot.generation != ticket.generation && disallowed(live.row(), &snapshot) {
            live.row().cancel(CloseReason::Reload);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::SocketAddr;

    use privet_http::Road;
    use privet_policy::{Listener, Protocol, Route, Target};

    use super::*;
    use crate::Engine;
    use crate::supervise::launch::Options;

    /// An engine on a port of the system's choice, with `text` as the rest of its configuration.
    pub(crate) async fn engine(folder: &std::path::Path, text: &str) -> Engine {
        let config_path = folder.join("privet.toml");
        std::fs::write(&config_path, with_listener(text)).unwrap();
        let options = Options {
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

    fn ask(target: &Target) -> Ask<'_> {
        let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
        Ask {
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
        let road = EngineRoad(engine.shared.clone());
        let target = Target::parse("192.0.2.1:80").unwrap();
        let Ok(ticket) = road.decide(&ask(&target)).await else {
            panic!("standard lets it go");
        };
        assert!(matches!(ticket.route, Route::Direct(_)));
        engine
            .set_mode(crate::ChangeSource::Api, "strict", None)
            .await
            .unwrap();
        let after = road.in_force(&ask(&target), &ticket).await;
        assert!(matches!(after, Err(Refusal::Blocked(_))));
        engine.stop(std::time::Duration::ZERO).await;
    }

    #[tokio::test]
    async fn an_outward_step_is_not_polled_once_its_policy_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), "mode = \"standard\"\n").await;
        let road = EngineRoad(engine.shared.clone());
        let before = engine.snapshot();
        assert_eq!(road.while_in_force(&before, async { 1 }).await, Some(1));
        engine
            .set_mode(crate::ChangeSource::Api, "strict", None)
            .await
            .unwrap();
        let step = async { panic!("polled under a policy that is gone") };
        assert_eq!(road.while_in_force::<()>(&before, step).await, None);
        engine.stop(std::time::Duration::ZERO).await;
    }

    /// Makes the engine look up addresses before it decides; nothing else is changed by it.
    const BY_ADDRESS: &str =
        "mode = \"standard\"\n[[rule]]\nmatch = { ip = [\"192.0.2.0/24\"] }\nuse = \"block\"\n";

    #[tokio::test]
    async fn no_name_is_looked_up_for_a_policy_that_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), BY_ADDRESS).await;
        let road = EngineRoad(engine.shared.clone());
        let target = Target::parse("localhost:9").unwrap();
        let before = engine.snapshot();
        let decided = road.look_and_judge(&before, &ask(&target)).await;
        assert!(!decided.addresses.is_empty());
        engine
            .set_mode(crate::ChangeSource::Api, "strict", None)
            .await
            .unwrap();
        let decided = road.look_and_judge(&before, &ask(&target)).await;
        assert!(decided.addresses.is_empty());
        engine.stop(std::time::Duration::ZERO).await;
    }

    #[tokio::test]
    async fn a_ticket_decided_anew_leads_to_the_addresses_that_were_judged() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), "mode = \"standard\"\n").await;
        let road = EngineRoad(engine.shared.clone());
        let target = Target::parse("localhost:9").unwrap();
        let Ok(ticket) = road.decide(&ask(&target)).await else {
            panic!("standard lets it go");
        };
        assert!(ticket.addresses.is_empty());
        engine
            .apply(crate::ChangeSource::Api, with_listener(BY_ADDRESS), false)
            .await
            .unwrap();
        let Ok((_, fresh)) = road.in_force(&ask(&target), &ticket).await else {
            panic!("the new rule lets it go too");
        };
        assert!(!fresh.addresses.is_empty());
        engine.stop(std::time::Duration::ZERO).await;
    }

    #[tokio::test]
    async fn an_outward_step_that_waits_is_dropped_at_once_when_its_policy_goes() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), "mode = \"standard\"\n").await;
        let (road, before) = (EngineRoad(engine.shared.clone()), engine.snapshot());
        let waits = tokio::spawn(async move {
            let nobody_wakes_it = std::future::pending::<()>();
            road.while_in_force(&before, nobody_wakes_it).await
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
