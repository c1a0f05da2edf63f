//! Programs that fetch files and listings.

use std::path::Path;
use std::process::Command;

use privet_tests::https::{cert, started};
use privet_tests::peers::open_folder;
use privet_tests::{CommandOutput, Privet, program, require};

use crate::support::{FtpServer, LOGIN, ODD, ODD_URL, TEXT, fetch, proxy, run};

#[test]
fn curl_fetches_files_parts_and_listings_by_ftp() {
    let server = require!(FtpServer::start(&[]));
    let privet = Privet::start("");
    assert_eq!(fetch(&privet, &[&server.url("a.txt")]).good(), TEXT);
    let odd = server.url_as(LOGIN, &format!("sub/{ODD_URL}"));
    assert_eq!(fetch(&privet, &[&odd]).good(), TEXT);
    let part = fetch(
        &privet,
        &["-r", "2-5", "-w", "%{http_code}", &server.url("a.txt")],
    );
    assert_eq!(part.good(), "file206");
    let beyond = fetch(
        &privet,
        &[
            "-r",
            "99-",
            "-w",
            "%{http_code}",
            "-o",
            "/dev/null",
            &server.url("a.txt"),
        ],
    );
    assert_eq!(beyond.good(), "416");
    let head = fetch(&privet, &["-I", &server.url("big")]).good();
    assert!(head.contains("Content-Length: 3000000"), "{head}");
    let big = fetch(&privet, &[&server.url("big")]).good();
    assert!(big == "0123456789".repeat(300_000), "{} bytes", big.len());
    for path in ["", "sub/", "sub"] {
        let page = fetch(&privet, &[&server.url(path)]).good();
        let link = match path {
            "" => "<a href=\"sub/\">sub/</a>".to_owned(),
            "sub/" => format!("<a href=\"{ODD_URL}\">{ODD}</a>"),
            _ => format!("<a href=\"sub/{ODD_URL}\">{ODD}</a>"),
        };
        assert!(page.contains(&link), "{path}: {page}");
    }
    // One client connection serves several requests.
    let twice = fetch(
        &privet,
        &[
            "-w",
            "%{num_connects} ",
            &server.url("a.txt"),
            &server.url("sub/"),
        ],
    );
    assert!(twice.good().ends_with("\n0 "));
    let log = server.running.log();
    assert!(
        log.contains("USER bob") && log.contains("USER anonymous"),
        "{log}"
    );
    for refused in ["PORT", "EPRT", "STOR"] {
        assert!(!log.contains(&format!("<- {refused}")), "{log}");
    }
}

#[test]
fn wget_aria2_and_lftp_fetch_by_ftp_through_the_http_proxy() {
    let server = require!(FtpServer::start(&[]));
    let privet = Privet::start("");
    let place = open_folder("ftp-clients-");
    let folder = place.path().display().to_string();
    let odd = server.url(&format!("sub/{ODD_URL}"));
    if let Some(wget) = program("wget") {
        let wget = wget.display().to_string();
        let one = run(&privet, &[&wget, "--no-config", "-q", "-O", "-", &odd]);
        assert_eq!(one.good(), TEXT);
        let url = server.url_as(LOGIN, "a.txt");
        assert_eq!(
            run(&privet, &[&wget, "--no-config", "-q", "-O", "-", &url]).good(),
            TEXT
        );
        // A whole tree, by its listings.
        let tree = [
            "--no-config",
            "-q",
            "-r",
            "-nH",
            "-np",
            "-P",
            &folder,
            &server.url(""),
        ];
        run(&privet, &[&[&wget[..]], &tree[..]].concat());
        let fetched = place.path().join("sub").join(ODD);
        assert_eq!(
            std::fs::read_to_string(fetched).expect("wget followed the links"),
            TEXT
        );
    }
    if let Some(aria2c) = program("aria2c") {
        let option = format!("--ftp-proxy={}", proxy(&privet));
        let args = [
            "--no-conf",
            "-q",
            "-x",
            "2",
            "-k",
            "1M",
            &option,
            "-d",
            &folder,
            "-o",
            "aria-big",
            &server.url("big"),
        ];
        privet_tests::client::run(&aria2c, &args).good();
        let big = std::fs::read_to_string(place.path().join("aria-big")).expect("aria2 fetched it");
        assert!(big == "0123456789".repeat(300_000), "{} bytes", big.len());
    }
    if let Some(lftp) = program("lftp") {
        let settings = format!(
            "set ftp:proxy {}; set net:max-retries 1; set net:timeout 20; set cmd:fail-exit yes; ",
            proxy(&privet)
        );
        let lftp = |script: &str| {
            let script = format!("{settings}{script}");
            let mut command = Command::new(&lftp);
            command.args(["--norc", "-c", &script]).env("HOME", &folder);
            CommandOutput::of(command)
        };
        let at = server.url("");
        let listed = lftp(&format!("open {at}; cls -1 sub/")).good();
        assert!(listed.contains(ODD), "{listed}");
        lftp(&format!("open {at}; get a.txt -o {folder}/lftp-a")).good();
        let fetched = std::fs::read_to_string(Path::new(&folder).join("lftp-a"));
        assert_eq!(fetched.expect("lftp fetched it"), TEXT);
    }
    privet.await_row("closed", |row| row["port"] == server.port);
    assert!(
        !server.running.log().contains("<- PORT"),
        "{}",
        server.running.log()
    );
}

#[test]
fn pasv_is_used_without_epsv_and_its_address_is_not() {
    let server = require!(FtpServer::start(&["no-epsv", "no-size", "lies"]));
    let privet = Privet::start("");
    assert_eq!(fetch(&privet, &[&server.url("a.txt")]).good(), TEXT);
    let http10 = fetch(&privet, &["-0", &server.url("big")]).good();
    assert_eq!(http10.len(), 3_000_000);
    assert!(
        server.running.log().contains("192,0,2,1,"),
        "{}",
        server.running.log()
    );
    let rows = privet.rows("closed");
    assert!(
        rows.iter().all(|row| row["host"] == "127.0.0.1"),
        "{rows:#?}"
    );
}

#[test]
fn connect_to_an_ftp_server_stays_a_tunnel() {
    let server = require!(FtpServer::start(&[]));
    let privet = Privet::start("");
    let text = fetch(&privet, &["-p", &server.url("a.txt")]).good();
    assert_eq!(text, TEXT);
    let row = privet.await_row("closed", |row| row["port"] == server.port);
    assert_eq!(row["protocol"], "connect");
}

/// Requests by HTTP/2 on one connection; prints status and text of each.
const HTTP_2: &str = r#"
const http2 = require('http2'), fs = require('fs');
const [proxy, ca, ...urls] = process.argv.slice(1);
const session = http2.connect(proxy, { ca: fs.readFileSync(ca) });
const fail = (error) => { console.error(error); process.exit(1); };
session.on('error', fail);
const get = (text) => new Promise((resolve) => {
  const url = new URL(text);
  const login = url.username ? { authorization: 'Basic ' + Buffer.from(`${url.username}:${url.password}`).toString('base64') } : {};
  const stream = session.request({ ':method': 'GET', ':scheme': 'ftp', ':authority': url.host, ':path': url.pathname, ...login });
  let status = 0, body = '';
  stream.on('error', fail);
  stream.on('response', (fields) => { status = fields[':status']; });
  stream.on('data', (chunk) => { body += chunk; });
  stream.on('end', () => resolve([status, body]));
});
Promise.all(urls.map(get)).then((all) => { console.log(JSON.stringify(all)); session.close(); });
"#;

#[test]
fn an_http2_client_fetches_files_and_listings_by_ftp_side_by_side() {
    let server = require!(FtpServer::start(&[]));
    let node = require!(program("node"));
    let privet = started("IP:127.0.0.1");
    let mut command = Command::new(node);
    command.args(["-e", HTTP_2, &format!("https://{}", privet.sandbox.http)]);
    command.arg(cert(&privet));
    let paths = ["a.txt", "big", "sub/", "none"].map(|path| server.url(path));
    command.args(paths).arg(server.url_as("bob:wrong", "a.txt"));
    let out = CommandOutput::of(command).good();
    let answers: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let text = |number: usize| answers[number][1].as_str().expect("a text");
    assert_eq!(answers[0], serde_json::json!([200, TEXT]));
    assert!(answers[1][0] == 200 && text(1) == "0123456789".repeat(300_000));
    assert!(
        answers[2][0] == 200 && text(2).contains(ODD_URL),
        "{}",
        text(2)
    );
    assert_eq!(answers[3][0], 404, "{}", text(3));
    assert_eq!(answers[4][0], 401, "{}", text(4));
    let row = privet.await_row("closed", |row| row["port"] == server.port);
    assert_eq!(row["listener"], "https", "{row:#}");
}
