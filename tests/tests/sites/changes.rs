//! Changes by hand and by reload, and what is told about sites.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use privet_tests::wait::until;
use privet_tests::{Backend, Privet, SiteClient, await_port, reserve};
use rustix::process::Signal;
use serde_json::json;

use crate::support::{Scene, backend_of, config};

#[test]
fn what_is_set_by_hand_holds_over_reloads_and_is_undone() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let mut scene = Scene::new(&[&a, &b], "balance = \"round-robin\"", "");
    let mut client = scene.client();
    let drained = scene
        .privet
        .cli(&["sites", "drain", "app", &a.url()])
        .good();
    assert!(drained.contains("draining"), "{drained}");
    for _ in 0..10 {
        assert!(client.get("/").body.starts_with("b "));
    }
    let id = scene.backend(&b.url())["id"].as_str().unwrap().to_owned();
    let path = format!("sites/app/backends/{id}");
    let (status, changed) = scene
        .privet
        .api("PATCH", &path, Some(&json!({ "weight": 7 })));
    assert_eq!(
        (status, &changed["weight"], &changed["manual_weight"]),
        (200, &json!(7), &json!(7))
    );
    let stale = scene.privet.etag("sites");
    let (status, _) = scene
        .privet
        .api("PATCH", &path, Some(&json!({ "weight": 8 })));
    assert_eq!(status, 200);
    let (status, _) = scene
        .privet
        .api_if(&stale, "PATCH", &path, Some(&json!({ "weight": 9 })));
    assert_eq!(status, 412);
    for (body, refused) in [
        (json!({ "weight": 1001 }), 422),
        (json!({ "wait": 1 }), 400),
    ] {
        assert_eq!(
            scene.privet.api("PATCH", &path, Some(&body)).0,
            refused,
            "{body}"
        );
    }
    let missing = "sites/app/backends/none";
    assert_eq!(scene.privet.api("PATCH", missing, Some(&json!({}))).0, 404);

    let more = Backend::named("c");
    let backends = [(a.url(), 1), (b.url(), 1), (more.url(), 1)];
    scene.privet.sandbox.write(&config(
        scene.listen,
        &backends,
        "balance = \"round-robin\"",
        "",
    ));
    scene.privet.signal(Signal::HUP);
    scene.privet.await_api("sites", |sites| {
        sites["sites"][0]["routes"][0]["backends"]
            .as_array()
            .is_some_and(|all| all.len() == 3)
    });
    assert_eq!(scene.backend(&a.url())["state"], "draining");
    assert_eq!(scene.backend(&b.url())["manual_weight"], 8);
    let (_, changes) = scene.privet.api("GET", "changes", None);
    let of = |kind: &str| {
        let all = changes["changes"].as_array().unwrap();
        let found = all.iter().find(|change| change["what"][0]["kind"] == kind);
        found.unwrap_or_else(|| panic!("{changes:#}"))["id"].clone()
    };
    let undo = format!("changes/{}/undo", of("backend-draining"));
    let (status, undone) = scene.privet.api("POST", &undo, None);
    assert_eq!(status, 200, "{undone}");
    assert_ne!(scene.backend(&a.url())["state"], "draining");
    let table = scene.privet.cli(&["sites"]).good();
    assert!(
        table.contains("8 (by hand)") && table.contains(&a.url()),
        "{table}"
    );
    assert!(scene.privet.is_running());
}

#[test]
fn reloads_under_load_lose_no_request() {
    const CLIENTS: usize = 8;
    const REQUESTS: usize = 12_500;
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let health = "[site.health]\npath = \"/healthz\"\ninterval = \"500ms\"\ntimeout = \"5s\"\n";
    let scene = Scene::new(&[&a, &b], "", health);
    let done = Arc::new(AtomicUsize::new(0));
    let failed = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (done, listen) = (done.clone(), scene.listen);
                scope.spawn(move || {
                    let mut client = SiteClient::connect(listen, "app.test");
                    let mut failed = 0;
                    for _ in 0..REQUESTS {
                        let text = "GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n";
                        match client.try_request(text) {
                            Some(answer) if answer.status == 200 => {}
                            _ => {
                                failed += 1;
                                client = SiteClient::connect(listen, "app.test");
                            }
                        }
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                    failed
                })
            })
            .collect();
        let per_reload = CLIENTS * REQUESTS / 21;
        for reload in 1..=20 {
            until("the load runs", || {
                done.load(Ordering::SeqCst) >= reload * per_reload
            });
            let weight = 1 + reload as u32 % 3;
            let mut text = config(scene.listen, &[(a.url(), weight), (b.url(), 1)], "", health);
            if reload % 3 == 0 {
                text.push_str("nonsense = = 1\n");
            }
            scene.privet.sandbox.write(&text);
            scene.privet.signal(Signal::HUP);
        }
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .sum::<usize>()
    });
    assert_eq!(
        (failed, done.load(Ordering::SeqCst)),
        (0, CLIENTS * REQUESTS)
    );
    assert_eq!(a.requests() + b.requests(), CLIENTS * REQUESTS);
    // The last reload was applied.
    let url = a.url();
    scene
        .privet
        .await_api("sites", |sites| backend_of(sites, &url)["weight"] == 3);
}

#[test]
fn why_explains_a_request_through_a_site() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let tables = format!(
        "[[site.route]]\npath = \"/static/\"\nbackends = [\"{}\"]\n",
        b.url()
    );
    let scene = Scene::new(&[&a], "deny = [\"192.0.2.0/24\"]", &tables);
    let why = |query: &str| {
        let (status, why) = scene.privet.api("GET", &format!("why?{query}"), None);
        assert_eq!(status, 200, "{why}");
        why
    };
    let found = why("target=http://app.test/static/x&site=app");
    assert_eq!(found["outcome"]["action"], "site", "{found:#}");
    assert_eq!(found["outcome"]["outbound"], b.url(), "{found:#}");
    let by_listener = why(&format!("target=http://app.test/&site={}", scene.listen));
    assert_eq!(
        by_listener["outcome"]["outbound"],
        a.url(),
        "{by_listener:#}"
    );
    let unknown = why("target=http://other.test/&site=app");
    assert_eq!(unknown["outcome"]["action"], "block", "{unknown:#}");
    assert!(
        unknown["outcome"]["text"].as_str().unwrap().contains("421"),
        "{unknown:#}"
    );
    let ambiguous = why("target=http://app.test/static/%252e%252e&site=app");
    assert!(
        ambiguous["outcome"]["text"]
            .as_str()
            .unwrap()
            .contains("400"),
        "{ambiguous:#}"
    );
    assert_eq!(
        scene
            .privet
            .api("GET", "why?target=http://app.test/&site=none", None)
            .0,
        404
    );
}

#[test]
fn figures_of_sites_are_in_the_metrics() {
    let backend = Backend::named("a");
    let listen = reserve();
    let text = config(listen, &[(backend.url(), 1)], "", "");
    let privet = Privet::start(&format!("{text}[control]\nmetrics = \"$METRICS\"\n"));
    let mut client = SiteClient::connect(listen, "app.test");
    for _ in 0..3 {
        client.get("/");
    }
    let metrics =
        privet_tests::curl(&[&format!("http://{}/metrics", privet.sandbox.metrics)]).good();
    let line = format!(
        "privet_backend_requests_total{{site=\"app\",route=\"\",backend=\"{}\"}} 3",
        backend.url()
    );
    assert!(metrics.contains(&line), "{metrics}");
    assert!(
        metrics.contains("privet_site_responses_total{site=\"app\",class=\"2xx\"} 3"),
        "{metrics}"
    );
}

#[test]
fn a_listener_of_a_site_opens_and_closes_with_a_reload() {
    let backend = Backend::named("a");
    let privet = Privet::start("");
    let listen = reserve();
    privet
        .sandbox
        .write(&config(listen, &[(backend.url(), 1)], "", ""));
    privet.signal(Signal::HUP);
    await_port(listen, "the site");
    assert_eq!(SiteClient::connect(listen, "app.test").get("/").status, 200);
    privet.sandbox.write("");
    privet.signal(Signal::HUP);
    until("the listener closes", || {
        std::net::TcpStream::connect(listen).is_err()
    });
}

#[test]
fn why_names_every_backend_and_how_many_requests_may_come_at_once() {
    let backends: Vec<Backend> = (0..7).map(|n| Backend::named(&format!("b{n}"))).collect();
    let all: Vec<&Backend> = backends.iter().collect();
    let scene = Scene::new(&all, "limit = { requests_per_second = 3 }", "");
    let (status, why) = scene
        .privet
        .api("GET", "why?target=http://app.test/&site=app", None);
    assert_eq!(status, 200, "{why}");
    let text = why.to_string();
    assert!(
        text.contains("3 requests a second for each client, 3 at once"),
        "{why:#}"
    );
    for backend in &backends {
        assert!(
            text.contains(&format!("backend {}\"", backend.url())),
            "{why:#}"
        );
    }
    assert_eq!(
        text.matches("not tried for this request").count(),
        2,
        "{why:#}"
    );
    assert_eq!(
        text.matches("where those before fail").count(),
        4,
        "{why:#}"
    );
}
