//! With a kill switch all packets go to the upstream: they are captured on a link between network namespaces, for every
//! protocol, failure and reload.

use privet_tests::namespace::{Namespaces, OTHER_HOST, OTHER_HOST_V6, OUTSIDE, RESOLVER};
use privet_tests::privet::Setup;
use privet_tests::require;
use privet_tests::{Privet, Running, program};
use rustix::process::Signal;

/// The upstream's port in the outer namespace.
const PORT: u16 = 1080;

fn config(url: &str) -> String {
    format!(
        "mode = \"own\"\n[modes.own]\nroute = \"up\"\nkill_switch = true\ndns = \"upstream\"\n\
         [[upstream]]\nname = \"up\"\nurl = \"{url}\"\n\
         [[rule]]\nmatch = {{ ip = [\"192.0.2.0/24\"], domain_suffix = [\"direct.test\"] }}\nuse = \"direct\"\n\
         [[rule]]\nmatch = {{ domain_suffix = [\"goes-direct.test\"] }}\nuse = \"direct\"\n"
    )
}

struct Scene {
    world: Namespaces,
    privet: Privet,
}

/// Sends requests of every protocol, to addresses and names for which a leak would be captured.
fn request_everything(scene: &Scene) {
    let proxy = scene.privet.proxy();
    let far6 = format!("http://[{OTHER_HOST_V6}]/");
    let urls = [
        &format!("http://{OTHER_HOST}/"),
        far6.as_str(),
        "http://name.example/",
        "http://a.goes-direct.test/",
        "http://192.0.2.1/",
    ];
    let mut script = String::new();
    for scheme in ["socks4", "socks4a", "socks5", "socks5h", "http"] {
        for url in urls {
            // curl would resolve the name itself.
            let named = ![OTHER_HOST, OTHER_HOST_V6, "192.0.2"]
                .iter()
                .any(|ip| url.contains(ip));
            if named && ["socks4", "socks5"].contains(&scheme) {
                continue;
            }
            for tunnel in ["", "-p"] {
                script.push_str(&format!("curl -q -s --max-time 3 -o /dev/null {tunnel} -x {scheme}://{proxy} '{url}' &\n"));
            }
        }
    }
    script.push_str("wait\n");
    assert_eq!(scene.world.run(&["bash", "-c", &script]).code, 0);
    request_by_udp_and_bind(scene);
}

/// A SOCKS5 association and a BIND, byte by byte: most clients support neither.
fn request_by_udp_and_bind(scene: &Scene) {
    let script = r#"
import socket, sys
host, port, far = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def ask(command):
    s = socket.create_connection((host, port), 5); s.settimeout(5)
    s.sendall(b"\x05\x01\x00"); s.recv(2)
    s.sendall(b"\x05" + bytes([command]) + b"\x00\x01" + socket.inet_aton(far if command == 2 else "0.0.0.0") + b"\x00\x50")
    try: reply = s.recv(10)
    except OSError: reply = b""
    return s, reply
keep, reply = ask(3)
if len(reply) == 10 and reply[1] == 0:
    relay = (socket.inet_ntoa(reply[4:8]), int.from_bytes(reply[8:10], "big"))
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for target in (b"\x01" + socket.inet_aton(far), b"\x03\x0cname.example"):
        u.sendto(b"\0\0\0" + target + b"\x00\x35leak", relay)
ask(2)
"#;
    let proxy = scene.privet.proxy();
    let (ip, port) = (proxy.ip().to_string(), proxy.port().to_string());
    let answer = scene
        .world
        .run(&["python3", "-c", script, &ip, &port, OTHER_HOST]);
    assert_eq!(answer.code, 0, "{answer:?}");
}

fn upstream_address() -> String {
    format!("{OUTSIDE}.{PORT}")
}

fn scene(url: &str) -> Option<Scene> {
    program("python3")?;
    let world = Namespaces::new()?;
    let setup = Setup {
        prefix: world.prefix(),
        ..Default::default()
    };
    let privet = Privet::start_as(&config(url), &setup);
    Some(Scene { world, privet })
}

fn upstream(world: &Namespaces) -> Running {
    let microsocks = program("microsocks")
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    let running = world.start_outside(
        "microsocks",
        &[&microsocks, "-i", OUTSIDE, "-p", &PORT.to_string()],
    );
    let tries = "for i in $(seq 300); do (: < /dev/tcp/10.77.0.2/1080) 2>/dev/null && exit; sleep 0.02; done; exit 1";
    assert_eq!(
        world.run(&["bash", "-c", tries]).code,
        0,
        "microsocks listens outside"
    );
    running
}

#[test]
fn no_packet_bypasses_a_running_upstream() {
    let scene = require!(scene(&format!("socks5://{OUTSIDE}:{PORT}")));
    let link = scene.world.listen();
    let _upstream = upstream(&scene.world);
    request_everything(&scene);
    link.await_packet(&upstream_address());
    assert_eq!(
        link.packets_except(&scene.world, &upstream_address()),
        Vec::<String>::new()
    );
}

#[test]
fn no_packet_bypasses_a_dead_or_dying_upstream() {
    let scene = require!(scene(&format!("socks5://{OUTSIDE}:{PORT}")));
    let link = scene.world.listen();
    request_everything(&scene);
    let mut upstream = upstream(&scene.world);
    upstream.kill();
    request_everything(&scene);
    link.await_packet(&upstream_address());
    assert_eq!(
        link.packets_except(&scene.world, &upstream_address()),
        Vec::<String>::new()
    );
}

#[test]
fn no_packet_bypasses_an_http_or_silent_upstream() {
    for scheme in ["http", "https", "socks4a"] {
        let scene = require!(scene(&format!("{scheme}://{OUTSIDE}:{PORT}")));
        let link = scene.world.listen();
        // Listens and never answers.
        let silent = format!(
            "import socket,time\ns=socket.create_server(('{OUTSIDE}',{PORT}))\nprint('up',flush=True)\ntime.sleep(600)"
        );
        let silent = scene
            .world
            .start_outside("silence", &["python3", "-c", &silent]);
        silent.await_line("up");
        request_everything(&scene);
        link.await_packet(&upstream_address());
        assert_eq!(
            link.packets_except(&scene.world, &upstream_address()),
            Vec::<String>::new(),
            "{scheme}"
        );
    }
}

#[test]
fn no_packet_bypasses_the_upstream_during_reloads() {
    let scene = require!(scene(&format!("socks5://{OUTSIDE}:{PORT}")));
    let link = scene.world.listen();
    let _upstream = upstream(&scene.world);
    for broken in [false, true, false] {
        let mut text = config(&format!("socks5://{OUTSIDE}:{PORT}"));
        if broken {
            text.push_str("nonsense = = 1\n");
        }
        scene.privet.sandbox.write(&text);
        scene.privet.signal(Signal::HUP);
        request_by_udp_and_bind(&scene);
        let by = format!("socks5h://{}", scene.privet.proxy());
        let _ = scene.world.run(&[
            "curl",
            "-q",
            "-s",
            "--max-time",
            "2",
            "-x",
            &by,
            "http://name.example/",
        ]);
    }
    request_everything(&scene);
    assert_eq!(
        link.packets_except(&scene.world, &upstream_address()),
        Vec::<String>::new()
    );
}

#[test]
fn without_a_kill_switch_the_same_requests_are_seen_on_the_link() {
    let world = require!(Namespaces::new());
    let setup = Setup {
        prefix: world.prefix(),
        ..Default::default()
    };
    let privet = Privet::start_as("", &setup);
    let scene = Scene { world, privet };
    let link = scene.world.listen();
    request_everything(&scene);
    let seen = link.packets_except(&scene.world, &upstream_address());
    for far in [OTHER_HOST, OTHER_HOST_V6, RESOLVER] {
        assert!(
            seen.iter().any(|packet| packet.contains(far)),
            "the link would show {far}: {seen:#?}"
        );
    }
}

/// A backend outside, for a site inside.
const BACKEND_PORT: u16 = 8000;

#[test]
fn sites_and_health_checks_go_on_with_a_kill_switch_and_open_no_other_way() {
    let site = privet_tests::reserve();
    let world = require!(Namespaces::new());
    require!(program("python3"));
    let serve = format!(
        "import http.server\nclass H(http.server.BaseHTTPRequestHandler):\n protocol_version='HTTP/1.1'\n \
         def do_GET(self):\n  self.send_response(200); self.send_header('Content-Length','2'); self.end_headers(); self.wfile.write(b'ok')\n\
         s=http.server.ThreadingHTTPServer(('{OUTSIDE}',{BACKEND_PORT}),H)\nprint('up',flush=True)\ns.serve_forever()"
    );
    let backend = world.start_outside("backend", &["python3", "-c", &serve]);
    backend.await_line("up");
    let text = config(&format!("socks5://{OUTSIDE}:{PORT}"))
        + &format!(
            "[[site]]\nname = \"app\"\nlisten = [\"{site}\"]\nhosts = [\"app.test\"]\n\
             [[site.backend]]\nurl = \"http://{OUTSIDE}:{BACKEND_PORT}\"\n\
             [site.health]\npath = \"/healthz\"\ninterval = \"100ms\"\n"
        );
    let setup = Setup {
        prefix: world.prefix(),
        ..Default::default()
    };
    let privet = Privet::start_as(&text, &setup);
    let scene = Scene { world, privet };
    let link = scene.world.listen();
    let healthy = |sites: &serde_json::Value| {
        sites["sites"][0]["routes"][0]["backends"][0]["state"] == "healthy"
    };
    scene.privet.await_api("sites", healthy);
    let status = |args: &[&str]| {
        let mut all = vec![
            "curl",
            "-q",
            "-s",
            "--max-time",
            "5",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
        ];
        all.extend(args);
        scene.world.run(&all).out
    };
    let url = format!("http://{site}/");
    assert_eq!(status(&["-H", "Host: app.test", &url]), "200");
    // The upstream is down: the proxy reaches nobody, the backend least of all.
    let proxy = format!("http://{}", scene.privet.proxy());
    let direct = format!("http://{OUTSIDE}:{BACKEND_PORT}/");
    assert_ne!(status(&["-x", &proxy, &direct]), "200");
    assert_ne!(status(&["-p", "-x", &proxy, &direct]), "200");
    // Nor does a request to the site name another place.
    let elsewhere = format!("http://{OTHER_HOST}/");
    let address = site.to_string();
    assert_eq!(
        status(&["-x", &format!("http://{address}"), &elsewhere]),
        "421"
    );
    request_everything(&scene);
    let backend = format!("{OUTSIDE}.{BACKEND_PORT}");
    link.await_packet(&backend);
    let others = link.packets_except(&scene.world, &upstream_address());
    let others: Vec<String> = others
        .into_iter()
        .filter(|packet| !packet.contains(&backend))
        .collect();
    assert_eq!(others, Vec::<String>::new());
}
