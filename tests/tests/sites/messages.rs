//! What passes between clients and backends, and how it is rewritten.

use std::io::{Read, Write};
use std::time::Duration;

use privet_tests::backend::reply;
use privet_tests::h2::{self, H2Backend, Tunnels};
use privet_tests::{Backend, Privet, SiteClient, reserve};

use crate::support::{Scene, backend_of, config, echo};

#[test]
fn backends_learn_who_asks_and_clients_not_who_answers() {
    let backend = Backend::answering(|stream, head, _| {
        let own = stream.local_addr()?;
        let fields = format!(
            "Server: Apache/2.4 (Debian)\r\nX-Powered-By: PHP/8\r\nVia: 1.1 inner\r\nX-AspNet-Version: 4\r\n\
             Location: http://{own}/next?x\r\nContent-Location: http://{own}/doc\r\nRefresh: 3; url=http://{own}/r\r\n\
             Link: <http://{own}/s.css>; rel=preload\r\nAlt-Svc: h2=\"{own}\"\r\n\
             Set-Cookie: a=b; Domain=127.0.0.1; Path=/\r\nX-Request-Id: 7\r\n"
        );
        reply(stream, "200 OK", &fields, head.as_bytes())
    });
    let scene = Scene::new(&[&backend], "", "");
    let answer = scene.client().request(
        "GET / HTTP/1.1\r\nHost: app.test:8443\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n\
         X-Forwarded-Proto: https\r\nX-Real-IP: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nX_Real-IP: 6.6.6.6\r\n\
         Proxy: http://6.6.6.6:1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Own: kept\r\n\r\n",
    );
    let port = backend.address.port().to_string();
    assert!(!answer.head.contains(&port), "{}", answer.head);
    for absent in [
        "server",
        "x-powered-by",
        "via",
        "x-aspnet-version",
        "alt-svc",
    ] {
        assert_eq!(answer.field(absent), None, "{}", answer.head);
    }
    for (name, value) in [
        ("location", "http://app.test:8443/next?x"),
        ("content-location", "http://app.test:8443/doc"),
        ("refresh", "3; url=http://app.test:8443/r"),
        ("link", "<http://app.test:8443/s.css>; rel=preload"),
        ("set-cookie", "a=b; Path=/"),
        ("x-request-id", "7"),
    ] {
        assert_eq!(answer.field(name), Some(value), "{}", answer.head);
    }
    let seen = &answer.body;
    for line in [
        "\r\nHost: app.test:8443\r\n",
        "\r\nX-Forwarded-For: 127.0.0.1\r\n",
        "\r\nX-Forwarded-Proto: http\r\n",
        "\r\nX-Forwarded-Host: app.test:8443\r\n",
        "\r\nForwarded: for=127.0.0.1;host=\"app.test:8443\";proto=http\r\n",
        "\r\nX-Own: kept\r\n",
        "\r\nVia: 1.1 ",
    ] {
        assert!(seen.contains(line), "{line:?} in {seen}");
    }
    assert!(
        !seen.contains("6.6.6.6") && !seen.contains("X-Hop"),
        "{seen}"
    );
}

#[test]
fn trailers_of_a_backend_do_not_name_it() {
    let backend = Backend::answering(|stream, _, _| {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nServer: nginx/1.2\r\n\
              X-Powered-By: PHP\r\nVia: 1.1 backend-7\r\nX-Checksum: 9\r\n\r\n",
        )
    });
    let scene = Scene::new(&[&backend], "", "");
    let mut client = std::net::TcpStream::connect(scene.listen).expect("it listens");
    let request =
        b"GET / HTTP/1.1\r\nHost: app.test\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n";
    client.write_all(request).expect("it is sent");
    let mut all = String::new();
    client.read_to_string(&mut all).expect("it is text");
    assert!(all.contains("\r\nX-Checksum: 9\r\n"), "{all}");
    for hidden in ["nginx", "PHP", "backend-7"] {
        assert!(!all.contains(hidden), "{all}");
    }
}

#[test]
fn error_pages_name_no_backend() {
    let dead = reserve();
    let broken =
        Backend::answering(|stream, _, _| stream.write_all(b"nonsense from 10.9.8.7\r\n\r\n"));
    for url in [format!("http://{dead}"), broken.url()] {
        let port = url.rsplit(':').next().unwrap().to_owned();
        let scene = Scene::weighted(&[(url, 1)], "", "");
        for accept in ["text/html", "application/json"] {
            let text = format!("GET / HTTP/1.1\r\nHost: app.test\r\nAccept: {accept}\r\n\r\n");
            let answer = scene.client().request(&text);
            assert_eq!(answer.status, 502, "{answer:?}");
            assert!(
                answer.field("content-type").unwrap().starts_with(accept),
                "{answer:?}"
            );
            let all = answer.head + &answer.body;
            assert!(
                !all.contains(&port) && !all.contains("10.9.8.7") && !all.contains("Privet"),
                "{all}"
            );
        }
    }
    let silent = Backend::named("silent");
    silent.set_delay(Duration::from_secs(5));
    let listen = reserve();
    let limits = "[listen.limits]\nresponse_header_timeout = \"1s\"\n";
    let text = config(listen, &[(silent.url(), 1)], "", "");
    let _privet = Privet::start(&format!(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n{limits}{text}"
    ));
    assert_eq!(SiteClient::connect(listen, "app.test").get("/").status, 504);
}

#[test]
fn a_websocket_passes_both_ways_and_counts_as_in_flight() {
    let backend = Backend::answering(|stream, head, _| {
        assert!(
            head.to_ascii_lowercase()
                .contains("\r\nupgrade: websocket\r\n"),
            "{head}"
        );
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi")?;
        let mut buffer = [0; 64];
        loop {
            match stream.read(&mut buffer)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                read => stream.write_all(&buffer[..read])?,
            }
        }
    });
    let scene = Scene::new(&[&backend], "", "");
    let mut client = scene.client();
    let answer = client.request(
        "GET /socket HTTP/1.1\r\nHost: app.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    assert_eq!(answer.status, 101, "{answer:?}");
    let stream = client.stream();
    stream.write_all(b"there").unwrap();
    let mut echoed = Vec::new();
    while echoed.len() < 7 {
        let mut piece = [0; 16];
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0);
        echoed.extend_from_slice(&piece[..read]);
        if !echoed.starts_with(b"hi") && echoed == b"there" {
            break;
        }
    }
    assert!(echoed.ends_with(b"there"), "{echoed:?}");
    assert_eq!(scene.backend(&backend.url())["in_flight"], 1);
    drop(client);
    scene.privet.await_api("sites", |sites| {
        backend_of(sites, &backend.url())["in_flight"] == 0
    });
}

/// The time now, in microseconds.
fn micros() -> u128 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed();
    now.expect("a clock after 1970").as_micros()
}

/// Microseconds since an event was sent that holds its time.
fn delay_of(event: &str) -> u128 {
    let sent = event
        .split("data: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    micros()
        - sent
            .and_then(|sent| sent.parse::<u128>().ok())
            .expect("an event with its time")
}

/// Sends one event, and keeps the stream open until the client goes.
fn one_event() -> Backend {
    Backend::answering(|stream, _, _| {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )?;
        let event = format!("data: {}\n\n", micros());
        stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
        let _ = stream.read(&mut [0]);
        Err(std::io::ErrorKind::UnexpectedEof.into())
    })
}

#[test]
fn the_first_event_of_a_stream_is_passed_on_at_once() {
    let backend = one_event();
    let scene = Scene::new(&[&backend], "", "");
    let delay = || {
        let mut client = scene.client();
        let stream = client.stream();
        stream
            .write_all(b"GET /events HTTP/1.1\r\nHost: app.test\r\n\r\n")
            .unwrap();
        let mut seen = String::new();
        while !seen.contains("\n\n\r\n") {
            let mut piece = [0; 512];
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0, "{seen}");
            seen.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
        delay_of(&seen)
    };
    // The best of some: the machine may be busy.
    let best = (0..10).map(|_| delay()).min().unwrap();
    assert!(best < 50_000, "{best} µs");
}

/// The first event of a stream over HTTP/2.
async fn first_event_over_h2(listen: std::net::SocketAddr) -> u128 {
    let client = h2::connect(listen).await;
    let answer = h2::get(&client, "http://app.test/events").await;
    let mut response = answer.expect("an answer");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut seen = String::new();
    while !seen.contains("\n\n") {
        let piece = response
            .body_mut()
            .data()
            .await
            .expect("the stream is open");
        seen.push_str(&String::from_utf8_lossy(&piece.expect("no reset")));
    }
    delay_of(&seen)
}

#[test]
fn the_first_event_of_a_stream_is_passed_on_at_once_over_http_2() {
    let speaks_http_1 = one_event();
    let speaks_http_2 = H2Backend::answering(Tunnels::NotTaken, |_, mut respond| async move {
        let head = http::Response::builder().header("content-type", "text/event-stream");
        let head = head.body(()).expect("a response");
        let Ok(mut body) = respond.send_response(head, false) else {
            return;
        };
        let event = format!("data: {}\n\n", micros());
        let _ = body.send_data(event.into(), false);
        // Until the client goes.
        let _ = std::future::poll_fn(|cx| body.poll_reset(cx)).await;
    });
    for url in [speaks_http_1.url(), speaks_http_2.url()] {
        let scene = Scene::weighted(&[(url.clone(), 1)], "", "");
        // The best of some: the machine may be busy.
        let delays = (0..10).map(|_| h2::block_on(first_event_over_h2(scene.listen)));
        let best = delays.min().expect("some");
        assert!(best < 50_000, "{url}: {best} µs");
    }
}

#[test]
fn http2_passes_from_the_client_to_the_backend() {
    let origin = echo();
    let (inner_listen, listen) = (reserve(), reserve());
    let _inner = Privet::start(&config(inner_listen, &[(origin.url(), 1)], "", ""));
    let _outer = Privet::start(&config(
        listen,
        &[(format!("h2c://{inner_listen}"), 1)],
        "",
        "",
    ));
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let url = format!("http://app.test:{}/x?y", listen.port());
        let to = format!("app.test:{}:127.0.0.1", listen.port());
        let answer = privet_tests::curl(&[version, "--resolve", &to, "-d", "body", &url]).good();
        assert!(answer.starts_with("POST /x?y HTTP/1.1\r\n"), "{answer}");
        assert!(
            answer.to_lowercase().contains("\r\ncontent-length: 4\r\n"),
            "{answer}"
        );
        // The inner site counts the outer one as its client.
        assert_eq!(
            answer.matches("X-Forwarded-For: 127.0.0.1\r\n").count(),
            1,
            "{answer}"
        );
    }
}
