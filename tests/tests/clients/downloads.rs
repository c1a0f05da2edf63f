//! curl and aria2.

use std::fs;

use privet_tests::client::run;
use privet_tests::peers::{open_folder, write};
use privet_tests::{Origin, Privet, curl, program, require};

use crate::support::{HELLO, privet_and_origin};

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
