//! Decisions across reloads, and an engine for tests of other modules.

use std::net::SocketAddr;
use std::sync::Arc;

use privet_gateway::{Gateway, Refusal, RequestContext};
use privet_policy::{Listener, Protocol, Route, Target};

use super::EngineGateway;
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
