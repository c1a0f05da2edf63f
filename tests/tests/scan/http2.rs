//! Bodies over HTTP/2, on both sides of a site.

use bytes::Bytes;
use http::{Method, Request, Response};
use privet_tests::h2::{H2Backend, Tunnels, block_on, connect, get, read, write};

use crate::support::*;

/// Sends `/bad`, `/late` (the payload behind 3 MiB), or a few bytes; reads each request to its end before.
fn backend() -> H2Backend {
    H2Backend::answering(Tunnels::NotTaken, |request, mut respond| async move {
        let path = request.uri().path().to_owned();
        if read(&mut request.into_body()).await.is_err() {
            return;
        }
        let body = match &*path {
            "/bad" => bad(0),
            "/late" => bad(3 << 20),
            _ => clean(2 << 20),
        };
        if let Ok(mut stream) = respond.send_response(Response::new(()), false) {
            let _ = write(&mut stream, body.into()).await;
            let _ = stream.send_data(Bytes::new(), true);
        }
    })
}

#[test]
fn the_page_follows_an_interim_response() {
    let origin = privet_tests::Backend::answering(|stream, _, _| {
        std::io::Write::write_all(stream, b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")?;
        privet_tests::backend::reply(stream, "200 OK", BINARY, &bad(100))
    });
    let (scanning, listen) = site_before(&origin.url());
    block_on(async {
        let client = connect(listen).await;
        let mut stopped = get(&client, "http://app.test/bad").await.expect("the page");
        assert_eq!(stopped.status(), 403);
        let page = read(stopped.body_mut()).await.expect("the whole page");
        assert!(String::from_utf8_lossy(&page).contains("TestPayload"));
    });
    drop(scanning);
}

#[test]
fn one_risk_is_taken_once_over_http_2() {
    let backend = backend();
    let (scanning, listen) = site_before(&backend.url());
    let status = || {
        block_on(async {
            let client = connect(listen).await;
            let mut answer = get(&client, "http://app.test/bad")
                .await
                .expect("an answer");
            read(answer.body_mut()).await.expect("the whole body");
            answer.status().as_u16()
        })
    };
    assert_eq!(status(), 403);
    let hash = scanning.row("/bad")["scan_sha256"]
        .as_str()
        .expect("a hash")
        .to_owned();
    scanning.privet.json(&["scan", "allow", &hash]);
    assert_eq!([status(), status()], [200, 403]);
}

#[test]
fn several_parts_come_over_http_2_as_one_body() {
    let origin = origin(|_| None);
    let (_scanning, listen) = site_before(&origin.url());
    block_on(async {
        let client = connect(listen).await;
        let request = Request::builder().uri("http://app.test/clean/100");
        let request = request.header("range", "bytes=0-6,98-99").body(());
        let mut sender = client.ready().await.expect("the connection lives on");
        let sent = sender.send_request(request.expect("a request"), true);
        let mut response = sent.expect("a stream").0.await.expect("an answer");
        assert_eq!(response.status(), 206);
        let types: Vec<_> = response.headers().get_all("content-type").iter().collect();
        assert_eq!(types.len(), 1, "{types:?}");
        let kind = types[0].to_str().expect("a text");
        assert!(
            kind.starts_with("multipart/byteranges; boundary="),
            "{kind}"
        );
        let length = response.headers()["content-length"].clone();
        let body = read(response.body_mut()).await.expect("the whole body");
        assert_eq!(length, body.len().to_string());
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("bytes 0-6/100\r\n\r\n0000000\r\n"), "{text}");
        assert!(text.contains("bytes 98-99/100\r\n\r\nee\r\n"), "{text}");
    });
}

#[test]
fn streams_are_judged_apart_from_one_another() {
    let backend = backend();
    let (scanning, listen) = site_before(&backend.url());
    block_on(async {
        let client = connect(listen).await;
        let mut good = get(&client, "http://app.test/clean")
            .await
            .expect("an answer");
        let body = read(good.body_mut()).await.expect("the whole body");
        assert!(body == clean(2 << 20));
        let mut stopped = get(&client, "http://app.test/bad").await.expect("the page");
        assert_eq!(stopped.status(), 403);
        let page = read(stopped.body_mut()).await.expect("the whole page");
        let page = String::from_utf8_lossy(&page).into_owned();
        assert!(
            page.contains("TestPayload") && !page.contains(PAYLOAD),
            "{page}"
        );
        let mut late = get(&client, "http://app.test/late")
            .await
            .expect("the beginning");
        assert_eq!(late.status(), 200);
        let cut = read(late.body_mut())
            .await
            .expect_err("the stream is reset");
        assert!(cut.is_reset(), "{cut}");
        for (body, wanted) in [(bad(50_000), 403), (clean(50_000), 200)] {
            let request = Request::builder()
                .method(Method::POST)
                .uri("http://app.test/upload");
            let request = request.body(()).expect("a request");
            let mut client = client
                .clone()
                .ready()
                .await
                .expect("the connection lives on");
            let (response, mut stream) = client.send_request(request, false).expect("a stream");
            // A stream that is stopped takes no more.
            let _ = write(&mut stream, Bytes::from(body)).await;
            let _ = stream.send_data(Bytes::new(), true);
            let response = response.await.expect("an answer");
            assert_eq!(response.status(), wanted);
        }
    });
    assert_eq!(scanning.row("/late")["scan"], "bad");
    assert_eq!(scanning.row("/late")["http_version"], "HTTP/2");
}
