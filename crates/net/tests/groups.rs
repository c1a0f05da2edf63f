//! Groups of real upstreams that fail, stay silent and recover.

mod support;

use std::time::{Duration, Instant};

use privet_net::outbound_health::OutboundState;
use privet_net::{DialErrorKind, OwnListeners};
use support::{ProxyKind, Server, Setup, echoes, setup, setup_after, target};

fn two(one: std::net::SocketAddr, other: std::net::SocketAddr, group: &str) -> String {
    format!(
        "[[upstream]]\nname = \"one\"\nurl = \"socks5://{one}\"\n\
         [[upstream]]\nname = \"two\"\nurl = \"socks5://{other}\"\n\
         [[group]]\nname = \"auto\"\nmembers = [\"one\", \"two\"]\n{group}\n"
    )
}

/// Waits until the group's health is as wanted; a test that never gets there fails by its deadline.
async fn until(setup: &Setup, wanted: impl Fn(&privet_net::OutboundHealth) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let health = setup.dialer.health();
        if wanted(health.last().unwrap()) {
            return;
        }
        assert!(Instant::now() < deadline, "{health:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_dead_first_member_fails_no_connection() {
    let origin = Server::origin().await;
    let dead = Server::proxy(ProxyKind::Socks5).await.address;
    let live = Server::proxy(ProxyKind::Socks5).await;
    let setup = setup(&two(dead, live.address, "policy = \"failover\""));
    let to = target(&origin.address.to_string());
    for _ in 0..4 {
        let connected = setup.dial(&setup.via("auto", false), &to).await.unwrap();
        assert_eq!(&*connected.route, "two");
        echoes(connected).await;
    }
    let health = setup.dialer.health();
    assert_eq!(health[0].state, OutboundState::Down);
    assert!(
        health[0].last_error.as_ref().unwrap().contains("refused"),
        "{health:?}"
    );
    assert_eq!(health[2].current.as_deref(), Some("two"));
    // Health survives a reload that leaves the members unchanged.
    let text = two(dead, live.address, "policy = \"failover\"");
    let again = setup_after(&text, Some(&setup.dialer), OwnListeners::default());
    assert_eq!(again.dialer.health()[2].current.as_deref(), Some("two"));
    // A member that was changed starts anew.
    let text = two(live.address, dead, "policy = \"failover\"");
    let changed = setup_after(&text, Some(&again.dialer), OwnListeners::default());
    assert_eq!(changed.dialer.health()[2].current.as_deref(), Some("one"));
}

#[tokio::test]
async fn a_silent_member_is_skipped() {
    let origin = Server::origin().await;
    let silent = Server::silent().await;
    let live = Server::proxy(ProxyKind::Socks5).await;
    let setup = setup(&two(silent.address, live.address, "policy = \"failover\""));
    let to = target(&origin.address.to_string());
    let connected = setup.dial(&setup.via("auto", false), &to).await.unwrap();
    assert_eq!(&*connected.route, "two");
}

#[tokio::test]
async fn when_all_are_down_a_kill_switch_refuses_and_other_modes_go_direct_and_report_it() {
    let origin = Server::origin().await;
    let dead = Server::proxy(ProxyKind::Socks5).await.address;
    let other = Server::proxy(ProxyKind::Socks5).await.address;
    let setup = setup(&two(dead, other, "policy = \"round-robin\""));
    let to = target(&origin.address.to_string());
    for _ in 0..3 {
        let error = setup
            .dial(&setup.via("auto", false), &to)
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind, DialErrorKind::UpstreamDown);
        assert!(error.text.contains("auto"), "{error}");
    }
    let connected = setup.dial(&setup.via("auto", true), &to).await.unwrap();
    assert_eq!(&*connected.route, "direct (auto is down)");
    echoes(connected).await;
    let connected = setup.dial(&setup.via("one", true), &to).await.unwrap();
    assert_eq!(&*connected.route, "direct (one is down)");
}

#[tokio::test]
async fn a_refusal_by_the_target_is_no_failure_of_the_member() {
    let refused = Refuses::start().await;
    let other = Server::proxy(ProxyKind::Socks5).await;
    let text = two(refused.0, other.address, "policy = \"failover\"");
    let setup = setup(&text);
    for _ in 0..4 {
        let error = setup
            .dial(&setup.via("auto", false), &target("192.0.2.1:9"))
            .await;
        assert_eq!(error.err().unwrap().kind, DialErrorKind::Refused);
    }
    assert_eq!(setup.dialer.health()[2].current.as_deref(), Some("one"));
}

/// A SOCKS5 server that reports every target as refused.
struct Refuses(std::net::SocketAddr, tokio::task::JoinHandle<()>);

impl Refuses {
    async fn start() -> Self {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut received = [0; 64];
                let _ = stream.read(&mut received).await;
                let _ = stream.write_all(&[5, 0]).await;
                let _ = stream.read(&mut received).await;
                let _ = stream.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).await;
            }
        });
        Self(address, task)
    }
}

impl Drop for Refuses {
    fn drop(&mut self) {
        self.1.abort();
    }
}

#[tokio::test]
async fn active_checks_detect_failure_and_recovery_without_client_connections() {
    let web = Server::web().await;
    let one = Server::proxy(ProxyKind::Socks5).await;
    let other = Server::proxy(ProxyKind::Socks5).await;
    let address = one.address;
    let group = format!(
        "policy = \"failover\"\ncheck = {{ url = \"http://{}/alive\", interval = \"1s\", timeout = \"1s\" }}",
        web.address
    );
    let setup = setup(&two(address, other.address, &group));
    let dialer = setup.dialer.clone();
    let checks = tokio::spawn(async move { dialer.run_checks().await });
    until(&setup, |auto| {
        auto.state == OutboundState::Up && auto.latency_ms.is_some()
    })
    .await;
    assert_eq!(web.requests()[0].target, "GET /alive HTTP/1.1");
    drop(one);
    until(&setup, |auto| auto.current.as_deref() == Some("two")).await;
    let _one = Server::proxy_at(&address.to_string(), ProxyKind::Socks5).await;
    until(&setup, |auto| auto.current.as_deref() == Some("one")).await;
    checks.abort();
}

#[tokio::test]
async fn a_member_without_a_check_recovers_by_probes() {
    let origin = Server::origin().await;
    let dead = Server::proxy(ProxyKind::Socks5).await.address;
    let live = Server::proxy(ProxyKind::Socks5).await;
    let setup = setup(&two(dead, live.address, "policy = \"failover\""));
    let dialer = setup.dialer.clone();
    let checks = tokio::spawn(async move { dialer.run_checks().await });
    let to = target(&origin.address.to_string());
    for _ in 0..2 {
        setup.dial(&setup.via("auto", false), &to).await.unwrap();
    }
    until(&setup, |auto| auto.current.as_deref() == Some("two")).await;
    let _back = Server::proxy_at(&dead.to_string(), ProxyKind::Socks5).await;
    until(&setup, |auto| auto.current.as_deref() == Some("one")).await;
    checks.abort();
}

#[tokio::test]
async fn a_test_reports_times_or_the_reason_of_its_failure() {
    let web = Server::web().await;
    let one = Server::proxy(ProxyKind::Socks5).await;
    let dead = Server::proxy(ProxyKind::Socks5).await.address;
    let check = format!(
        "check = {{ url = \"http://{}/\", interval = \"1h\" }}",
        web.address
    );
    let setup = setup(&two(one.address, dead, &check));
    let report = setup.dialer.test("one").await;
    assert!(
        report.error.is_none() && report.connect_ms.is_some() && report.first_byte_ms.is_some()
    );
    let report = setup.dialer.test("two").await;
    assert!(report.error.unwrap().contains("refused"));
    assert!(setup.dialer.test("auto").await.error.is_none());
    assert!(
        setup
            .dialer
            .test("nobody")
            .await
            .error
            .unwrap()
            .contains("nobody")
    );
}

#[test]
fn futures_of_dials_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let setup = setup("");
    let to = target("a.test:80");
    let (route, request) = (setup.direct_route(), support::request(&to));
    is_send(&setup.dialer.dial(&route, &request));
    is_send(&setup.dialer.run_checks());
    is_send(&setup.dialer.test("x"));
    is_send(
        &setup
            .dialer
            .open_chain(privet_policy::Outbound(0), &request),
    );
}

trait DirectRoute {
    fn direct_route(&self) -> privet_policy::Route;
}

impl DirectRoute for Setup {
    fn direct_route(&self) -> privet_policy::Route {
        privet_policy::Route::Direct(self.policy.permit().unwrap())
    }
}
