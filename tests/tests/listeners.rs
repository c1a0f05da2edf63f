//! Listeners: ports in use, access beyond loopback, users, loops to the proxy itself, protocol detection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Instant;

use privet_tests::client::{connect, read_all, read_head, read_n, socks5, socks5_target};
use privet_tests::privet::{Sandbox, Setup};
use privet_tests::{Origin, Privet, TIMEOUT, curl};
use rustix::net::{getpeername, getsockname, sockopt};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

#[test]
fn a_listener_port_in_use_names_its_process_and_exits_with_1() {
    let sandbox = Sandbox::new();
    let _holder = TcpListener::bind(sandbox.mixed).expect("reserved for this test");
    sandbox.write("");
    let mut running = sandbox.run(&Setup::default());
    assert_eq!(running.wait(TIMEOUT).code(), Some(1), "{}", running.log());
    let log = running.log();
    let me = std::process::id().to_string();
    assert!(
        log.contains(&sandbox.mixed.to_string()) && log.contains(&me),
        "names the holder {me}: {log}"
    );
}

#[test]
fn a_listener_beyond_loopback_requires_users_or_allowed_clients() {
    let open = |more: &str| format!("[listen]\nmixed = [\"0.0.0.0:PORT\"]\npac = \"\"\n{more}");
    for more in [
        "allow_clients = [\"127.0.0.0/8\"]\n",
        "users = [{ name = \"a\", password = \"b\" }]\n",
    ] {
        let sandbox = Sandbox::new();
        sandbox.write(&open(more).replace("PORT", &sandbox.mixed.port().to_string()));
        let running = sandbox.run(&Setup::default());
        running.await_line("Ctrl-C stops.");
    }
    let sandbox = Sandbox::new();
    sandbox.write(&open("").replace("PORT", &sandbox.mixed.port().to_string()));
    let mut running = sandbox.run(&Setup::default());
    let code = running.wait(TIMEOUT).code();
    assert!(matches!(code, Some(1 | 2)), "{code:?} {}", running.log());
    assert!(
        running.log().contains("allow_clients"),
        "says the mend: {}",
        running.log()
    );
}

#[test]
fn a_client_not_on_the_allow_list_is_closed_at_once() {
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nallow_clients = [\"127.0.0.2/32\"]\n",
    );
    let mut stream = connect(privet.proxy());
    let _ = stream.write_all(&[5, 1, 0]);
    assert_eq!(read_all(&mut stream), b"");
}

#[test]
fn a_request_before_authentication_never_connects() {
    let origin = Origin::echo();
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nusers = [{ name = \"a\", password = \"b\" }]\n",
    );
    // No supported method.
    let mut stream = connect(privet.proxy());
    stream.write_all(&[5, 1, 0]).expect("open");
    assert_eq!(read_n(&mut stream, 2).expect("an answer"), [5, 0xff]);
    assert_eq!(read_all(&mut stream), b"");
    // A request in place of the login, in one write.
    let mut stream = connect(privet.proxy());
    let request = [
        &[5, 1, 2, 5, 1, 0][..],
        &socks5_target("127.0.0.1", origin.port()),
    ]
    .concat();
    stream.write_all(&request).expect("open");
    assert_eq!(read_n(&mut stream, 2).expect("an answer"), [5, 2]);
    let rest = read_all(&mut stream);
    assert!(rest.is_empty() || rest[1] != 0, "{rest:?}");
    // SOCKS4 has no password: it is refused.
    let mut stream = connect(privet.proxy());
    stream
        .write_all(
            &[
                &[4, 1],
                &origin.port().to_be_bytes()[..],
                &[127, 0, 0, 1, b'a', 0],
            ]
            .concat(),
        )
        .expect("open");
    let rest = read_all(&mut stream);
    assert!(rest.is_empty() || rest[1] != 90, "{rest:?}");
    assert_eq!(origin.accepted(), 0);
}

#[test]
fn failed_logins_are_slowed_down() {
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nusers = [{ name = \"a\", password = \"b\" }]\n",
    );
    let wrong = || {
        let start = Instant::now();
        let mut stream = connect(privet.proxy());
        stream.write_all(&[5, 1, 2]).expect("open");
        read_n(&mut stream, 2).expect("an answer");
        stream.write_all(&[1, 1, b'a', 1, b'x']).expect("open");
        let answer = read_all(&mut stream);
        assert!(answer.is_empty() || answer[1] != 0, "{answer:?}");
        start.elapsed()
    };
    // The delay starts at 100 ms and doubles with each failure.
    let slowest = (0..6).map(|_| wrong()).max().expect("six tries");
    assert!(slowest.as_secs() >= 1, "{slowest:?}");
}

#[test]
fn parallel_guesses_are_checked_one_after_another_and_another_program_gets_in() {
    let origin = Origin::http();
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nusers = [{ name = \"a\", password = \"b\" }]\n\
         [listen.limits]\nhandshake_timeout = \"4s\"\n",
    );
    let greeted = || {
        let mut stream = connect(privet.proxy());
        stream.write_all(&[5, 1, 2]).expect("open");
        assert_eq!(read_n(&mut stream, 2).expect("an answer"), [5, 2]);
        stream
    };
    let log_in = |stream: &mut TcpStream, password: u8| {
        let _ = stream.write_all(&[1, 1, b'a', 1, password]);
    };
    let mut guesses: Vec<TcpStream> = (0..300).map(|_| greeted()).collect();
    let mut first = greeted();
    log_in(&mut first, b'x');
    assert_ne!(read_all(&mut first).get(1), Some(&0));
    for guess in &mut guesses[..299] {
        log_in(guess, b'x');
    }
    // The last guess is right.
    log_in(&mut guesses[299], b'b');
    let proxy = format!("http://a:b@{}", privet.proxy());
    curl(&["-x", &proxy, "--max-time", "10", &origin.url("/")]).good();
    for (number, guess) in guesses.iter_mut().enumerate() {
        let answer = read_all(guess);
        assert_ne!(
            answer.get(1),
            Some(&0),
            "guess {number} was let in: {answer:?}"
        );
    }
}

#[test]
fn guesses_at_a_users_password_do_not_hold_up_other_users_of_the_address() {
    let origin = Origin::http();
    let names = ["b", "c", "d", "e", "f", "g", "h", "i"];
    let users: Vec<String> = names
        .iter()
        .map(|name| format!("{{ name = \"{name}\", password = \"b\" }}"))
        .collect();
    let privet = Privet::start(&format!(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n\
         users = [{{ name = \"a\", password = \"b\" }}, {}]\n",
        users.join(", ")
    ));
    let log_in = |name: &str, password: &str, limit: &str| {
        let proxy = format!("http://{name}:{password}@{}", privet.proxy());
        curl(&["-x", &proxy, "-f", "--max-time", limit, &origin.url("/")]).code == 0
    };
    // Six failures: the next login of this user waits for more than three seconds.
    assert!((0..6).all(|_| !log_in("a", "x", "20")));
    assert!(!log_in("a", "b", "1"));
    // Names share a few groups, so that invented ones do not allow more guesses: most of these are in others.
    let quick = names.iter().filter(|name| log_in(name, "b", "2")).count();
    assert!(quick > names.len() / 2, "{quick} of {}", names.len());
}

#[test]
fn a_reload_moves_a_listener_between_one_address_and_all_without_losing_a_client() {
    let origin = Origin::http();
    let privet = Privet::start("");
    let port = privet.proxy().port();
    let text = |address: &str| {
        format!(
            "[listen]\nmixed = [\"{address}:{port}\"]\npac = \"\"\nallow_clients = [\"127.0.0.0/8\", \"::1/128\"]\n"
        )
    };
    let ask = |host: &str| {
        let proxy = format!("http://{host}:{port}");
        let asked = curl(&["-x", &proxy, "--max-time", "10", &origin.url("/")]);
        assert_eq!(asked.code, 0, "{host}: {asked:?}\n{}", privet.log());
    };
    let mut tunnel = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    for (address, reached) in [
        ("0.0.0.0", "127.0.0.9"),
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.9"),
        ("[::1]", "[::1]"),
        ("[::]", "[::1]"),
        ("[::1]", "[::1]"),
        ("127.0.0.1", "127.0.0.1"),
    ] {
        privet.sandbox.write(&text(address));
        let listens = format!("{address}:{port}");
        privet.await_api("status", |status| {
            status["listeners"].to_string().contains(&listens)
                && status["listeners"]
                    .as_array()
                    .is_some_and(|all| all.len() == 1)
        });
        ask(reached);
    }
    // What was open before stays.
    tunnel
        .write_all(b"GET / HTTP/1.0\r\n\r\n")
        .expect("it is open");
    assert!(read_head(&mut tunnel).starts_with("HTTP/1.1 200 "));
}

/// Starts the program as a service manager does that passes it a listening socket.
const PASS_SOCKET: &str = "
import os, socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen(8)
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='mixed')
os.execvp(sys.argv[3], sys.argv[3:])
";

#[test]
fn a_socket_of_the_service_manager_is_served_by_all_threads_with_our_options() {
    let address = privet_tests::reserve();
    let setup = Setup {
        prefix: [
            "python3",
            "-c",
            PASS_SOCKET,
            &address.ip().to_string(),
            &address.port().to_string(),
        ]
        .map(str::to_owned)
        .to_vec(),
        ..Default::default()
    };
    let privet = Privet::start_as("", &setup);
    let origin = Origin::echo();
    let tunnels: Vec<TcpStream> = (0..20)
        .map(|_| socks5(address, "127.0.0.1", origin.port()).expect("it is served"))
        .collect();
    // Each thread waits for its connections with an epoll descriptor of its own.
    let folder = format!("/proc/{}/fdinfo", privet.pid());
    let waited_for = |entry: std::fs::DirEntry| {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        text.lines().filter(|line| line.starts_with("tfd:")).count()
    };
    let entries = std::fs::read_dir(folder).expect("the process is ours");
    let busy = entries.flatten().map(waited_for);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = tunnels.len() / threads;
    let busy = busy.filter(|count| *count >= share).count();
    assert!(busy >= threads, "{busy} of {threads} threads serve");
    // Inherited from the listening socket.
    let accepted = accepted_sockets(privet.pid(), address);
    assert!(accepted.len() >= tunnels.len(), "{}", accepted.len());
    for socket in accepted {
        assert!(sockopt::tcp_nodelay(&socket).expect("a TCP socket"));
        assert!(sockopt::socket_keepalive(&socket).expect("a socket"));
        assert_eq!(
            sockopt::tcp_keepidle(&socket)
                .expect("a TCP socket")
                .as_secs(),
            60
        );
    }
}

/// Copies of the sockets that a process accepted on an address.
fn accepted_sockets(pid: u32, address: SocketAddr) -> Vec<OwnedFd> {
    let process = Pid::from_raw(pid as i32).expect("it runs");
    let process = pidfd_open(process, PidfdFlags::empty()).expect("it is ours");
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("the process is ours");
    let numbers = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let copies =
        numbers.filter_map(|number| pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok());
    let is_accepted = |socket: &OwnedFd| {
        let local = getsockname(socket).ok().and_then(|own| own.try_into().ok());
        local == Some(address) && getpeername(socket).is_ok()
    };
    copies.filter(is_accepted).collect()
}

#[test]
fn requests_for_the_proxy_itself_are_refused_in_every_form() {
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\nhttp = [\"$HTTP\"]\npac = \"$PAC\"\n[control]\nhttp = \"$CONTROL\"\nmetrics = \"$METRICS\"\n",
    );
    let sandbox = &privet.sandbox;
    for port in [
        sandbox.mixed,
        sandbox.http,
        sandbox.pac,
        sandbox.control,
        sandbox.metrics,
    ]
    .map(|address| address.port())
    {
        for host in [
            "127.0.0.1",
            "localhost",
            "::ffff:127.0.0.1",
            "127.0.0.1.",
            "LOCALHOST",
            "0.0.0.0",
            "::",
            "127.1",
        ] {
            let reply = socks5(privet.proxy(), host, port).err();
            assert!(
                reply.is_some(),
                "SOCKS5 to {host} port {port} was let through"
            );
            let written = if host.contains(':') {
                format!("[{host}]")
            } else {
                host.to_owned()
            };
            let mut stream = connect(privet.proxy());
            stream
                .write_all(
                    format!("CONNECT {written}:{port} HTTP/1.1\r\nHost: {written}:{port}\r\n\r\n")
                        .as_bytes(),
                )
                .expect("open");
            let head = read_head(&mut stream);
            assert!(!head.contains(" 200 "), "CONNECT to {host}:{port}: {head}");
            let mut stream = connect(privet.proxy());
            stream.write_all(format!( "GET http://{written}:{port}/proxy.pac HTTP/1.1\r\nHost: {written}:{port}\r\nConnection: close\r\n\r\n").as_bytes()).expect("open");
            let head = read_head(&mut stream);
            assert!(!head.contains(" 200 "), "GET from {host}:{port}: {head}");
        }
    }
    let rows = privet.rows("blocked");
    assert!(rows.iter().any(|row| row["rule"] == "loop"), "{rows:#?}");
}

#[test]
fn a_direct_request_to_the_proxy_is_refused() {
    let privet = Privet::start("");
    let status = curl(&[
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &format!("http://{}/", privet.proxy()),
    ])
    .out;
    assert!(status.starts_with('4'), "{status}");
}

#[test]
fn each_protocol_is_detected_by_its_first_byte_alone() {
    let privet = Privet::start("");
    // A greeting sent byte by byte is answered once it is complete.
    let mut stream = connect(privet.proxy());
    for byte in [5, 1, 0] {
        stream.write_all(&[byte]).expect("open");
    }
    assert_eq!(read_n(&mut stream, 2).expect("an answer"), [5, 0]);
    // Unknown protocols are closed at once.
    let mut stream = connect(privet.proxy());
    stream.write_all(&[0x16, 3, 1, 0]).expect("open");
    let answer = read_all(&mut stream);
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"),
        "{answer:?}"
    );
}

#[test]
fn single_protocol_listeners_accept_only_their_protocol() {
    let origin = Origin::echo();
    let privet = Privet::start("[listen]\nmixed = [\"$MIXED\"]\nsocks = [\"$SOCKS\", \"[::1]:SIX\"]\nhttp = [\"$HTTP\"]\npac = \"\"\n"
        .replace("SIX", &privet_tests::reserve().port().to_string())
        .as_str());
    assert!(socks5(privet.sandbox.socks, "127.0.0.1", origin.port()).is_ok());
    let mut stream = connect(privet.sandbox.http);
    stream.write_all(&[5, 1, 0]).expect("open");
    let answer = read_all(&mut stream);
    assert!(
        !answer.starts_with(&[5]),
        "an HTTP listener spoke SOCKS: {answer:?}"
    );
    let mut stream = connect(privet.sandbox.socks);
    let _ = stream.write_all(b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 2"), "{answer:?}");
    let listeners = privet.api("GET", "status", None).1["listeners"].clone();
    let text = listeners.to_string();
    assert!(text.contains("[::1]:"), "{text}");
}

#[test]
fn the_pac_server_checks_host_and_sets_its_content_type() {
    let privet = Privet::start("[listen]\nmixed = [\"$MIXED\"]\npac = \"$PAC\"\n");
    let url = format!("http://{}", privet.sandbox.pac);
    for path in ["/proxy.pac", "/wpad.dat"] {
        let answer = curl(&["-i", &format!("{url}{path}")]).good();
        assert!(
            answer
                .to_lowercase()
                .contains("content-type: application/x-ns-proxy-autoconfig"),
            "{answer}"
        );
        assert!(
            answer.contains("FindProxyForURL")
                && answer.contains(&privet.proxy().port().to_string()),
            "{answer}"
        );
        assert!(
            answer.contains("DIRECT"),
            "standard mode strands nobody: {answer}"
        );
    }
    let rebound = curl(&[
        "-H",
        "Host: evil.test",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &format!("{url}/proxy.pac"),
    ])
    .good();
    assert_eq!(rebound, "403");
    let page = curl(&[
        "-i",
        "-H",
        "Origin: http://evil.test",
        &format!("{url}/proxy.pac"),
    ])
    .good();
    assert!(
        page.starts_with("HTTP/1.1 403") && !page.contains("FindProxyForURL"),
        "a page of another site reads the rules: {page}"
    );
    let script = curl(&["-i", &format!("{url}/proxy.pac")]).good();
    assert!(
        script.contains("x-content-type-options: nosniff"),
        "a page of another site runs the rules as its own script: {script}"
    );
    let posted = curl(&[
        "-d",
        "x",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &format!("{url}/proxy.pac"),
    ])
    .good();
    assert!(posted.starts_with('4'), "{posted}");

    let strict = Privet::start(
        "mode = \"strict\"\n[listen]\nmixed = [\"$MIXED\"]\npac = \"$PAC\"\n[[upstream]]\nname = \"u\"\nurl = \"socks5://127.0.0.1:9\"\n",
    );
    let pac = curl(&[&format!("http://{}/proxy.pac", strict.sandbox.pac)]).good();
    assert!(
        pac.contains(&format!("ASK = \"PROXY {}\";", strict.proxy())) && !pac.contains("; DIRECT"),
        "a kill switch has no way round: {pac}"
    );
}
