//! Limits and timeouts: slow heads, open files, connections, idle tunnels; half-closes, resets and slow readers.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use privet_tests::client::{
    bound, connect, read_all, read_head, read_n, socks5, socks5_reply, socks5_target,
};
use privet_tests::namespace::{INSIDE, Namespaces, OTHER_HOST, OUTSIDE, RESOLVER};
use privet_tests::privet::Setup;

use privet_tests::{Origin, Privet, TIMEOUT, UdpEcho, curl, require};

#[test]
fn accept_survives_the_open_files_limit() {
    let origin = Origin::http();
    let setup = Setup {
        prefix: ["prlimit", "--nofile=64:64", "--"]
            .map(str::to_owned)
            .to_vec(),
        ..Default::default()
    };
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
    let setup = Setup {
        prefix: ["prlimit", "--nofile=64:64", "--"]
            .map(str::to_owned)
            .to_vec(),
        ..Default::default()
    };
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

fn fetch_nothing(client: &mut TcpStream, origin: &Origin) {
    let get = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", origin.url("/none"));
    client.write_all(get.as_bytes()).expect("it is open");
    let head = read_head(client);
    assert!(head.starts_with("HTTP/1.1 204 "), "{head}");
}

#[test]
fn where_file_descriptors_run_out_bind_and_datagrams_make_room_too() {
    let origins: Vec<Origin> = (0..60).map(|_| Origin::http()).collect();
    let setup = Setup {
        prefix: ["prlimit", "--nofile=64:64", "--"]
            .map(str::to_owned)
            .to_vec(),
        ..Default::default()
    };
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
    let setup = Setup {
        prefix: ["prlimit", "--nofile=64:64", "--"]
            .map(str::to_owned)
            .to_vec(),
        ..Default::default()
    };
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

#[test]
fn connections_that_only_wait_give_way_where_the_limit_is_reached() {
    let origin = Origin::http();
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nconnections = 3\n",
    );
    let get = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", origin.url("/none"));
    let idle: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = connect(privet.proxy());
            stream.write_all(get.as_bytes()).expect("open");
            assert!(read_head(&mut stream).starts_with("HTTP/1.1 204 "));
            stream
        })
        .collect();
    let proxy = format!("http://{}", privet.proxy());
    curl(&["-x", &proxy, "--max-time", "10", &origin.url("/")]).good();
    // One was closed: of the thread that took the new one, that which waited longest. The others are still served.
    let served = idle.into_iter().filter_map(|mut stream| {
        stream.write_all(get.as_bytes()).ok()?;
        let mut status = [0; 13];
        stream.read_exact(&mut status).ok()?;
        Some(status)
    });
    assert_eq!(served.collect::<Vec<_>>(), [*b"HTTP/1.1 204 "; 2]);
}

#[test]
fn a_client_has_so_many_connections_and_others_are_unaffected() {
    let (echo, origin) = (Origin::echo(), Origin::http());
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nconnections_per_client = 4\n",
    );
    let open = || socks5(privet.proxy(), "127.0.0.1", echo.port()).expect("within the limit");
    let mut held: Vec<TcpStream> = (0..4).map(|_| open()).collect();
    for _ in 0..3 {
        let mut further = connect(privet.proxy());
        let _ = further.write_all(&[5, 1, 0]);
        assert_eq!(read_all(&mut further), b"");
    }
    // Another program of the same address.
    let proxy = format!("http://{}", privet.proxy());
    curl(&["-x", &proxy, &origin.url("/")]).good();
    let status = privet.api("GET", "status", None).1;
    let problems = status["problems"].to_string();
    assert!(problems.contains("connections_per_client"), "{problems}");
    let log = privet.log();
    assert_eq!(log.matches("has 4 connections open").count(), 1, "{log}");
    // One that ends makes room.
    held.pop();
    let start = Instant::now();
    loop {
        let mut stream = connect(privet.proxy());
        let mut answer = [0; 2];
        if stream.write_all(&[5, 1, 0]).is_ok() && stream.read_exact(&mut answer).is_ok() {
            break;
        }
        assert!(start.elapsed() < privet_tests::TIMEOUT, "no room was made");
    }
}

#[test]
fn clients_on_other_machines_are_counted_by_address() {
    let world = require!(Namespaces::new());
    let setup = Setup {
        prefix: world.prefix(),
        ..Default::default()
    };
    let port = privet_tests::reserve().port();
    let privet = Privet::start_as(
        &format!(
            "[listen]\nmixed = [\"{INSIDE}:{port}\"]\npac = \"\"\nallow_clients = [\"10.77.0.0/24\"]\n\
             [listen.limits]\nconnections_per_client = 2\n"
        ),
        &setup,
    );
    // For each connection: whether its greeting was answered.
    let script = "
import socket, sys
open = []
for source in sys.argv[3:]:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10, (source, 0))
    open.append(s)
    try:
        s.sendall(bytes([5, 1, 0]))
        print(len(s.recv(2)))
    except OSError:
        print(0)
";
    let port = port.to_string();
    let sources = [
        OUTSIDE, OUTSIDE, OUTSIDE, OTHER_HOST, OTHER_HOST, OTHER_HOST,
    ];
    let fixed = ["python3", "-c", script, INSIDE, &port];
    let args: Vec<&str> = fixed.into_iter().chain(sources).collect();
    let answered = world.run_outside(&args).good();
    let answered: Vec<&str> = answered.lines().collect();
    assert_eq!(answered, ["2", "2", "0", "2", "2", "0"], "{}", privet.log());
}

#[test]
fn slow_names_of_one_client_do_not_stop_the_look_ups_of_another() {
    let world = require!(Namespaces::new());
    // No look-up ends by itself within the test.
    world.write_resolver_options("timeout:30 attempts:2");
    let _names = name_server(&world);
    let _web = world.start_outside(
        "web",
        &[
            "python3",
            "-u",
            "-m",
            "http.server",
            "80",
            "--bind",
            OTHER_HOST,
        ],
    );
    let setup = Setup {
        prefix: world.prefix(),
        ..Default::default()
    };
    let privet = Privet::start_as("", &setup);
    let (host, port) = (
        privet.proxy().ip().to_string(),
        privet.proxy().port().to_string(),
    );
    let script = "
import socket, sys
open = []
for n in range(100):
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    s.sendall(bytes([5, 1, 0])); s.recv(2)
    name = b'slow%d.test' % n
    s.sendall(bytes([5, 1, 0, 3, len(name)]) + name + bytes([0, 80]))
    open.append(s)
print('all are asked for', flush=True)
sys.stdin.read() or open[0].recv(1)
";
    let slow = world.start_inside("slow", &["python3", "-u", "-c", script, &host, &port]);
    slow.await_line("all are asked for");
    let proxy = format!("socks5h://{}", privet.proxy());
    for name in ["good1.test", "good2.test", "good3.test"] {
        let url = format!("http://{name}/");
        let curl = [
            "curl",
            "-q",
            "-sS",
            "--max-time",
            "5",
            "-o",
            "/dev/null",
            "-x",
            &proxy,
            &url,
        ];
        world.run(&curl).good();
    }
    assert!(
        privet.rows("active").is_empty(),
        "the slow names were answered"
    );
}

/// A name server outside that knows names starting with "good" and never answers for others.
fn name_server(world: &Namespaces) -> privet_tests::Running {
    let script = "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 53))
print('answers names', flush=True)
while True:
    query, client = s.recvfrom(512)
    if query[13:17] != b'good':
        continue
    end = query.index(b'\\0', 12) + 5
    is_a = query[end - 4:end - 2] == b'\\0\\1'
    answer = query[:2] + b'\\x81\\x80' + b'\\0\\1' + (b'\\0\\1' if is_a else b'\\0\\0') + b'\\0' * 4 + query[12:end]
    if is_a:
        answer += b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x05\\0\\4' + socket.inet_aton(sys.argv[2])
    s.sendto(answer, client)
";
    let server = world.start_outside(
        "names",
        &["python3", "-u", "-c", script, RESOLVER, OTHER_HOST],
    );
    server.await_line("answers names");
    server
}

#[test]
fn an_incomplete_head_is_closed_at_the_deadline_however_slowly_it_arrives() {
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nhandshake_timeout = \"1s\"\nrequest_header_timeout = \"1s\"\n",
    );
    let heads: [&[u8]; 4] = [
        b"",
        b"\x05",
        b"\x05\x01\x00\x05\x01\x00\x03\xff",
        b"GET http://a.test/ HTTP/1.1\r\nHost: a",
    ];
    for head in heads {
        let mut stream = connect(privet.proxy());
        stream.write_all(head).expect("open");
        // Bytes keep coming until the connection ends: if they moved the deadline, the read below would never return.
        let sender = stream.try_clone().map(|mut stream| {
            std::thread::spawn(move || {
                let (_open, tick) = std::sync::mpsc::channel::<()>();
                while !head.is_empty() && stream.write_all(b"a").is_ok() {
                    let _ = tick.recv_timeout(Duration::from_millis(100));
                }
            })
        });
        read_all(&mut stream);
        let _ = stream.shutdown(Shutdown::Both);
        sender
            .expect("a socket clones")
            .join()
            .expect("the sender does not panic");
    }
}

#[test]
fn clients_past_the_connection_limit_are_refused_and_others_unaffected() {
    let origin = Origin::echo();
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nconnections = 3\n",
    );
    let mut open: Vec<TcpStream> = (0..3)
        .map(|_| socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("within the limit"))
        .collect();
    let mut fourth = connect(privet.proxy());
    let _ = fourth.write_all(&[5, 1, 0]);
    let answer = read_all(&mut fourth);
    assert!(answer.is_empty(), "{answer:?}");
    for stream in &mut open {
        let mut bytes = [0; 4];
        stream.write_all(b"ping").expect("it is open");
        stream.read_exact(&mut bytes).expect("it is open");
    }
    open.pop();
    let start = Instant::now();
    loop {
        let mut stream = connect(privet.proxy());
        let mut answer = [0; 2];
        if stream.write_all(&[5, 1, 0]).is_ok() && stream.read_exact(&mut answer).is_ok() {
            break;
        }
        assert!(
            start.elapsed() < privet_tests::TIMEOUT,
            "room was made and is not given"
        );
    }
}

#[test]
fn a_half_close_is_relayed_and_the_other_direction_continues() {
    let origin = Origin::raw(|mut stream| {
        let mut got = Vec::new();
        let _ = stream.read_to_end(&mut got);
        let _ = stream.write_all(format!("received {} bytes", got.len()).as_bytes());
    });
    let privet = Privet::start("");
    let mut stream = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    stream.write_all(&[1; 1000]).expect("open");
    stream.shutdown(Shutdown::Write).expect("open");
    assert_eq!(read_all(&mut stream), b"received 1000 bytes");
}

#[test]
fn a_reset_is_relayed_as_a_reset() {
    let origin = Origin::raw(|mut stream| {
        let _ = stream.read(&mut [0; 1]);
        // Closing with bytes unread resets.
    });
    let privet = Privet::start("");
    let mut stream = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    stream.write_all(&[7; 4096]).expect("open");
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes);
    assert_eq!(
        end.err().map(|error| error.kind()),
        Some(std::io::ErrorKind::ConnectionReset)
    );
}

#[test]
fn an_idle_tunnel_is_closed_after_the_idle_timeout() {
    let origin = Origin::echo();
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nidle_timeout = \"1s\"\n",
    );
    let start = Instant::now();
    let mut stream = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    // The default is an hour; the read times out long before. The engine measures idle time in coarse steps.
    assert_eq!(read_all(&mut stream), b"");
    assert!(
        start.elapsed() >= Duration::from_millis(900),
        "{:?}",
        start.elapsed()
    );
    let row = privet.await_row("closed", |row| row["port"] == origin.port());
    assert_eq!(row["end"], "idle", "{row}");
}

#[test]
fn a_slow_reader_slows_the_sender_and_loses_nothing() {
    const SIZE: usize = 24 << 20;
    let origin = Origin::raw(|mut stream| {
        let block = [9; 64 * 1024];
        for _ in 0..SIZE / block.len() {
            if stream.write_all(&block).is_err() {
                return;
            }
        }
    });
    let privet = Privet::start("");
    let mut stream = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    let mut first = [0; 1];
    stream.read_exact(&mut first).expect("bytes come");
    let row = privet.await_row("active", |row| {
        row["down"].as_u64().is_some_and(|down| down > 0)
    });
    assert!(
        row["down"].as_u64() < Some(SIZE as u64),
        "the sender was not held back: {row}"
    );
    let rest = read_all(&mut stream);
    assert_eq!(rest.len() + 1, SIZE);
}
