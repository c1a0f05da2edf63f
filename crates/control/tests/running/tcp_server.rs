//! Access to the TCP server: without a token, by web pages, and by the owner.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::test_api::TestApi;
use privet_api::status::ModeRequest;
use privet_api::{Client, ClientError, Endpoint};
use privet_control::auth::guard::Guard;
use privet_control::servers::{http::Server, tcp};
use privet_control::{Token, guarded_router};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TOKEN: &str = "0123456789abcdef";

async fn open(api: &TestApi) -> (SocketAddr, Server) {
    let listener = tcp::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let guard = Guard::new(Arc::new(Token::from_text(TOKEN).unwrap()));
    (
        address,
        tcp::serve(listener, guarded_router(&api.state, guard)),
    )
}

/// Sends a request with these fields unchanged. Returns the status, the head and the body.
async fn ask(address: SocketAddr, request: &str, fields: &[String]) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{request} HTTP/1.1\r\n{}\r\nConnection: close\r\n\r\n",
        fields.join("\r\n")
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn only_the_owner_is_accepted_and_others_learn_nothing() {
    let api = TestApi::start("").await;
    for path in ["/api/v1/status", "/api/v1/nonsense", "/nonsense"] {
        let (address, _server) = open(&api).await;
        hold(address, path).await;
    }
}

async fn hold(address: SocketAddr, path: &str) {
    let ours = format!("Host: {address}");
    let local = format!("Host: localhost:{}", address.port());
    let good = format!("Authorization: Bearer {TOKEN}");
    let table: Vec<(u16, Vec<String>)> = vec![
        (200, vec![ours.clone(), good.clone()]),
        (200, vec![local, good.clone()]),
        (
            200,
            vec![
                ours.clone(),
                good.clone(),
                format!("Origin: http://{address}"),
            ],
        ),
        (401, vec![ours.clone()]),
        (
            401,
            vec![ours.clone(), "Authorization: Bearer wrong".into()],
        ),
        (
            401,
            vec![ours.clone(), format!("Authorization: Basic {TOKEN}")],
        ),
        (401, vec![ours.clone(), format!("Cookie: token={TOKEN}")]),
        (403, vec!["Host: evil.example".into(), good.clone()]),
        (
            403,
            vec![
                format!("Host: evil.example:{}", address.port()),
                good.clone(),
            ],
        ),
        (403, vec!["Host: 127.0.0.1".into(), good.clone()]),
        (403, vec![ours.clone(), ours.clone(), good.clone()]),
        (
            403,
            vec![
                ours.clone(),
                good.clone(),
                "Origin: http://evil.example".into(),
            ],
        ),
        (403, vec![ours.clone(), good.clone(), "Origin: null".into()]),
        (
            403,
            vec![
                ours.clone(),
                good.clone(),
                "Sec-Fetch-Site: cross-site".into(),
            ],
        ),
    ];
    for (status, fields) in &table {
        let (got, head, body) = ask(address, &format!("GET {path}"), fields).await;
        let expected = if *status == 200 && path != "/api/v1/status" {
            404
        } else {
            *status
        };
        assert_eq!(got, expected, "{path} {fields:?}");
        if matches!(got, 401 | 403) {
            assert!(body.is_empty(), "{path} {fields:?}: {body}");
            assert_eq!(
                got == 401,
                head.to_ascii_lowercase()
                    .contains("www-authenticate: bearer")
            );
        }
    }
}

#[tokio::test]
async fn a_change_without_a_token_changes_nothing() {
    let api = TestApi::start("").await;
    let (address, _server) = open(&api).await;
    let fields = vec![
        format!("Host: {address}"),
        "Content-Type: application/json".into(),
        "Content-Length: 14".into(),
        String::new(),
        r#"{"mode":"off"}"#.into(),
    ];
    let (status, _, _) = ask(address, "PUT /api/v1/mode", &fields).await;
    assert_eq!(status, 401);
    assert_eq!(api.engine.mode().name, "standard");
}

#[tokio::test]
async fn the_client_is_accepted_only_with_the_token() {
    let api = TestApi::start("").await;
    let (address, _server) = open(&api).await;
    let with = |text: &str| Client::new(Endpoint::Tcp(address)).with_token(text.into());
    let request_body = ModeRequest {
        mode: "strict".into(),
        duration: None,
    };
    assert_eq!(
        with(TOKEN).set_mode(&request_body).await.unwrap().name,
        "strict"
    );
    assert!(matches!(
        with("wrong").status().await,
        Err(ClientError::Unauthorized)
    ));
}

#[tokio::test]
async fn a_closed_server_ends_event_streams_and_accepts_no_client() {
    let api = TestApi::start("").await;
    let (address, server) = open(&api).await;
    let client = Client::new(Endpoint::Tcp(address)).with_token(TOKEN.into());
    let mut events = client.watch(&Default::default()).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().name, "status");
    api.closing.cancel();
    server.close().await;
    while let Ok(Some(_)) = events.next().await {}
    assert!(matches!(
        client.status().await,
        Err(ClientError::NotRunning(_))
    ));
}

#[tokio::test]
async fn the_page_needs_no_token_but_the_right_host_and_may_connect_only_here() {
    let api = TestApi::start("").await;
    let (address, _server) = open(&api).await;
    let ours = format!("Host: {address}");
    let (status, head, body) = ask(address, "GET /", std::slice::from_ref(&ours)).await;
    let head = head.to_ascii_lowercase();
    assert_eq!(status, 200);
    assert!(body.contains("<title>Privet"), "{body}");
    assert!(head.contains("content-security-policy: default-src 'none'; script-src 'self'"));
    assert!(head.contains("frame-ancestors 'none'") && head.contains("nosniff"));
    assert!(head.contains("referrer-policy: no-referrer"));
    let foreign = ["Host: evil.example".to_owned()];
    assert_eq!(ask(address, "GET /", &foreign).await.0, 403);
    let missing = "GET /assets/missing.js";
    assert_eq!(
        ask(address, missing, std::slice::from_ref(&ours)).await.0,
        404
    );
    let embedded = [ours, "Sec-Fetch-Site: cross-site".to_owned()];
    assert_eq!(ask(address, missing, &embedded).await.0, 403);
}
