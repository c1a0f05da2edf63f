//! The calls of the API on a running engine: their responses and errors.

use crate::test_api::TestApi;
use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn every_error_is_a_problem_document_with_a_fix() {
    let api = TestApi::start("").await;
    let table = [
        ("GET", "/api/v1/nonsense", None, 404, "not-found"),
        ("GET", "/", None, 404, "not-found"),
        ("POST", "/api/v1/status", None, 405, "method"),
        ("GET", "/api/v1/identity", None, 405, "method"),
        (
            "GET",
            "/api/v1/connections?limit=x",
            None,
            400,
            "bad-request",
        ),
        (
            "GET",
            "/api/v1/connections?fitler=x",
            None,
            400,
            "bad-request",
        ),
        (
            "GET",
            "/api/v1/connections?filter=nosuch:x",
            None,
            400,
            "bad-request",
        ),
        ("DELETE", "/api/v1/connections", None, 400, "bad-request"),
        (
            "DELETE",
            "/api/v1/connections?filter=",
            None,
            400,
            "bad-request",
        ),
        ("DELETE", "/api/v1/connections/7", None, 404, "not-found"),
        ("DELETE", "/api/v1/connections/-7", None, 400, "bad-request"),
        ("GET", "/api/v1/why?target=", None, 400, "bad-request"),
        ("GET", "/api/v1/why?target=a%20b", None, 422, "target"),
        (
            "PUT",
            "/api/v1/mode",
            Some(json!({"mode": "nonsense"})),
            422,
            "mode",
        ),
        (
            "PUT",
            "/api/v1/mode",
            Some(json!({"mode": "off", "for": "0s"})),
            422,
            "for",
        ),
        (
            "PUT",
            "/api/v1/mode",
            Some(json!({"mode": "off", "fro": "1m"})),
            400,
            "bad-request",
        ),
        (
            "POST",
            "/api/v1/upstreams/none/test",
            None,
            404,
            "not-found",
        ),
        ("POST", "/api/v1/lists/none/refresh", None, 404, "not-found"),
        ("GET", "/api/v1/usage?from=2&to=1", None, 422, "span"),
        (
            "GET",
            "/api/v1/events?topics=gossip",
            None,
            400,
            "bad-request",
        ),
        (
            "PATCH",
            "/api/v1/config",
            Some(json!({"mode": "nonsense"})),
            422,
            "configuration",
        ),
        (
            "PUT",
            "/api/v1/system-proxy",
            Some(json!({"enabled": true})),
            409,
            "conflict",
        ),
        ("POST", "/api/v1/leaktest", None, 501, "not-in-this-version"),
    ];
    for (method, path, body, status, name) in table {
        let answer = api.call(method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.kind(), "application/problem+json", "{method} {path}");
        let problem = answer.json();
        assert_eq!(
            problem["type"],
            format!("urn:privet:problem:{name}"),
            "{method} {path}"
        );
        assert_eq!(problem["status"], status);
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_change_needs_a_content_type_that_a_page_cannot_send_unasked() {
    let api = TestApi::start("").await;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
    ] {
        for (method, path) in [
            ("PUT", "/api/v1/mode"),
            ("PUT", "/api/v1/config"),
            ("PATCH", "/api/v1/config"),
        ] {
            let mut request = Request::builder().method(method).uri(path);
            if !kind.is_empty() {
                request = request.header("content-type", kind);
            }
            let answer = api
                .send(request.body(Body::from(r#"{"mode":"off"}"#)).unwrap())
                .await;
            assert_eq!(
                answer.status,
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "{method} {path} {kind}"
            );
        }
    }
    assert_eq!(api.engine.config().mode, "standard");
}

#[tokio::test]
async fn a_body_past_the_bound_is_refused() {
    let api = TestApi::start("").await;
    let long = format!("# {}", "x".repeat(privet_control::extract::MAX_BODY));
    let request = Request::put("/api/v1/config").header("content-type", "application/toml");
    let answer = api.send(request.body(Body::from(long)).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn every_answer_is_kept_from_caches_and_frames() {
    let api = TestApi::start("").await;
    for path in ["/api/v1/status", "/api/v1/nonsense", "/api/v1/openapi.json"] {
        let answer = api.call("GET", path, None).await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(answer.headers.get("access-control-allow-origin").is_none());
        assert!(answer.headers.get("set-cookie").is_none());
    }
}

#[tokio::test]
async fn a_mode_is_set_for_a_time_and_status_shows_what_follows() {
    let api = TestApi::start("").await;
    let chosen = api
        .call(
            "PUT",
            "/api/v1/mode",
            Some(json!({"mode": "strict", "for": "15m"})),
        )
        .await
        .json();
    assert_eq!(
        (&chosen["name"], &chosen["then"]),
        (&json!("strict"), &json!("standard"))
    );
    let status = api.call("GET", "/api/v1/status", None).await.json();
    // Reading is no change.
    assert_eq!(chosen["change"], 1);
    let mut without = chosen.clone();
    without.as_object_mut().unwrap().remove("change");
    assert_eq!(status["mode"], without);
    assert_eq!(status["mode"]["kill_switch"], true);
    assert_eq!(status["route"]["name"], "none");
    assert_eq!(status["listeners"][0]["kind"], "mixed");
}

#[tokio::test]
async fn a_concurrent_edit_does_not_revert_a_mode() {
    let api = TestApi::start("").await;
    for round in 0..12 {
        let mode = ["strict", "standard"][round % 2];
        let patch = json!({"filter": {"deny": [format!("bad{round}.example")]}});
        let (chosen, edited) = tokio::join!(
            api.call("PUT", "/api/v1/mode", Some(json!({"mode": mode}))),
            api.call("PATCH", "/api/v1/config", Some(patch)),
        );
        assert_eq!(
            (chosen.status, edited.status),
            (StatusCode::OK, StatusCode::OK)
        );
        let status = api.call("GET", "/api/v1/status", None).await.json();
        assert_eq!(status["mode"]["name"], mode, "round {round}");
        assert!(api.file().contains(&format!("mode = \"{mode}\"")));
        assert!(api.file().contains(&format!("bad{round}.example")));
    }
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_a_patch_keeps_the_comments() {
    let api = TestApi::start("").await;
    let before = api.file();
    let patch = json!({"filter": {"deny": ["bad.example"]}});
    let report = api
        .call("PATCH", "/api/v1/config?dry_run=true", Some(patch.clone()))
        .await
        .json();
    assert_eq!(report["applied"], false);
    assert_eq!(api.file(), before);
    assert_eq!(verdict(&api, "bad.example").await, "direct");
    let done = api
        .call("PATCH", "/api/v1/config", Some(patch))
        .await
        .json();
    assert_eq!(done["applied"], true);
    assert!(api.file().starts_with("# kept\n") && api.file().contains("bad.example"));
    assert_eq!(verdict(&api, "bad.example").await, "block");
}

async fn verdict(api: &TestApi, target: &str) -> Value {
    let answer = api
        .call("GET", &format!("/api/v1/why?target={target}"), None)
        .await;
    answer.json()["outcome"]["action"].clone()
}

#[tokio::test]
async fn an_invalid_file_is_refused_with_every_position_and_the_running_one_stays() {
    let api = TestApi::start("").await;
    let before = api.file();
    let text = "mode = \"standard\"\n[lisen]\nmixed = []\n[log]\nlevle = \"info\"\n";
    let request = Request::put("/api/v1/config").header("content-type", "application/toml");
    let answer = api.send(request.body(Body::from(text)).unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let problem = answer.json();
    let lines: Vec<_> = problem["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["line"].clone())
        .collect();
    assert_eq!(lines, [2, 5]);
    assert!(
        problem["diagnostics"][0]["help"]
            .as_str()
            .unwrap()
            .contains("listen")
    );
    assert_eq!(api.file(), before);
}

#[tokio::test]
async fn the_result_of_get_is_accepted_by_put_and_secrets_are_never_shown() {
    let api = TestApi::start(
        "[[upstream]]\nname = \"a\"\nurl = \"socks5://127.0.0.1:9\"\nusername = \"u\"\npassword = \"open sesame\"\n",
    )
    .await;
    let shown = api.call("GET", "/api/v1/config", None).await;
    assert!(!String::from_utf8_lossy(&shown.body).contains("sesame"));
    let put = api.call("PUT", "/api/v1/config", Some(shown.json())).await;
    assert_eq!(
        put.status,
        StatusCode::OK,
        "{}",
        String::from_utf8_lossy(&put.body)
    );
    assert!(
        api.file().contains("open sesame"),
        "the secret stays in the file that held it"
    );
    for path in ["/api/v1/status", "/api/v1/upstreams", "/api/v1/doctor"] {
        let answer = api.call("GET", path, None).await;
        assert!(
            !String::from_utf8_lossy(&answer.body).contains("sesame"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_document_names_every_call_of_the_contract_and_describes_every_answer() {
    let api = TestApi::start("").await;
    let document = api.call("GET", "/api/v1/openapi.json", None).await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let calls = [
        ("/api/v1/status", "get"),
        ("/api/v1/mode", "put"),
        ("/api/v1/connections", "get"),
        ("/api/v1/connections", "delete"),
        ("/api/v1/connections/{id}", "delete"),
        ("/api/v1/why", "get"),
        ("/api/v1/events", "get"),
        ("/api/v1/config", "get"),
        ("/api/v1/config", "put"),
        ("/api/v1/config", "patch"),
        ("/api/v1/upstreams", "get"),
        ("/api/v1/upstreams/{name}/test", "post"),
        ("/api/v1/lists", "get"),
        ("/api/v1/lists/{name}/refresh", "post"),
        ("/api/v1/usage", "get"),
        ("/api/v1/identity", "post"),
    ];
    for (path, method) in calls {
        let call = &document["paths"][path][method];
        assert!(call["responses"]["200"].is_object(), "{method} {path}");
        assert!(
            call["responses"]["401"].is_object() && call["responses"]["403"].is_object(),
            "{method} {path}"
        );
    }
    let text = document.to_string();
    let schemas = &document["components"]["schemas"];
    for name in text
        .match_indices("#/components/schemas/")
        .map(|(at, prefix)| {
            let rest = &text[at + prefix.len()..];
            &rest[..rest.find('"').unwrap()]
        })
    {
        assert!(
            schemas[name].is_object(),
            "{name} is named and not described"
        );
    }
}

#[tokio::test]
async fn the_file_is_shown_without_its_secrets_and_written_back_with_them() {
    let api = TestApi::start(
        "[[upstream]]\nname = \"a\"\nurl = \"socks5://127.0.0.1:9\"\nusername = \"u\"\npassword = \"tiger\"\n",
    )
    .await;
    let read = api.call("GET", "/api/v1/config/file", None).await.json();
    let text = read["text"].as_str().unwrap();
    assert!(
        text.contains("# kept") && text.contains("password = \"***1\""),
        "{text}"
    );
    assert!(!text.contains("tiger"));
    let body = |text: &str, version: &Value| Some(json!({ "text": text, "version": version }));
    let changed = text.replace("# kept", "# mine");
    let path = "/api/v1/config/file";
    let dry = format!("{path}?dry_run=true");
    let tried = api
        .call("PUT", &dry, body(&changed, &read["version"]))
        .await;
    assert_eq!(tried.json()["applied"], false);
    assert!(api.file().contains("# kept"));
    let done = api
        .call("PUT", path, body(&changed, &read["version"]))
        .await;
    assert_eq!(done.json()["applied"], true);
    assert!(api.file().contains("# mine") && api.file().contains("tiger"));
    let late = api.call("PUT", path, body(text, &read["version"])).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn the_language_of_the_query_bar_lists_every_field_with_an_example_that_it_takes() {
    let api = TestApi::start("").await;
    let language = api.call("GET", "/api/v1/query", None).await.json();
    for field in language["fields"].as_array().unwrap() {
        let example = field["example"].as_str().unwrap();
        let encoded = serde_urlencoded::to_string([("filter", example)]).unwrap();
        let rows = api
            .call("GET", &format!("/api/v1/connections?{encoded}"), None)
            .await;
        assert_eq!(rows.status, StatusCode::OK, "{example}");
    }
}
