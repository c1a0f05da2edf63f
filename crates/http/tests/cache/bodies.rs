//! Bodies: ranges, chunks and trailers, and bodies that end too early.

use crate::common::*;
use crate::support::*;

async fn client(gateway: &TestGateway) -> Peer {
    Peer::connect(proxy(gateway.clone()).await).await
}

#[tokio::test]
async fn ranges_are_cut_out_of_a_stored_whole() {
    let gateway = caching();
    let fields = "Cache-Control: max-age=60\r\nETag: \"v1\"\r\nContent-Type: text/x\r\n";
    let body: String = ('a'..='z').cycle().take(200_000).collect();
    let whole = body.clone();
    let (port, count) = counting(move |_, _| response(fields, &whole)).await;
    let mut client = client(&gateway).await;
    client.send(get(port, "/")).await;
    assert_eq!(client.response().await.1, body);
    for (range, wanted, says) in [
        ("bytes=0-4", &body[..5], "bytes 0-4/200000"),
        (
            "bytes=70000-140000",
            &body[70_000..=140_000],
            "bytes 70000-140000/200000",
        ),
        ("bytes=-3", &body[199_997..], "bytes 199997-199999/200000"),
    ] {
        client
            .send(with(port, "/", &format!("Range: {range}\r\n")))
            .await;
        let (head, part) = client.response().await;
        assert_eq!(
            (status(&head), field(&head, "content-range")),
            (206, Some(says))
        );
        assert_eq!(part, wanted, "{range}");
    }
    client
        .send(with(port, "/", "Range: bytes=0-1,100000-100001\r\n"))
        .await;
    let (head, parts) = client.response().await;
    let kind = field(&head, "content-type").unwrap();
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let part = |range: &str, text: &str| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/x\r\nContent-Range: bytes {range}/200000\r\n\r\n{text}"
        )
    };
    let wanted = [
        part("0-1", "ab"),
        part("100000-100001", &body[100_000..100_002]),
        format!("\r\n--{boundary}--\r\n"),
    ];
    assert_eq!(parts, wanted.concat());
    client
        .send(with(port, "/", "Range: bytes=200000-\r\n"))
        .await;
    let (head, _) = client.response().await;
    assert_eq!(
        (status(&head), field(&head, "content-range")),
        (416, Some("bytes */200000"))
    );
    client
        .send(with(port, "/", "Range: bytes=0-1\r\nIf-Range: \"v2\"\r\n"))
        .await;
    assert_eq!(client.response().await.1, body);
    assert_eq!(asked(&count), 1);
}

#[tokio::test]
async fn a_range_of_what_is_not_stored_is_stored_itself() {
    let gateway = caching();
    let (port, count) = counting(|head, _| {
        assert_eq!(field(head, "range"), Some("bytes=0-1"));
        "HTTP/1.1 206 Partial\r\nCache-Control: max-age=60\r\nContent-Range: bytes 0-1/9\r\n\
         Content-Length: 2\r\n\r\nab"
            .to_owned()
    })
    .await;
    let mut client = client(&gateway).await;
    for _ in 0..2 {
        client.send(with(port, "/", "Range: bytes=0-1\r\n")).await;
        let (head, body) = client.response().await;
        assert_eq!((status(&head), body.as_str()), (206, "ab"));
    }
    assert_eq!(asked(&count), 1);
}

#[tokio::test]
async fn a_chunked_body_and_its_trailers_are_stored() {
    let gateway = caching();
    let (port, count) = counting(|_, _| {
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Sum: 7\r\n\r\n"
            .to_owned()
    })
    .await;
    let mut client = client(&gateway).await;
    client.send(get(port, "/")).await;
    let head = client.head().await.unwrap();
    // It was there as a whole when its head was answered, or is still arriving.
    match field(&head, "transfer-encoding") {
        Some(_) => assert_eq!(client.read_chunked().await, "abcdefg"),
        None => assert_eq!(client.take(7).await, "abcdefg"),
    }
    client.send(get(port, "/")).await;
    assert_eq!(client.response().await.1, "abcdefg");
    assert_eq!(asked(&count), 1);
}

#[tokio::test]
async fn a_body_that_ends_early_is_never_taken_for_whole() {
    let gateway = caching();
    let port = origin(|mut peer, number| async move {
        peer.head().await;
        let half = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 8\r\n\r\nhalf";
        let chunk = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
        match number {
            0 => peer.send(half).await,
            1 => peer.send(chunk).await,
            _ => peer.send(response("Cache-Control: max-age=60\r\n", "complete")).await,
        }
    })
    .await;
    let address = proxy(gateway.clone()).await;
    let mut one = Peer::connect(address).await;
    one.send(get(port, "/")).await;
    assert!(one.rest().await.ends_with("\r\n\r\nhalf"));
    let mut two = Peer::connect(address).await;
    two.send(get(port, "/")).await;
    assert!(!two.rest().await.ends_with("0\r\n\r\n"));
    let mut three = Peer::connect(address).await;
    three.send(get(port, "/")).await;
    assert_eq!(three.response().await.1, "complete");
    three.send(get(port, "/")).await;
    assert_eq!(three.response().await.1, "complete");
}

#[tokio::test]
async fn an_old_client_learns_the_end_of_a_chunked_body_by_the_connections_end() {
    let gateway = caching();
    let (port, _) = counting(|_, _| {
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n0\r\n\r\n"
            .to_owned()
    })
    .await;
    let address = proxy(gateway.clone()).await;
    for _ in 0..2 {
        let mut old = Peer::connect(address).await;
        old.send(format!("GET http://127.0.0.1:{port}/ HTTP/1.0\r\n\r\n"))
            .await;
        assert!(old.rest().await.ends_with("\r\n\r\nabc"));
    }
}
