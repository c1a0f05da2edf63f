//! Decisions across reloads, and an engine for tests of other modules.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use privet_gateway::{Gateway, Refusal, RequestContext};
use privet_net::HttpProxyMode;
use privet_policy::{App, Listener, Protocol, Route, Target};
use privet_system::process::{Connection, ProcessLookup, ProgramAnswer, SearchScope};
use privet_system::{ProgramFinder, ProgramState};

use super::EngineGateway;
use crate::Engine;
use crate::accept::waiting_clients::ClientEntry;
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

/// Top-level keys come first in the file, tables after the listener's.
pub(crate) fn with_listener(text: &str) -> String {
    let (top, tables) = text.split_once('[').map_or((text, ""), |(top, _)| {
        (top, text.get(top.len()..).unwrap_or_default())
    });
    format!("{top}\n[listen]\nmixed = [\"127.0.0.1:0\"]\n{tables}")
}

fn context(target: &Target) -> RequestContext<'_> {
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
async fn a_decision_from_before_the_kill_switch_does_not_go_direct_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path(), "mode = \"standard\"\n").await;
    let gateway = EngineGateway::for_engine(engine.shared.clone());
    let target = Target::parse("192.0.2.1:80").unwrap();
    let Ok(decision) = gateway.decide(&context(&target)).await else {
        panic!("standard lets it go");
    };
    assert!(matches!(decision.route, Route::Direct(_)));
    engine
        .set_mode(crate::ChangeSource::Api, "strict", None)
        .await
        .unwrap();
    let after = gateway.current_decision(&context(&target), &decision).await;
    assert!(matches!(after, Err(Refusal::Blocked(_))));
    engine.stop(std::time::Duration::ZERO).await;
}

#[tokio::test]
async fn a_step_is_not_polled_once_its_policy_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path(), "mode = \"standard\"\n").await;
    let gateway = EngineGateway::for_engine(engine.shared.clone());
    let before = engine.snapshot();
    assert_eq!(gateway.while_current(&before, async { 1 }).await, Some(1));
    engine
        .set_mode(crate::ChangeSource::Api, "strict", None)
        .await
        .unwrap();
    let step = async { panic!("polled under a policy that is gone") };
    assert_eq!(gateway.while_current::<()>(&before, step).await, None);
    engine.stop(std::time::Duration::ZERO).await;
}

/// Makes the engine resolve addresses before it decides, without any other effect.
const BY_ADDRESS: &str =
    "mode = \"standard\"\n[[rule]]\nmatch = { ip = [\"192.0.2.0/24\"] }\nuse = \"block\"\n";

#[tokio::test]
async fn no_name_is_resolved_for_a_replaced_policy() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path(), BY_ADDRESS).await;
    let gateway = EngineGateway::for_engine(engine.shared.clone());
    let target = Target::parse("localhost:9").unwrap();
    let before = engine.snapshot();
    let decided = gateway.decide_by(&before, &context(&target)).await;
    assert!(!decided.addresses.is_empty());
    engine
        .set_mode(crate::ChangeSource::Api, "strict", None)
        .await
        .unwrap();
    let decided = gateway.decide_by(&before, &context(&target)).await;
    assert!(decided.addresses.is_empty());
    engine.stop(std::time::Duration::ZERO).await;
}

#[tokio::test]
async fn a_repeated_decision_dials_the_addresses_that_it_checked() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path(), "mode = \"standard\"\n").await;
    let gateway = EngineGateway::for_engine(engine.shared.clone());
    let target = Target::parse("localhost:9").unwrap();
    let Ok(decision) = gateway.decide(&context(&target)).await else {
        panic!("standard lets it go");
    };
    assert!(decision.addresses.is_empty());
    engine
        .apply(
            crate::ChangeSource::Api,
            with_listener(BY_ADDRESS),
            None,
            crate::ApplyMode::Commit,
        )
        .await
        .unwrap();
    let Ok((_, fresh)) = gateway.current_decision(&context(&target), &decision).await else {
        panic!("the new rule lets it go too");
    };
    assert!(!fresh.addresses.is_empty());
    engine.stop(std::time::Duration::ZERO).await;
}

#[tokio::test]
async fn a_waiting_step_is_dropped_at_once_when_its_policy_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path(), "mode = \"standard\"\n").await;
    let (gateway, before) = (
        EngineGateway::for_engine(engine.shared.clone()),
        engine.snapshot(),
    );
    let waits = tokio::spawn(async move {
        let nobody_wakes_it = std::future::pending::<()>();
        gateway.while_current(&before, nobody_wakes_it).await
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

/// Finds "late" behind each connection, on a signal.
struct LateProgram(Receiver<()>);

impl ProcessLookup for LateProgram {
    fn programs_of(&mut self, connections: &[Connection], _: SearchScope) -> Vec<ProgramAnswer> {
        let _ = self.0.recv();
        let late = App {
            name: "late".into(),
            path: None,
            pid: 1,
            user: None,
        };
        vec![ProgramAnswer::Found(Arc::new(late)); connections.len()]
    }
}

#[tokio::test]
async fn a_reply_waits_for_a_program_that_is_found_late() {
    let folder = tempfile::tempdir().unwrap();
    let own_network = "mode = \"standard\"\n[[rule]]\nmatch = {}\nuse = \"direct\"\n";
    let engine = engine(folder.path(), own_network).await;
    let origin = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::parse(&origin.local_addr().unwrap().to_string()).unwrap();
    let (go, gone) = channel();
    let finder = ProgramFinder::start(LateProgram(gone)).unwrap();
    let ours = SocketAddr::from(([127, 0, 0, 1], 1));
    let gateway = || {
        let lookup = finder.find(ours, ours);
        EngineGateway::new(engine.shared.clone(), lookup, ClientEntry::ABSENT)
    };

    // SOCKS and CONNECT: once the destination is reached.
    let tunnel = gateway();
    let Ok(decision) = tunnel.decide(&context(&target)).await else {
        panic!("the rule lets it go");
    };
    let of_tunnel = context(&target);
    let dial = tunnel.dial(&of_tunnel, &decision, HttpProxyMode::Connect);
    let mut dial = std::pin::pin!(dial);
    tokio::select! {
        biased;
        _ = &mut dial => panic!("it waits for the program"),
        accepted = origin.accept() => drop(accepted.unwrap()),
    }
    assert_eq!(tunnel.program.state(), ProgramState::Pending);
    go.send(()).unwrap();
    assert!(dial.await.is_ok());
    let app = tunnel.known_program(None).expect("found before the reply");
    assert_eq!(&*app.name, "late");

    // A request: before it is decided.
    let request = gateway();
    let of_request = RequestContext {
        protocol: Protocol::Http,
        ..context(&target)
    };
    let mut decide = std::pin::pin!(request.decide(&of_request));
    tokio::select! {
        biased;
        _ = &mut decide => panic!("it waits for the program"),
        () = tokio::task::yield_now() => {}
    }
    go.send(()).unwrap();
    assert!(decide.await.is_ok());
    assert!(request.known_program(None).is_some());

    // A connection waits once: a program that was not found in time is waited for by none of its further requests.
    let kept = gateway();
    assert!(kept.decide(&of_request).await.is_ok());
    assert_eq!(kept.program.state(), ProgramState::Pending);
    let mut further = std::pin::pin!(kept.decide(&of_request));
    tokio::select! {
        biased;
        decided = &mut further => assert!(decided.is_ok()),
        () = tokio::task::yield_now() => panic!("it waits again"),
    }
    engine.stop(std::time::Duration::ZERO).await;
}
