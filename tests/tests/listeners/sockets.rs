//! The sockets: a port in use, a reload, sockets of the service manager.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use privet_tests::client::{read_head, socks5};
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
