//! A client on another machine does not reach the gateway's own network, by any protocol, name or spelling, unless a rule names
//! the target.

use privet_tests::namespace::{INSIDE, Namespaces, OTHER_HOST, OUTSIDE};
use privet_tests::privet::Setup;
use privet_tests::require;
use privet_tests::{Privet, Running, program};

/// Where servers listen inside and outside.
const PORT: u16 = 8099;

/// Answers HTTP and echoes datagrams on every address.
const SERVER: &str = r#"
import socket, sys, threading
port = int(sys.argv[1])
def echo():
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", port))
    while True:
        data, peer = s.recvfrom(2048)
        s.sendto(data, peer)
threading.Thread(target=echo, daemon=True).start()
s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
print("listening", flush=True)
while True:
    c, _ = s.accept()
    c.recv(65536)
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nreached")
    c.close()
"#;

/// Sends a datagram to each target through an association and prints what came back; then the reply code of a BIND for each.
const DATAGRAMS: &str = r#"
import socket, sys
host, port, target_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def ask(command, address):
    s = socket.create_connection((host, port), 10); s.settimeout(10)
    s.sendall(b"\x05\x01\x00"); s.recv(2)
    s.sendall(b"\x05" + bytes([command]) + b"\x00" + address)
    return s, s.recv(22)
def named(name): return b"\x03" + bytes([len(name)]) + name.encode()
def literal(ip): return b"\x01" + socket.inet_aton(ip)
for text in sys.argv[4:]:
    address = (literal(text) if text[0].isdigit() and "." in text else named(text))
    address += target_port.to_bytes(2, "big")
    keep, reply = ask(3, literal("0.0.0.0") + b"\0\0")
    relay = (socket.inet_ntoa(reply[4:8]), int.from_bytes(reply[8:10], "big"))
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(2)
    u.sendto(b"\0\0\0" + address + b"hello", relay)
    try: answered = u.recv(2048).endswith(b"hello")
    except OSError: answered = False
    _, bound = ask(2, address)
    print(text, "answered" if answered else "silent", "bind", bound[1])
"#;

fn config(more: &str) -> String {
    format!(
        "mode = \"standard\"\n[listen]\nmixed = [\"$MIXED\", \"{INSIDE}:7280\"]\npac = \"\"\n\
         allow_clients = [\"127.0.0.0/8\", \"10.77.0.0/24\"]\n{more}"
    )
}

struct Scene {
    world: Namespaces,
    privet: Privet,
    _servers: [Running; 2],
}

fn scene(more: &str) -> Option<Scene> {
    program("python3")?;
    let world = Namespaces::new()?;
    world.write_hosts(
        "127.0.0.1 localhost rebind.test named.test both.test\n::1 rebind6.test\n169.254.169.254 meta.test\n\
         10.77.0.1 own.test both.test\n10.77.0.80 lan.test\n",
    );
    let port = PORT.to_string();
    let words = ["python3", "-c", SERVER, &port];
    let servers = [
        world.start_inside("server inside", &words),
        world.start_outside("server outside", &words),
    ];
    for server in &servers {
        server.await_line("listening");
    }
    let setup = Setup {
        prefix: world.prefix(),
        ..Default::default()
    };
    let privet = Privet::start_as(&config(more), &setup);
    Some(Scene {
        world,
        privet,
        _servers: servers,
    })
}

impl Scene {
    /// The schemes by which a client outside reaches the host through Privet.
    fn reached_by(&self, host: &str) -> Vec<&'static str> {
        let schemes = ["http", "http -p", "socks4a", "socks5h"];
        let reaches = |scheme: &&str| {
            let (scheme, tunnel) = match scheme.split_once(' ') {
                Some((scheme, tunnel)) => (scheme, Some(tunnel)),
                None => (*scheme, None),
            };
            let proxy = format!("{scheme}://{INSIDE}:7280");
            let url = format!("http://{host}:{PORT}/");
            let mut words = vec!["curl", "-q", "-s", "--max-time", "10", "-x", &proxy];
            words.extend(tunnel);
            words.push(&url);
            self.world.run_outside(&words).out == "reached"
        };
        schemes.into_iter().filter(reaches).collect()
    }

    fn datagrams_and_bind(&self, hosts: &[&str]) -> String {
        let port = PORT.to_string();
        let mut words = vec!["python3", "-c", DATAGRAMS, INSIDE, "7280", &port];
        words.extend(hosts);
        let answer = self.world.run_outside(&words);
        assert_eq!(answer.code, 0, "{answer:?}");
        answer.out
    }
}

#[test]
fn a_client_on_another_machine_does_not_reach_the_gateways_own_network() {
    let scene = require!(scene(""));
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "localhost",
        "rebind.test",
        "rebind6.test",
        "169.254.169.254",
        "meta.test",
        "[fe80::1]",
        "[fd00:ec2::254]",
        INSIDE,
        "[fd77::1]",
        "own.test",
    ] {
        assert_eq!(scene.reached_by(host), Vec::<&str>::new(), "{host}");
    }
    let all = ["http", "http -p", "socks4a", "socks5h"];
    for host in [OTHER_HOST, "lan.test"] {
        assert_eq!(scene.reached_by(host), all, "{host} is in the LAN");
    }
    let row = scene
        .privet
        .await_row("blocked", |row| row["host"] == "rebind.test");
    let text = row.to_string();
    assert!(
        text.contains("leads to 127.0.0.1, a loopback address"),
        "{text}"
    );
    assert_eq!(row["rule"], "own_network", "{row}");
    scene
        .privet
        .await_row("blocked", |row| row["host"] == "127.0.0.1");
    let out = scene.datagrams_and_bind(&["127.0.0.1", INSIDE, "rebind.test", "own.test"]);
    for line in out.lines() {
        assert!(line.ends_with("silent bind 2"), "{line}");
    }
    let out = scene.datagrams_and_bind(&[OUTSIDE]);
    assert!(out.contains("answered"), "{out}");
}

#[test]
fn a_rule_that_names_the_target_lets_a_client_on_another_machine_reach_it() {
    let scene = require!(scene(
        "[[rule]]\nmatch = { domain = [\"named.test\"] }\nuse = \"direct\"\n\
         [[rule]]\nmatch = { ip = [\"10.77.0.1\"] }\nuse = \"direct\"\n\
         [[rule]]\nmatch = { port = [\"8099\"] }\nuse = \"direct\"\n"
    ));
    let all = ["http", "http -p", "socks4a", "socks5h"];
    // A name whose address an `ip` rule contains, too.
    for host in ["named.test", INSIDE, "own.test"] {
        assert_eq!(scene.reached_by(host), all, "{host}");
    }
    // One of the addresses of the last one is in no rule.
    for host in ["rebind.test", "127.0.0.1", "localhost", "both.test"] {
        assert_eq!(scene.reached_by(host), Vec::<&str>::new(), "{host}");
    }
    let out = scene.datagrams_and_bind(&["named.test", "own.test"]);
    assert_eq!(out.matches("answered").count(), 2, "{out}");
    let out = scene.datagrams_and_bind(&["both.test"]);
    assert!(out.contains("silent"), "{out}");
}

#[test]
fn a_client_on_this_machine_reaches_its_own_network() {
    let scene = require!(scene(""));
    for host in ["127.0.0.1", INSIDE, "localhost"] {
        for proxy in [scene.privet.proxy().to_string(), format!("{INSIDE}:7280")] {
            let proxy = format!("http://{proxy}");
            let url = format!("http://{host}:{PORT}/");
            let words = ["curl", "-q", "-s", "--max-time", "10", "-x", &proxy, &url];
            assert_eq!(scene.world.run(&words).out, "reached", "{host} by {proxy}");
        }
    }
}

#[test]
fn why_simulates_a_client_on_another_machine() {
    let privet = Privet::start("");
    let kind = |args: &[&str]| {
        let answer = privet.json(&[&["why", "127.0.0.1:8099"], args].concat());
        answer["outcome"]["kind"].as_str().map(str::to_owned)
    };
    assert_eq!(kind(&[]).as_deref(), Some("mode"));
    let local = ["--client", "127.0.0.1:4000"];
    assert_eq!(kind(&local).as_deref(), Some("mode"));
    for client in [
        "192.0.2.9",
        "192.0.2.9:4000",
        "2001:db8::9",
        "[2001:db8::9]",
    ] {
        let remote = ["--client", client];
        assert_eq!(kind(&remote).as_deref(), Some("own-network"), "{client}");
    }
    let (_, found) = privet.api("GET", "why?target=127.0.0.1:1&client=192.0.2.9", None);
    assert_eq!(found["outcome"]["action"], "block", "{found}");
    let answer = privet.cli(&["why", "127.0.0.1:8099", "--client", "nobody"]);
    assert_eq!(answer.code, 2, "{answer:?}");
    assert!(
        answer.err.contains("\"nobody\" is not an address"),
        "{answer:?}"
    );
}

#[test]
fn why_simulates_any_protocol() {
    let rule = "[[rule]]\nmatch = { protocol = [\"socks5\"] }\nuse = \"block\"\n";
    let privet = Privet::start(rule);
    let file = privet.sandbox.config().display().to_string();
    for (protocol, code) in [("socks5", 4), ("udp", 4), ("socks4", 0), ("connect", 0)] {
        let args = ["why", "a.test:80", "--protocol", protocol];
        assert_eq!(privet.cli(&args).code, code, "{protocol}");
        let offline = [&args[..], &["--offline", "--config", &file]].concat();
        assert_eq!(privet.cli(&offline).code, code, "{protocol}, offline");
    }
    // By default as the target's form says.
    assert_eq!(privet.cli(&["why", "http://a.test/"]).code, 0);
    let answer = privet.cli(&["why", "a.test", "--protocol", "gopher"]);
    assert_eq!(answer.code, 2, "{answer:?}");
    assert!(answer.err.contains("none of socks4, socks5"), "{answer:?}");
    let (status, _) = privet.api("GET", "why?target=a.test:80&protocol=gopher", None);
    assert_eq!(status, 422);
}
