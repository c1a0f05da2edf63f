//! In a mode with a kill switch nothing leaves but to the upstream: packets are counted on a cable between namespaces,
//! over every protocol, failure and reload.

use privet_tests::namespace::{FAR, FAR6, Namespaces, OUTSIDE, RESOLVER};
use privet_tests::privet::Setup;
use privet_tests::{Privet, Running, program};
use rustix::process::Signal;

/// The upstream's port, outside.
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

/// Every way in, towards addresses and names that a leak would show.
fn knock(scene: &Scene) {
    let proxy = scene.privet.proxy();
    let far6 = format!("http://[{FAR6}]/");
    let urls = [
        &format!("http://{FAR}/"),
        far6.as_str(),
        "http://name.example/",
        "http://a.goes-direct.test/",
        "http://192.0.2.1/",
    ];
    let mut script = String::new();
    for scheme in ["socks4", "socks4a", "socks5", "socks5h", "http"] {
        for url in urls {
            // curl would resolve the name itself.
            let named = ![FAR, FAR6, "192.0.2"].iter().any(|ip| url.contains(ip));
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
    knock_by_udp_and_bind(scene);
}

/// A SOCKS5 association and a BIND, by hand: most clients have neither.
fn knock_by_udp_and_bind(scene: &Scene) {
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
    let answer = scene.world.run(&["python3", "-c", script, &ip, &port, FAR]);
    assert_eq!(answer.code, 0, "{answer:?}");
}

fn friend() -> String {
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
fn nothing_leaves_past_a_living_upstream() {
    let Some(scene) = scene(&format!("socks5://{OUTSIDE}:{PORT}")) else {
        return;
    };
    let cable = scene.world.listen();
    let _upstream = upstream(&scene.world);
    knock(&scene);
    cable.await_packet(&friend());
    assert_eq!(
        cable.strangers(&scene.world, &friend()),
        Vec::<String>::new()
    );
}

#[test]
fn nothing_leaves_past_a_dead_upstream_nor_when_it_dies() {
    let Some(scene) = scene(&format!("socks5://{OUTSIDE}:{PORT}")) else {
        return;
    };
    let cable = scene.world.listen();
    knock(&scene);
    let mut upstream = upstream(&scene.world);
    upstream.kill();
    knock(&scene);
    cable.await_packet(&friend());
    assert_eq!(
        cable.strangers(&scene.world, &friend()),
        Vec::<String>::new()
    );
}

#[test]
fn nothing_leaves_past_an_http_or_silent_upstream() {
    for scheme in ["http", "https", "socks4a"] {
        let Some(scene) = scene(&format!("{scheme}://{OUTSIDE}:{PORT}")) else {
            return;
        };
        let cable = scene.world.listen();
        // Listens and never answers.
        let silent = format!(
            "import socket,time\ns=socket.create_server(('{OUTSIDE}',{PORT}))\nprint('up',flush=True)\ntime.sleep(600)"
        );
        let silent = scene
            .world
            .start_outside("silence", &["python3", "-c", &silent]);
        silent.await_line("up");
        knock(&scene);
        cable.await_packet(&friend());
        assert_eq!(
            cable.strangers(&scene.world, &friend()),
            Vec::<String>::new(),
            "{scheme}"
        );
    }
}

#[test]
fn nothing_leaves_while_the_configuration_is_reloaded() {
    let Some(scene) = scene(&format!("socks5://{OUTSIDE}:{PORT}")) else {
        return;
    };
    let cable = scene.world.listen();
    let _upstream = upstream(&scene.world);
    for broken in [false, true, false] {
        let mut text = config(&format!("socks5://{OUTSIDE}:{PORT}"));
        if broken {
            text.push_str("nonsense = = 1\n");
        }
        scene.privet.place.write(&text);
        scene.privet.signal(Signal::HUP);
        knock_by_udp_and_bind(&scene);
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
    knock(&scene);
    assert_eq!(
        cable.strangers(&scene.world, &friend()),
        Vec::<String>::new()
    );
}

#[test]
fn the_same_knocks_in_an_open_mode_are_seen_on_the_cable() {
    let Some(world) = Namespaces::new() else {
        return;
    };
    let setup = Setup {
        prefix: world.prefix(),
        ..Default::default()
    };
    let privet = Privet::start_as("", &setup);
    let scene = Scene { world, privet };
    let cable = scene.world.listen();
    knock(&scene);
    let seen = cable.strangers(&scene.world, &friend());
    for far in [FAR, FAR6, RESOLVER] {
        assert!(
            seen.iter().any(|packet| packet.contains(far)),
            "the cable would show {far}: {seen:#?}"
        );
    }
}
