//! Where file descriptors run out.

use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use privet_tests::client::{
    bound, connect, fetch_nothing, read_n, socks5, socks5_reply, socks5_target,
};
use privet_tests::privet::Setup;
use privet_tests::{Origin, Privet, TIMEOUT, UdpEcho, curl};

#[test]
fn accept_survives_the_open_files_limit() {
    let origin = Origin::http();
    let setup = Setup::open_files(64);
    let mut privet = Privet::start_as("", &setup);
    let crowd: Vec<TcpStream> = (0..200)
        .filter_map(|_| {
            let mut stream = TcpStream::connect(privet.proxy()).ok()?;
            stream.write_all(&[5, 1, 0]).ok()?;
            Some(stream)
        })
        .collect();
    assert!(crowd.len() >= 64, "{}", crowd.len());
    drop(crowd);
    let proxy = format!("socks5h://{}", privet.proxy());
    let start = Instant::now();
    while curl(&["-x", &proxy, "--max-time", "5", &origin.url("/")]).code != 0 {
        assert!(
            start.elapsed() < privet_tests::TIMEOUT,
            "it never came back:\n{}",
            privet.log()
        );
    }
    assert!(privet.is_running());
}

/// 200 clients that send half a head, of SOCKS and of HTTP.
fn half_heads(proxy: std::net::SocketAddr) -> Vec<TcpStream> {
    let half = |number: usize| {
        let mut stream = TcpStream::connect(proxy).ok()?;
        let head: &[u8] = match number % 2 {
            0 => &[5, 1],
            _ => b"GET http://a.test/ HTTP/1.1\r\n",
        };
        stream.write_all(head).ok()?;
        Some(stream)
    };
    (0..200).filter_map(half).collect()
}

#[test]
fn where_file_descriptors_run_out_unfinished_handshakes_give_way_and_it_is_said_once() {
    let origin = Origin::http();
    let setup = Setup::open_files(64);
    let privet = Privet::start_as("", &setup);
    let proxy = format!("http://{}", privet.proxy());
    for round in 0..3 {
        let _crowd = half_heads(privet.proxy());
        let start = Instant::now();
        for _ in 0..5 {
            curl(&["-x", &proxy, "--max-time", "20", &origin.url("/")]).good();
        }
        let took = start.elapsed();
        assert!(took < Duration::from_secs(8), "{round}: {took:?}");
    }
    let status = privet.api("GET", "status", None).1;
    let problems = status["problems"].to_string();
    assert!(problems.contains("open files"), "{problems}");
    let log = privet.log();
    let said = log.matches("clients that wait longest").count();
    assert_eq!(said, 1, "{log}");
    let rows = privet.rows("closed");
    let made_room = |row: &&serde_json::Value| row.to_string().contains("closed to make room");
    assert_eq!(rows.iter().filter(made_room).count(), 1, "{rows:#?}");
}

/// The limit of open files in these tests.
const FILES: usize = 64;

/// Fetches from one server after another, so that idle connections to them take every file descriptor.
fn exhaust(privet: &Privet, client: &mut TcpStream, origins: &[Origin]) {
    let open = || {
        let files = std::fs::read_dir(format!("/proc/{}/fd", privet.pid()));
        files.expect("it runs").count()
    };
    let mut all = origins.iter().cycle().take(5 * origins.len());
    let full = all.any(|origin| {
        fetch_nothing(client, origin);
        open() >= FILES
    });
    assert!(full, "{} files are open", open());
}

#[test]
fn where_file_descriptors_run_out_bind_and_datagrams_make_room_too() {
    let origins: Vec<Origin> = (0..60).map(|_| Origin::http()).collect();
    let setup = Setup::open_files(64);
    let privet = Privet::start_as("", &setup);
    let mut kept = connect(privet.proxy());
    let greeted = || {
        let mut stream = connect(privet.proxy());
        stream.write_all(&[5, 1, 0]).expect("open");
        assert_eq!(read_n(&mut stream, 2).expect("an answer"), [5, 0]);
        stream
    };
    let (mut bind, mut udp) = (greeted(), greeted());
    let ask = |stream: &mut TcpStream, command: u8, host: &str| {
        let request = [&[5, command, 0][..], &socks5_target(host, 0)].concat();
        stream.write_all(&request).expect("open");
        let reply = socks5_reply(stream);
        assert_eq!(reply[1], 0, "{reply:?}");
        bound(&reply)
    };
    exhaust(&privet, &mut kept, &origins);
    let listens = ask(&mut bind, 2, "127.0.0.1");
    exhaust(&privet, &mut kept, &origins);
    let _peer = connect(listens);
    assert_eq!(socks5_reply(&mut bind)[1], 0);
    exhaust(&privet, &mut kept, &origins);
    let relay = ask(&mut udp, 3, "0.0.0.0");
    exhaust(&privet, &mut kept, &origins);
    let (echo, socket) = (UdpEcho::start(), UdpSocket::bind("127.0.0.1:0"));
    let socket = socket.expect("loopback has a port");
    socket
        .set_read_timeout(Some(TIMEOUT))
        .expect("a socket takes a timeout");
    let target = socks5_target("127.0.0.1", echo.address.port());
    let sent = [&[0, 0, 0][..], &target, b"hello"].concat();
    socket.send_to(&sent, relay).expect("sent");
    let mut buffer = [0; 100];
    let answer = socket.recv(&mut buffer).expect("an answer");
    assert!(buffer[..answer].ends_with(b"hello"));
}

#[test]
fn where_file_descriptors_run_out_idle_connections_to_servers_give_way() {
    let origins: Vec<Origin> = (0..40).map(|_| Origin::http()).collect();
    let setup = Setup::open_files(64);
    let privet = Privet::start_as("", &setup);
    let mut kept = connect(privet.proxy());
    // Each leaves an idle connection to its server behind.
    for _ in 0..4 {
        for origin in &origins {
            fetch_nothing(&mut kept, origin);
        }
    }
    let echo = Origin::echo();
    let tunnels: Vec<_> = (0..4)
        .map(|_| socks5(privet.proxy(), "127.0.0.1", echo.port()))
        .collect();
    assert!(tunnels.iter().all(Result::is_ok), "{tunnels:?}");
}
