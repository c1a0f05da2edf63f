//! Requests that go to another backend, with the body as far as it is kept.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use privet_tests::Backend;
use privet_tests::backend::{dechunk, reply};
use privet_tests::h2::{block_on, connect, read, write};

use crate::support::Scene;

/// Bytes of a request's body that are kept, as docs/sites.md says.
const KEPT: usize = 64 * 1024;

/// One that reads each request and closes without an answer, and one that sends the body back.
fn backends() -> (Backend, Backend) {
    let dying = Backend::answering(|_, _, _| Err(ErrorKind::ConnectionReset.into()));
    let echo = Backend::answering(|stream, head, body| {
        let chunked = head
            .to_ascii_lowercase()
            .contains("\r\ntransfer-encoding: chunked");
        match chunked {
            true => reply(stream, "200 OK", "X-Chunked: yes\r\n", &dechunk(body).0),
            false => reply(stream, "200 OK", "", body),
        }
    });
    (dying, echo)
}

fn body(length: usize) -> String {
    (0..length)
        .map(|at| char::from(b'a' + (at % 23) as u8))
        .collect()
}

fn with_length(method: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} / HTTP/1.1\r\nHost: app.test\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
fn a_request_whose_body_is_kept_goes_to_another_backend() {
    for length in [1, 5_000, KEPT] {
        let (dying, echo) = backends();
        let scene = Scene::new(&[&dying, &echo], "balance = \"round-robin\"", "");
        let body = body(length);
        for method in ["PUT", "DELETE"] {
            for _ in 0..2 {
                let answer = scene.client().request(&with_length(method, &body));
                assert_eq!(answer.status, 200, "{method} {length}: {}", answer.head);
                assert!(answer.body == body, "{method} {length}: the body changed");
            }
        }
        let middle = length / 2;
        let chunks = format!(
            "{middle:x}\r\n{}\r\n{:x}\r\n{}\r\n0\r\nX-Sum: 1\r\n\r\n",
            &body[..middle],
            length - middle,
            &body[middle..]
        );
        let head = "PUT / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n";
        if middle > 0 {
            for _ in 0..2 {
                let answer = scene.client().request(&format!("{head}{chunks}"));
                assert_eq!(
                    (answer.status, answer.field("x-chunked")),
                    (200, Some("yes"))
                );
                assert!(answer.body == body, "chunked {length}: the body changed");
            }
        }
        assert!(
            dying.requests() > 0,
            "{length}: no request met the dying backend"
        );
    }
}

#[test]
fn a_request_over_http_2_whose_body_is_kept_goes_to_another_backend() {
    let (dying, echo) = backends();
    let scene = Scene::new(&[&dying, &echo], "balance = \"round-robin\"", "");
    let body = Bytes::from(body(50_000));
    block_on(async {
        for _ in 0..4 {
            let mut client = connect(scene.listen)
                .await
                .ready()
                .await
                .expect("it is open");
            let request = Request::put("http://app.test/")
                .body(())
                .expect("a request");
            let (response, mut send) = client.send_request(request, false).expect("a stream");
            write(&mut send, body.clone()).await.expect("it is taken");
            send.send_data(Bytes::new(), true).expect("it is open");
            let mut response = response.await.expect("an answer");
            assert_eq!(response.status(), 200);
            assert!(read(response.body_mut()).await.expect("the whole") == body);
        }
    });
    assert!(dying.requests() > 0, "no request met the dying backend");
}

#[test]
fn a_request_that_may_not_be_repeated_is_sent_once() {
    for (method, length) in [
        ("PUT", KEPT + 1),
        ("PUT", 300_000),
        ("POST", 10),
        ("PATCH", 10),
    ] {
        let (dying, echo) = backends();
        let scene = Scene::new(&[&dying, &echo], "balance = \"round-robin\"", "");
        let request = with_length(method, &body(length));
        let mut statuses: Vec<u16> = (0..4)
            .map(|_| scene.client().request(&request).status)
            .collect();
        statuses.sort_unstable();
        assert!(
            statuses.starts_with(&[200]) && statuses.ends_with(&[502]),
            "{statuses:?}"
        );
        let failed = statuses.iter().filter(|status| **status == 502).count();
        assert_eq!(
            (dying.requests(), echo.requests()),
            (failed, 4 - failed),
            "{method}"
        );
    }
}

#[test]
fn a_backend_that_is_down_and_one_that_dies_leave_a_whole_answer() {
    let down = privet_tests::reserve();
    let (dying, echo) = backends();
    let urls = [format!("http://{down}"), dying.url(), echo.url()].map(|url| (url, 1));
    let scene = Scene::weighted(&urls, "balance = \"round-robin\"", "");
    echo.set_delay(Duration::from_millis(10));
    // On one connection: what was read of one body is not taken for the next request.
    let mut client = scene.client();
    let body = body(20_000);
    for _ in 0..5 {
        let answer = client.request(&with_length("PUT", &body));
        assert_eq!(answer.status, 200, "{}", answer.head);
        assert!(answer.body == body);
    }
}
