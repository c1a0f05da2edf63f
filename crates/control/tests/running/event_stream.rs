//! Events: content, maximum rate, and silence when nothing changed.

use std::time::Duration;

use crate::test_api::{Answer, TestApi, call};
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use privet_connection_log::NewConnection;
use privet_control::EVENT_INTERVAL;
use privet_control::MAX_EVENT_STREAMS;
use privet_policy::{Listener, Protocol, Target, Why, WhyKind};
use tokio::time::{Instant, timeout};

async fn watch(api: &TestApi, query: &str) -> Body {
    let request = Request::get(format!("/api/v1/events?{query}"))
        .body(Body::empty())
        .unwrap();
    let response = call(privet_control::router(&api.state), request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body()
}

/// The text of the next event; `None`: none arrived within `limit`.
async fn next(body: &mut Body, limit: Duration) -> Option<String> {
    loop {
        let frame = timeout(limit, body.frame()).await.ok()??.unwrap();
        let text = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
        if !text.starts_with(':') {
            return Some(text);
        }
    }
}

fn opening() -> NewConnection {
    NewConnection {
        listener: Listener::Mixed,
        client: "127.0.0.1:1".parse().unwrap(),
        protocol: Protocol::Connect,
        user: None,
        app: None,
        target: Target::parse("example.com:443").unwrap(),
        route: "direct".into(),
        why: Why {
            kind: WhyKind::Mode,
            text: "test".into(),
        },
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_engine_sends_its_state_once_and_then_nothing() {
    let api = TestApi::start("").await;
    let mut body = watch(&api, "topics=status,connections").await;
    assert!(
        next(&mut body, EVENT_INTERVAL)
            .await
            .unwrap()
            .starts_with("event: status\n")
    );
    assert!(
        next(&mut body, EVENT_INTERVAL)
            .await
            .unwrap()
            .starts_with("event: connections\n")
    );
    // Longer than the keep-alive: comments may come, events may not.
    assert_eq!(next(&mut body, Duration::from_secs(12)).await, None);
    api.engine
        .set_mode(privet_engine::ChangeSource::Api, "strict", None)
        .await
        .unwrap();
    assert!(
        next(&mut body, EVENT_INTERVAL * 2)
            .await
            .unwrap()
            .contains("\"strict\"")
    );
}

#[tokio::test(start_paused = true)]
async fn at_most_four_states_a_second_are_sent() {
    let api = TestApi::start("").await;
    let mut body = watch(&api, "topics=connections&limit=10").await;
    next(&mut body, EVENT_INTERVAL).await.unwrap();
    let connection_log = api.engine.connection_log().clone();
    let changing = tokio::spawn(async move {
        let mut rows = Vec::new();
        loop {
            rows.push(connection_log.open(opening()));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let (start, mut sent) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(3) {
        let event = next(&mut body, Duration::from_secs(1)).await.unwrap();
        assert!(event.contains("\"total\":"));
        sent += 1;
    }
    changing.abort();
    assert!((10..=13).contains(&sent), "{sent} events in three seconds");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_the_newest_state_only() {
    let api = TestApi::start("").await;
    let mut body = watch(&api, "topics=connections").await;
    next(&mut body, EVENT_INTERVAL).await.unwrap();
    let mut rows = Vec::new();
    for _ in 0..50 {
        rows.push(api.engine.connection_log().open(opening()));
        tokio::time::sleep(EVENT_INTERVAL).await;
    }
    assert!(
        next(&mut body, EVENT_INTERVAL * 2)
            .await
            .unwrap()
            .contains("\"total\":50")
    );
    assert_eq!(next(&mut body, EVENT_INTERVAL * 4).await, None);
    drop(rows);
}

#[tokio::test]
async fn past_the_limit_a_stream_is_refused_and_a_closed_one_frees_its_slot() {
    let api = TestApi::start("").await;
    let mut bodies = Vec::new();
    for _ in 0..MAX_EVENT_STREAMS {
        bodies.push(watch(&api, "topics=status").await);
    }
    let request = Request::get("/api/v1/events").body(Body::empty()).unwrap();
    let refused = Answer::read(call(privet_control::router(&api.state), request).await).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.json()["type"], "urn:privet:problem:watchers");
    bodies.pop();
    bodies.push(watch(&api, "topics=status").await);
}
