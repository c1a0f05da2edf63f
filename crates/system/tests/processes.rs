//! The programs behind real connections: curl and Python are started, connect, and are named.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use privet_system::process::{
    Connection, ProcessLookup, Processes, ProgramFinder, ProgramState, who_listens,
};

/// A child that is killed on drop.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(command: &mut Command) -> Program {
    let child = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program is installed");
    Program(child)
}

fn listener(address: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(address).expect("a listener");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

fn curl(to: SocketAddr) -> Program {
    start(Command::new("curl").args(["-s", "--noproxy", "*", &format!("http://{to}/")]))
}

fn ends(stream: &TcpStream) -> (SocketAddr, SocketAddr) {
    let client = stream.peer_addr().expect("a peer");
    (client, stream.local_addr().expect("an address"))
}

#[test]
fn curl_is_named_over_ipv4_and_ipv6_with_its_path_and_number() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let (listener, address) = listener(address);
        let program = curl(address);
        let (stream, _) = listener.accept().expect("curl connects");
        let (client, local) = ends(&stream);
        let app = Processes::new().app_of(client, local).expect("found");
        assert_eq!(&*app.name, "curl");
        assert!(
            app.path
                .as_deref()
                .is_some_and(|path| path.ends_with("/curl"))
        );
        assert_eq!(app.pid, program.0.id());
    }
}

#[test]
fn a_dual_stack_client_of_an_ipv4_listener_is_named() {
    let (listener, address) = listener("127.0.0.1:0");
    let script = format!(
        "import socket,time\ns=socket.socket(socket.AF_INET6)\ns.connect(('::ffff:127.0.0.1',{}))\ntime.sleep(60)",
        address.port()
    );
    let program = start(Command::new("python3").args(["-c", &script]));
    let (stream, _) = listener.accept().expect("Python connects");
    let (client, local) = ends(&stream);
    let app = Processes::new().app_of(client, local).expect("found");
    assert!(app.name.starts_with("python"), "{}", app.name);
    // A version switcher may have executed the interpreter or started it as a child.
    assert!(app.pid >= program.0.id());
}

#[test]
fn one_search_answers_for_several_programs_and_a_closed_connection() {
    let (listener, address) = listener("127.0.0.1:0");
    let programs = [curl(address), curl(address), curl(address)];
    let streams: Vec<TcpStream> = programs
        .iter()
        .map(|_| listener.accept().expect("curl connects").0)
        .collect();
    let mut asked: Vec<Connection> = streams
        .iter()
        .map(|stream| {
            let (client, local) = ends(stream);
            Connection { client, local }
        })
        .collect();
    // A port without a connection to us.
    let (_other, unused) = crate::listener("127.0.0.1:0");
    asked.push(Connection {
        client: unused,
        local: address,
    });
    let mut processes = Processes::new();
    for _ in 0..2 {
        let found = processes.apps_of(&asked);
        let mut pids: Vec<u32> = found.iter().flatten().map(|app| app.pid).collect();
        pids.sort_unstable();
        let mut wanted: Vec<u32> = programs.iter().map(|program| program.0.id()).collect();
        wanted.sort_unstable();
        assert_eq!(pids, wanted);
        assert_eq!(found.last(), Some(&None));
    }
}

/// A program that opens a connection for each line that it is sent: "k" keeps it, anything else closes the one before.
struct Opener {
    program: Program,
    next: usize,
}

impl Opener {
    const SCRIPT: &str = "
import socket, sys
kept, last = [], None
for line in sys.stdin:
    if line[0] != 'k' and last:
        last.close()
    elif last:
        kept.append(last)
    last = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
";

    fn start(port: u16) -> Self {
        let child = Command::new("python3")
            .args(["-c", Self::SCRIPT, &port.to_string()])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Self {
            program: Program(child.expect("Python is installed")),
            next: 0,
        }
    }

    /// Its next connection. Every third one before it stays open, so that the new one is at another descriptor.
    fn open(&mut self, listener: &TcpListener) -> TcpStream {
        self.next += 1;
        let line: &[u8] = if self.next.is_multiple_of(3) {
            b"k\n"
        } else {
            b"c\n"
        };
        let input = self.program.0.stdin.as_mut().expect("it is piped");
        input.write_all(line).expect("it reads");
        listener.accept().expect("it connects").0
    }
}

#[test]
fn programs_that_open_connections_in_turn_are_told_apart_whatever_descriptors_they_use() {
    let (listener, address) = listener("127.0.0.1:0");
    let mut openers = [Opener::start(address.port()), Opener::start(address.port())];
    let mut processes = Processes::new();
    let mut accepted = Vec::new();
    let mut pids = [None, None];
    for turn in 0..60 {
        // Now in turn, now several of one.
        let number = usize::from(turn % 2 == 0 || turn % 7 < 3);
        let stream = openers[number].open(&listener);
        let (client, local) = ends(&stream);
        let app = processes.app_of(client, local).expect("found");
        assert!(app.name.starts_with("python"), "{}", app.name);
        // A version switcher may have started the interpreter as a child.
        assert_eq!(*pids[number].get_or_insert(app.pid), app.pid, "turn {turn}");
        accepted.push(stream);
    }
    assert_ne!(pids[0], pids[1]);
}

#[test]
fn the_finder_answers_by_callback_and_by_waiting() {
    let (listener, address) = listener("127.0.0.1:0");
    let _program = curl(address);
    let (stream, _) = listener.accept().expect("curl connects");
    let (client, local) = ends(&stream);
    let finder = ProgramFinder::start(Processes::new()).expect("a thread");
    let (replies, answers) = channel();
    finder.find(client, local).on_answer(move |app| {
        let _ = replies.send(app.cloned());
    });
    let app = answers.recv().expect("an answer").expect("found");
    assert_eq!(&*app.name, "curl");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let lookup = finder.find(client, local);
    let again = runtime.block_on(lookup.wait(Duration::from_secs(10)));
    assert_eq!(again, ProgramState::Known(app));
}

/// A shell connects and then executes curl: the process and the owner of the socket stay the same.
#[test]
fn a_process_that_executes_another_program_gets_its_new_name() {
    let (listener, address) = listener("127.0.0.1:0");
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{}; read -r _ <&3; exec sleep 60",
        address.port()
    );
    let program = start(Command::new("bash").args(["-c", &script]));
    let (mut stream, _) = listener.accept().expect("the shell connects");
    let (client, local) = ends(&stream);
    let mut processes = Processes::new();
    let named = processes.app_of(client, local).expect("found");
    assert_eq!((&*named.name, named.pid), ("bash", program.0.id()));
    stream.write_all(b"go\n").expect("the shell reads");
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let named = processes.app_of(client, local).expect("found");
        assert_eq!(named.pid, program.0.id());
        if &*named.name == "sleep" {
            return;
        }
        assert!(Instant::now() < deadline, "{named:?}");
        std::thread::yield_now();
    }
}

#[test]
fn the_owner_of_a_port_is_named_on_each_address_that_it_blocks() {
    let script = "import socket\ns=socket.socket()\ns.bind(('0.0.0.0',0))\ns.listen()\nprint(s.getsockname()[1],flush=True)\ninput()";
    let mut child = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python is installed");
    let mut line = String::new();
    let output = child.stdout.take().expect("a pipe");
    let _program = Program(child);
    BufReader::new(output)
        .read_line(&mut line)
        .expect("its port");
    let port: u16 = line.trim().parse().expect("a port");
    for ip in ["127.0.0.1", "0.0.0.0"] {
        let address = SocketAddr::new(ip.parse().expect("an address"), port);
        let app = who_listens(address).expect("found");
        assert!(app.name.starts_with("python"), "{}", app.name);
    }
}

#[test]
fn a_free_port_has_no_owner() {
    let (listener, address) = listener("127.0.0.1:0");
    drop(listener);
    assert_eq!(who_listens(address), None);
}
