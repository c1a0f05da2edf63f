//! Common clients work through Privet: curl, git, ssh, Chromium, python-socks, proxychains, aria2.

use privet_tests::require;
use std::fs;
use std::path::Path;
use std::process::Command;

use privet_tests::client::run;
use privet_tests::peers::{open_folder, write};
use privet_tests::{
    CommandOutput, Origin, Privet, Running, await_port, curl, program, python, reserve,
};

const HELLO: &str = "hello from the origin\n";

/// Privet with its defaults, and an origin.
fn privet_and_origin() -> (Privet, Origin) {
    (Privet::start(""), Origin::http())
}

#[test]
fn curl_uses_every_proxy_protocol_on_one_listener() {
    let (privet, origin) = privet_and_origin();
    for scheme in ["socks4", "socks4a", "socks5", "socks5h", "http"] {
        let proxy = format!("{scheme}://{}", privet.proxy());
        assert_eq!(
            curl(&["-x", &proxy, &origin.url("/")]).good(),
            HELLO,
            "{scheme}"
        );
    }
    let proxy = format!("http://{}", privet.proxy());
    assert_eq!(
        curl(&["-p", "-x", &proxy, &origin.url("/")]).good(),
        HELLO,
        "CONNECT"
    );
}

#[test]
fn curl_reaches_a_name_that_only_privet_resolves() {
    let (privet, origin) = privet_and_origin();
    for scheme in ["socks4a", "socks5h", "http"] {
        let proxy = format!("{scheme}://{}", privet.proxy());
        let url = format!("http://localhost:{}/", origin.port());
        assert_eq!(curl(&["-x", &proxy, &url]).good(), HELLO, "{scheme}");
    }
}

#[test]
fn curl_authenticates_and_unknown_users_are_refused() {
    let origin = Origin::http();
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nusers = [{ name = \"alice\", password = \"sesame\" }]\n",
    );
    for scheme in ["socks5h", "http"] {
        let known = format!("{scheme}://alice:sesame@{}", privet.proxy());
        assert_eq!(
            curl(&["-x", &known, &origin.url("/")]).good(),
            HELLO,
            "{scheme}"
        );
        for wrong in ["", "alice:wrong@"] {
            let stranger = format!("{scheme}://{wrong}{}", privet.proxy());
            let answer = curl(&["-x", &stranger, "-f", &origin.url("/")]);
            assert_ne!(answer.code, 0, "{scheme} {wrong:?}: {answer:?}");
        }
    }
    let heads = origin.heads();
    assert_eq!(
        heads.len(),
        2,
        "only who logged in reached the origin: {heads:?}"
    );
    assert!(
        heads
            .iter()
            .all(|head| !head.to_lowercase().contains("proxy-authorization")),
        "{heads:?}"
    );
    let row = privet.await_row("closed", |row| {
        row["verdict"] == "direct" && row["user"] == "alice"
    });
    assert_eq!(
        row["protocol"]
            .as_str()
            .map(|word| word.contains("socks5") || word == "http"),
        Some(true),
        "{row}"
    );
}

#[test]
fn curl_uploads_and_downloads_in_every_framing() {
    let (privet, origin) = privet_and_origin();
    let proxy = format!("http://{}", privet.proxy());
    let dir = open_folder("upload-");
    let file = write(dir.path(), "up", &"0123456789".repeat(50_000));
    let up = format!("@{}", file.display());
    let through = |args: &[&str]| curl(&[&["-x", &proxy], args].concat()).good();
    for more in [
        &["-H", "Transfer-Encoding: chunked"][..],
        &["-H", "Expect: 100-continue"][..],
        &[][..],
    ] {
        let echoed = through(&[&["--data-binary", &up], more, &[&origin.url("/echo")]].concat());
        assert!(
            echoed.ends_with(&"0123456789".repeat(50_000)),
            "{more:?}: {} bytes",
            echoed.len()
        );
    }
    assert_eq!(through(&[&origin.url("/chunked")]), "hello world");
    assert_eq!(through(&[&origin.url("/hint")]), "hinted");
    assert_eq!(
        through(&[
            "-I",
            "-w",
            "%{http_code}",
            "-o",
            "/dev/null",
            &origin.url("/bytes/500")
        ]),
        "200"
    );
    assert_eq!(
        through(&["-w", "%{http_code}", &origin.url("/none")]),
        "204"
    );
    assert_eq!(
        through(&[
            "-w",
            "%{size_download}",
            "-o",
            "/dev/null",
            &origin.url("/bytes/3000000")
        ]),
        "3000000"
    );
}

#[test]
fn git_clones_over_http_and_its_own_protocol() {
    let git = require!(program("git"));
    let nc = require!(program("nc"));
    let dir = open_folder("git-");
    let at = dir.path();
    let git_in = |folder: &Path, args: &[&str]| {
        let mut command = Command::new(&git);
        command
            .current_dir(folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", at)
            .args(args);
        CommandOutput::of(command)
    };
    git_in(at, &["init", "-q", "-b", "main", "work"]).good();
    write(&at.join("work"), "hello", "hello through a hedge\n");
    git_in(&at.join("work"), &["add", "hello"]).good();
    let who = ["-c", "user.name=a", "-c", "user.email=a@test"];
    git_in(
        &at.join("work"),
        &[&who[..], &["commit", "-q", "-m", "one"]].concat(),
    )
    .good();
    git_in(at, &["clone", "-q", "--bare", "work", "served.git"]).good();
    git_in(&at.join("served.git"), &["update-server-info"]).good();

    let (privet, origin) = (Privet::start(""), Origin::folder(at.to_owned()));
    for scheme in ["http", "socks5h"] {
        let proxy = format!("http.proxy={scheme}://{}", privet.proxy());
        let copy = format!("over-{scheme}");
        git_in(
            at,
            &[
                "-c",
                &proxy,
                "clone",
                "-q",
                &origin.url("/served.git"),
                &copy,
            ],
        )
        .good();
        assert_eq!(
            fs::read_to_string(at.join(copy).join("hello")).expect("cloned"),
            "hello through a hedge\n"
        );
    }

    let daemon_at = reserve();
    let mut daemon = Command::new(&git);
    let (base, port) = (
        format!("--base-path={}", at.display()),
        format!("--port={}", daemon_at.port()),
    );
    daemon
        .args([
            "daemon",
            "--export-all",
            "--reuseaddr",
            "--listen=127.0.0.1",
            &base,
            &port,
        ])
        .arg(at);
    let _daemon = Running::start("git daemon", daemon);
    await_port(daemon_at, "git daemon");
    let script = format!(
        "#!/bin/sh\nexec {} -X 5 -x {} \"$1\" \"$2\"\n",
        nc.display(),
        privet.proxy()
    );
    let helper = executable(at, "helper", &script);
    let by = format!("core.gitProxy={helper}");
    git_in(
        at,
        &[
            "-c",
            &by,
            "clone",
            "-q",
            &format!("git://{daemon_at}/served.git"),
            "over-git",
        ],
    )
    .good();
    assert!(at.join("over-git/hello").is_file());
}

fn executable(folder: &Path, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = write(folder, name, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    path.display().to_string()
}

#[test]
fn ssh_logs_in_through_a_proxy_command() {
    let ssh = require!(program("ssh"));
    let sshd = require!(program("sshd"));
    let keygen = require!(program("ssh-keygen"));
    let nc = require!(program("nc"));
    let dir = open_folder("ssh-");
    let at = dir.path();
    // sshd reads keys only from folders that no other user can write to.
    let _ = Command::new("chmod").arg("700").arg(at).status();
    let path = |name: &str| at.join(name).display().to_string();
    for key in ["host", "user"] {
        run(
            &keygen,
            &["-q", "-t", "ed25519", "-N", "", "-f", &path(key)],
        )
        .good();
    }
    fs::rename(at.join("user.pub"), at.join("authorized")).expect("ssh-keygen made it");
    let server = reserve();
    let config = format!(
        "ListenAddress {server}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\n",
        path("host"),
        path("authorized")
    );
    write(at, "sshd_config", &config);
    let _ = fs::create_dir_all("/run/sshd");
    let mut daemon = Command::new(sshd);
    daemon.args(["-D", "-e", "-f", &path("sshd_config")]);
    let _daemon = Running::start("sshd", daemon);
    await_port(server, "sshd");

    let privet = Privet::start("");
    for kind in ["5", "connect"] {
        let by = format!(
            "ProxyCommand={} -X {kind} -x {} %h %p",
            nc.display(),
            privet.proxy()
        );
        let (port, key) = (server.port().to_string(), path("user"));
        let known = [
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "BatchMode=yes",
        ];
        let args = [
            "-F",
            "none",
            "-i",
            &key,
            "-p",
            &port,
            "-o",
            &by,
            "127.0.0.1",
            "echo $((6*7))",
        ];
        assert_eq!(
            run(&ssh, &[&known[..], &args[..]].concat()).good(),
            "42\n",
            "nc -X {kind}"
        );
    }
}

#[test]
fn proxychains_works_for_a_program_without_proxy_support() {
    let proxychains = require!(program("proxychains4"));
    let (privet, origin) = privet_and_origin();
    let dir = open_folder("proxychains-");
    for kind in ["socks4", "socks5", "http"] {
        let (ip, port) = (privet.proxy().ip(), privet.proxy().port());
        let text = format!("strict_chain\nproxy_dns\n[ProxyList]\n{kind} {ip} {port}\n");
        let config = write(dir.path(), kind, &text).display().to_string();
        let args = [
            "-q",
            "-f",
            &config,
            "curl",
            "-q",
            "-sS",
            "--max-time",
            "20",
            &origin.url("/"),
        ];
        assert_eq!(run(&proxychains, &args).good(), HELLO, "{kind}");
        privet.await_row("closed", |row| row["app"] == "curl" || row["app"].is_null());
    }
}

#[test]
fn aria2_downloads_in_parallel_through_the_http_proxy() {
    let aria2c = require!(program("aria2c"));
    let (privet, origin) = privet_and_origin();
    let dir = open_folder("aria2-");
    let (proxy, folder) = (
        format!("--all-proxy=http://{}", privet.proxy()),
        dir.path().display().to_string(),
    );
    let urls: Vec<String> = (1..=6)
        .map(|n| origin.url(&format!("/bytes/{}", n * 100_000)))
        .collect();
    let list = write(dir.path(), "list", &urls.join("\n"))
        .display()
        .to_string();
    run(
        &aria2c,
        &[
            "--no-conf",
            "-q",
            "-j",
            "6",
            &proxy,
            "-d",
            &folder,
            "-i",
            &list,
        ],
    )
    .good();
    for n in 1..=6 {
        let file = dir.path().join(format!("{}", n * 100_000));
        assert_eq!(fs::metadata(&file).expect("downloaded").len(), n * 100_000);
    }
}

/// The text of a page after its scripts ran in a fresh headless Chromium.
fn browse(args: &[&str], url: &str) -> Option<String> {
    let chromium = program("chromium")?;
    let profile = open_folder("chromium-");
    let mut command = Command::new("timeout");
    command.arg("60").arg(chromium).args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--dump-dom",
        "--virtual-time-budget=10000",
        // Loopback goes through the proxy too.
        "--proxy-bypass-list=<-loopback>",
    ]);
    command
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(args)
        .arg(url);
    Some(CommandOutput::of(command).good())
}

#[test]
fn chromium_loads_a_page_through_http_and_socks() {
    let (privet, origin) = privet_and_origin();
    for scheme in ["http", "socks5"] {
        let proxy = format!("--proxy-server={scheme}://{}", privet.proxy());
        let page = require!(browse(&[&proxy], &origin.url("/page")));
        assert!(page.contains("fetched 36000"), "{scheme}: {page}");
    }
    assert!(
        origin.heads().iter().all(|head| !head.contains("Proxy-")),
        "{:?}",
        origin.heads()
    );
}

#[test]
fn chromium_follows_the_pac() {
    let origin = Origin::http();
    let privet = Privet::start("[listen]\nmixed = [\"$MIXED\"]\npac = \"$PAC\"\n");
    let pac = format!("--proxy-pac-url=http://{}/proxy.pac", privet.sandbox.pac);
    // The PAC excludes loopback; the name resolves only at the proxy.
    let page = require!(browse(
        &[&pac, "--host-resolver-rules=MAP pac.test 127.0.0.1"],
        &origin.url("/page"),
    ));
    assert!(page.contains("fetched 36000"), "{page}");
}

#[test]
fn python_socks_connects_with_every_protocol() {
    let (privet, origin) = privet_and_origin();
    let script = r#"
import sys
from python_socks.sync import Proxy
proxy_at, port = sys.argv[1], int(sys.argv[2])
for scheme in ("socks4", "socks5", "http"):
    for rdns in (False, True):
        s = Proxy.from_url(f"{scheme}://{proxy_at}", rdns=rdns).connect("localhost", port, timeout=10)
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got = s.recv(4096)
        assert got.startswith(b"HTTP/1.1 200"), (scheme, rdns, got)
        s.close()
print("good")
"#;
    let answer = python(
        script,
        &[&privet.proxy().to_string(), &origin.port().to_string()],
    );
    let answer = require!(answer);
    assert_eq!(answer.good(), "good\n");
}

#[test]
fn pysocks_sends_datagrams_through_udp_associate() {
    let (privet, echo) = (Privet::start(""), privet_tests::UdpEcho::start());
    let script = r#"
import sys, socket, socks
host, port, echo = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
s = socks.socksocket(socket.AF_INET, socket.SOCK_DGRAM)
s.set_proxy(socks.SOCKS5, host, port)
s.settimeout(10)
for size in (1, 100, 1400, 9000):
    s.sendto(b"x" * size, ("127.0.0.1", echo))
    got, sender = s.recvfrom(65536)
    assert got == b"x" * size, (size, len(got))
    assert sender[1] == echo, sender
print("good")
"#;
    let proxy = privet.proxy();
    let args = [
        proxy.ip().to_string(),
        proxy.port().to_string(),
        echo.address.port().to_string(),
    ];
    let answer = require!(python(script, &args.each_ref().map(String::as_str)));
    assert_eq!(answer.good(), "good\n");
}

#[test]
fn a_websocket_works_through_upgrade_and_connect() {
    let privet = Privet::start("");
    let script = r#"
import asyncio, sys, websockets, base64, os
proxy_host, proxy_port = sys.argv[1], int(sys.argv[2])

async def serve(ws):
    async for message in ws:
        await ws.send(message[::-1])

async def plain_upgrade(port):
    # A browser without TLS upgrades in absolute-form.
    r, w = await asyncio.open_connection(proxy_host, proxy_port)
    key = base64.b64encode(os.urandom(16)).decode()
    w.write((f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
    head = await r.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101"), head
    w.write(bytes([0x81, 0x83, 0, 0, 0, 0]) + b"abc")
    assert await r.readexactly(5) == b"\x81\x03cba"
    w.close()

async def main():
    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await plain_upgrade(port)
        for scheme in ("http", "socks5"):
            async with websockets.connect(f"ws://127.0.0.1:{port}/", proxy=f"{scheme}://{proxy_host}:{proxy_port}") as ws:
                for n in range(20):
                    await ws.send("hello" * n)
                    assert await ws.recv() == ("hello" * n)[::-1]
    print("good")
asyncio.run(main())
"#;
    let proxy = privet.proxy();
    let args = [proxy.ip().to_string(), proxy.port().to_string()];
    let answer = require!(python(script, &args.each_ref().map(String::as_str)));
    assert_eq!(answer.good(), "good\n");
}

#[test]
fn a_program_started_by_privet_run_uses_the_proxy() {
    let (privet, origin) = privet_and_origin();
    let answer = privet.cli(&["run", "--", "curl", "-q", "-sS", &origin.url("/")]);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert_eq!(answer.out, HELLO);
    privet.await_row("closed", |row| row["port"] == origin.port());
}

#[test]
fn a_login_and_a_fragment_in_a_url_work_in_programs_that_send_them_to_the_proxy() {
    let (privet, origin) = privet_and_origin();
    let proxy = format!("http://{}", privet.proxy());
    let at = origin.address;
    let dir = open_folder("url-");
    if let Some(wget) = program("wget") {
        let (by, url) = (
            format!("http_proxy={proxy}"),
            format!("http://bob:pw@{at}/wget"),
        );
        let args = [
            "-q",
            "-O",
            "-",
            "-t",
            "1",
            "-e",
            "use_proxy=yes",
            "-e",
            &by,
            &url,
        ];
        assert_eq!(run(&wget, &args).good(), HELLO, "wget");
    }
    if let Some(aria2c) = program("aria2c") {
        let (by, url) = (
            format!("--all-proxy={proxy}"),
            format!("http://bob:pw@{at}/aria2c"),
        );
        let folder = dir.path().display().to_string();
        let args = ["-q", &by, "-d", &folder, "-o", "got", &url];
        run(&aria2c, &args).good();
        assert_eq!(
            fs::read_to_string(dir.path().join("got")).ok().as_deref(),
            Some(HELLO)
        );
    }
    let script = "import http.client, sys, urllib.request\n\
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({'http': sys.argv[1]}))\n\
        print(opener.open(f'http://{sys.argv[2]}/urllib#frag').status)\n\
        host, port = sys.argv[1].removeprefix('http://').split(':')\n\
        connection = http.client.HTTPConnection(host, int(port))\n\
        connection.request('GET', f'http://{sys.argv[2]}/client#frag')\n\
        print(connection.getresponse().status)\n";
    let python = require!(program("python3"));
    let at = at.to_string();
    assert_eq!(
        run(&python, &["-c", script, &proxy, &at]).good(),
        "200\n200\n"
    );
    let heads = origin.heads();
    for (name, path) in [("wget", "/wget"), ("aria2c", "/aria2c")] {
        let request = format!("GET {path} HTTP/1.1");
        let basic = "authorization: basic ym9ionb3";
        let authorized = |head: &String| head.to_lowercase().contains(basic);
        let mut sent = heads.iter().filter(|head| head.starts_with(&request));
        assert!(
            program(name).is_none() || sent.any(authorized),
            "{name}: {heads:?}"
        );
    }
    assert!(
        heads
            .iter()
            .any(|head| head.starts_with("GET /client HTTP/1.1"))
    );
    assert!(
        heads
            .iter()
            .all(|head| !head.contains("bob:pw") && !head.contains("#frag")),
        "{heads:?}"
    );
}
