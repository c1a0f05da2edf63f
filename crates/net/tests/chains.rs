//! Direct dials, each kind of hop, and chains of them, over real sockets.

mod support;

use privet_net::HttpProxyMode;
use privet_net::{ClientKey, DialErrorKind, DialRequest, OwnListeners, Stream};
use privet_policy::{App, Route};
use support::{ProxyKind, Server, echoes, request, setup, setup_after, target};

fn upstream(name: &str, url: &str, more: &str) -> String {
    format!("[[upstream]]\nname = \"{name}\"\nurl = \"{url}\"\n{more}\n")
}

#[tokio::test]
async fn a_direct_dial_needs_a_permit_and_reports_both_ends() {
    let origin = Server::origin().await;
    let setup = setup("");
    let route = Route::Direct(setup.policy.permit().unwrap());
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let target = target(&format!("{host}:{}", origin.address.port()));
        let connected = setup.dial(&route, &target).await.unwrap();
        assert_eq!(&*connected.route, "direct");
        assert_eq!(connected.remote, Some(origin.address));
        assert!(matches!(connected.stream, Stream::Tcp(_)) && connected.local_addr().is_some());
        echoes(connected).await;
    }
}

#[tokio::test]
async fn privet_never_dials_its_own_listeners() {
    let listener = Server::origin().await;
    let own = OwnListeners::new([listener.address]);
    let port = listener.address.port();
    let text = upstream("self", &format!("socks5://127.0.0.1:{port}"), "");
    let setup = setup_after(&text, None, own);
    let direct = Route::Direct(setup.policy.permit().unwrap());
    for host in [
        "127.0.0.1",
        "localhost",
        "x.localhost",
        "0.0.0.0",
        "[::ffff:7f00:1]",
    ] {
        let error = setup
            .dial(&direct, &target(&format!("{host}:{port}")))
            .await;
        assert_eq!(error.err().unwrap().kind, DialErrorKind::Loop, "{host}");
    }
    let error = setup
        .dial(&setup.via("self", false), &target("a.test:80"))
        .await;
    assert_eq!(error.err().unwrap().kind, DialErrorKind::Loop);
}

#[tokio::test]
async fn each_kind_of_hop_reaches_the_origin_by_its_name_and_stays_a_bare_socket() {
    let origin = Server::origin().await;
    // The name is sent unresolved: the proxy resolves it.
    let named = format!("localhost:{}", origin.address.port());
    for (scheme, kind) in [
        ("socks4a", ProxyKind::Socks4a),
        ("socks5", ProxyKind::Socks5),
        ("http", ProxyKind::Http),
    ] {
        let proxy = Server::proxy(kind).await;
        let setup = setup(&upstream(
            "hop",
            &format!("{scheme}://{}", proxy.address),
            "",
        ));
        let connected = setup
            .dial(&setup.via("hop", false), &target(&named))
            .await
            .unwrap();
        assert_eq!(&*connected.route, "hop");
        assert!(matches!(connected.stream, Stream::Tcp(_)));
        echoes(connected).await;
        let requests = proxy.requests();
        assert_eq!(
            (requests[0].target.as_str(), &requests[0].login),
            (named.as_str(), &None)
        );
    }
}

#[tokio::test]
async fn socks4_takes_addresses_and_a_name_only_where_it_may_be_resolved_here() {
    let origin = Server::origin().await;
    let proxy = Server::proxy(ProxyKind::Socks4a).await;
    let setup = setup(&upstream("old", &format!("socks4://{}", proxy.address), ""));
    let address = target(&origin.address.to_string());
    echoes(
        setup
            .dial(&setup.via("old", false), &address)
            .await
            .unwrap(),
    )
    .await;
    let name = target(&format!("localhost:{}", origin.address.port()));
    let error = setup.dial(&setup.via("old", false), &name).await;
    assert_eq!(error.err().unwrap().kind, DialErrorKind::Unsupported);
    echoes(setup.dial(&setup.via("old", true), &name).await.unwrap()).await;
    assert_eq!(proxy.requests()[1].target, origin.address.to_string());
}

#[tokio::test]
async fn each_kind_of_hop_sends_its_login_and_a_rejected_one_is_reported_without_it() {
    let origin = Server::origin().await;
    for (scheme, kind, seen) in [
        ("socks5", ProxyKind::Socks5, "bob:s3cret"),
        ("http", ProxyKind::Http, "Basic Ym9iOnMzY3JldA=="),
    ] {
        let proxy = Server::proxy(kind).await;
        let login = "username = \"bob\"\npassword = \"s3cret\"";
        let setup = setup(&upstream(
            "hop",
            &format!("{scheme}://{}", proxy.address),
            login,
        ));
        let to = target(&origin.address.to_string());
        echoes(setup.dial(&setup.via("hop", false), &to).await.unwrap()).await;
        assert_eq!(proxy.requests()[0].login.as_deref(), Some(seen));
    }
    let proxy = Server::proxy(ProxyKind::Socks5).await;
    let login = "username = \"bob\"\npassword = \"wrong\"";
    let setup = setup(&upstream(
        "hop",
        &format!("socks5://{}", proxy.address),
        login,
    ));
    let error = setup
        .dial(&setup.via("hop", false), &target("a.test:80"))
        .await;
    let error = error.err().unwrap();
    assert_eq!(error.kind, DialErrorKind::UpstreamAuth);
    assert!(!format!("{error:?}").contains("wrong"), "{error:?}");
}

#[tokio::test]
async fn a_chain_of_four_kinds_is_traversed_in_order_and_each_hop_knows_only_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, ca) = support::certificate("127.0.0.1", folder.path());
    let origin = Server::origin().await;
    let (entry, second) = (
        Server::proxy(ProxyKind::Socks5).await,
        Server::proxy(ProxyKind::Http).await,
    );
    let (third, exit) = (
        Server::https_proxy(tls).await,
        Server::proxy(ProxyKind::Socks4a).await,
    );
    let text = [
        upstream(
            "exit",
            &format!("socks4a://{}", exit.address),
            "via = \"third\"",
        ),
        upstream(
            "third",
            &format!("https://{}", third.address),
            &format!("via = \"second\"\nca = {ca:?}"),
        ),
        upstream(
            "second",
            &format!("http://{}", second.address),
            "via = \"entry\"",
        ),
        upstream("entry", &format!("socks5://{}", entry.address), ""),
    ]
    .concat();
    let setup = setup(&text);
    let to = target(&format!("localhost:{}", origin.address.port()));
    let connected = setup.dial(&setup.via("exit", false), &to).await.unwrap();
    assert_eq!(&*connected.route, "entry → second → third → exit");
    assert!(matches!(connected.stream, Stream::Boxed(_)));
    assert!(connected.timings.tls.is_some() && connected.timings.connect.is_some());
    echoes(connected).await;
    for (hop, next) in [
        (&entry, second.address.to_string()),
        (&second, third.address.to_string()),
        (&third, exit.address.to_string()),
        (&exit, to.to_string()),
    ] {
        assert_eq!(hop.requests()[0].target, next);
    }
}

#[tokio::test]
async fn a_chain_with_a_dead_hop_is_never_shortened() {
    let origin = Server::origin().await;
    let entry = Server::proxy(ProxyKind::Socks5).await;
    let dead = Server::proxy(ProxyKind::Http).await.address;
    let text = [
        upstream("exit", &format!("http://{dead}"), "via = \"entry\""),
        upstream("entry", &format!("socks5://{}", entry.address), ""),
    ]
    .concat();
    let setup = setup(&text);
    let to = target(&origin.address.to_string());
    let error = setup
        .dial(&setup.via("exit", false), &to)
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind, DialErrorKind::UpstreamDown);
    assert!(error.text.contains("exit"), "{error}");
}

#[tokio::test]
async fn an_https_upstream_must_prove_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Server::origin().await;
    let to = target(&origin.address.to_string());
    let dial = async |name: &str, trusted: bool| {
        let (tls, ca) = support::certificate(name, folder.path());
        let proxy = Server::https_proxy(tls).await;
        let ca = if trusted {
            format!("ca = {ca:?}")
        } else {
            String::new()
        };
        let setup = setup(&upstream("tls", &format!("https://{}", proxy.address), &ca));
        let connected = setup.dial(&setup.via("tls", false), &to).await;
        (connected, proxy)
    };
    let (connected, _proxy) = dial("127.0.0.1", true).await;
    echoes(connected.unwrap()).await;
    for (name, trusted) in [("other.test", true), ("127.0.0.1", false)] {
        let (connected, proxy) = dial(name, trusted).await;
        let error = connected.err().unwrap();
        assert_eq!(error.kind, DialErrorKind::UpstreamDown);
        assert!(error.text.contains("certificate"), "{error}");
        assert!(proxy.requests().is_empty());
    }
}

#[tokio::test]
async fn isolation_gives_each_host_and_app_a_separate_login_until_the_identity_changes() {
    let origin = Server::origin().await;
    let proxy = Server::proxy(ProxyKind::Socks5).await;
    let text = [
        upstream(
            "by-host",
            &format!("socks5://{}", proxy.address),
            "isolate = \"host\"",
        ),
        upstream(
            "by-app",
            &format!("socks5://{}", proxy.address),
            "isolate = \"app\"",
        ),
    ]
    .concat();
    let setup = setup(&text);
    let app = |name: &str| App {
        name: name.into(),
        path: None,
        pid: 1,
        user: None,
    };
    let login = async |hop: &str, host: &str, app: &App| {
        let to = target(&format!("{host}:{}", origin.address.port()));
        let request = DialRequest {
            app: Some(app),
            ..request(&to)
        };
        setup
            .dialer
            .dial(&setup.via(hop, false), &request)
            .await
            .unwrap();
        proxy.requests().last().unwrap().login.clone().unwrap()
    };
    let (firefox, curl) = (app("firefox"), app("curl"));
    let one = login("by-host", "127.0.0.1", &firefox).await;
    assert_eq!(one, login("by-host", "127.0.0.1", &curl).await);
    assert_ne!(one, login("by-host", "localhost", &firefox).await);
    let by_app = login("by-app", "127.0.0.1", &firefox).await;
    assert_eq!(by_app, login("by-app", "localhost", &firefox).await);
    assert_ne!(by_app, login("by-app", "localhost", &curl).await);
    let again = setup_after(&text, Some(&setup.dialer), OwnListeners::default());
    let to = target(&format!("127.0.0.1:{}", origin.address.port()));
    again.dial(&again.via("by-host", false), &to).await.unwrap();
    assert_eq!(proxy.requests().last().unwrap().login.as_ref(), Some(&one));
    setup.dialer.rotate_identity();
    assert_ne!(one, login("by-host", "127.0.0.1", &firefox).await);
}

#[tokio::test]
async fn plain_requests_go_to_an_http_hop_in_absolute_form_without_a_handshake() {
    let proxy = Server::proxy(ProxyKind::Http).await;
    let login = "username = \"bob\"\npassword = \"s3cret\"";
    let setup = setup(&upstream(
        "web",
        &format!("http://{}", proxy.address),
        login,
    ));
    let to = target("a.test:80");
    let request = DialRequest {
        http_proxy: HttpProxyMode::AbsoluteForm,
        ..request(&to)
    };
    let connected = setup
        .dialer
        .dial(&setup.via("web", false), &request)
        .await
        .unwrap();
    let form = connected.absolute_form.unwrap();
    assert_eq!(
        form.authorization.as_deref(),
        Some("Basic Ym9iOnMzY3JldA==")
    );
    assert!(proxy.requests().is_empty());
}

#[tokio::test]
async fn an_open_chain_is_ready_for_any_socks5_command() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let origin = Server::origin().await;
    let proxy = Server::proxy(ProxyKind::Socks5).await;
    let setup = setup(&upstream("hop", &format!("socks5://{}", proxy.address), ""));
    let to = target(&origin.address.to_string());
    let outbound = privet_policy::Outbound(0);
    let mut open = setup
        .dialer
        .open_chain(outbound, &request(&to))
        .await
        .unwrap();
    assert_eq!((open.last, open.hops), (privet_config::Scheme::Socks5, 1));
    let command = privet_net::hop::socks5::Command::Connect;
    let request = privet_net::hop::socks5::request(command, &to).unwrap();
    open.stream.write_all(&request).await.unwrap();
    let mut reply = [0; 10];
    open.stream.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply[..2], [5, 0]);
}

#[tokio::test]
async fn a_mode_that_resolves_upstream_resolves_nothing_locally() {
    let setup = setup("");
    let permit = setup.policy.permit().unwrap();
    let upstream = privet_config::Dns::Upstream;
    let error = setup
        .dialer
        .resolve(&permit, &upstream, "a.test", &ClientKey::ENGINE)
        .await;
    assert_eq!(error.unwrap_err().kind, DialErrorKind::Unsupported);
    let system = privet_config::Dns::System;
    let error = setup
        .dialer
        .resolve(&permit, &system, "no-such-name.invalid", &ClientKey::ENGINE)
        .await;
    let kind = error.unwrap_err().kind;
    assert!(matches!(
        kind,
        DialErrorKind::NameNotFound | DialErrorKind::ResolverFailed
    ));
}
