//! FTP by GET through the HTTP proxy: real clients, and a real server on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use privet_tests::client::python_program;
use privet_tests::https::{cert, started};
use privet_tests::peers::{open_folder, write};
use privet_tests::privet::binary;
use privet_tests::require;
use privet_tests::{CommandOutput, Origin, Privet, Running, curl, program};
use tempfile::TempDir;

/// An FTP server for the folder; prints its port. Options: `closed` (no anonymous login), `no-epsv`, `no-size`, `lies` (PASV names
/// another machine).
const SERVER: &str = r#"
import logging, sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
logging.basicConfig(level=logging.DEBUG)
folder, options = sys.argv[1], sys.argv[2:]
users = DummyAuthorizer()
users.add_user("bob", "p#a:s w", folder, perm="elradfmwMT")
if "closed" not in options:
    users.add_anonymous(folder)
class Handler(FTPHandler):
    authorizer = users
    masquerade_address = "192.0.2.1" if "lies" in options else None
    proto_cmds = {name: value for name, value in FTPHandler.proto_cmds.items()
                  if "no-" + name.lower() not in options}
server = FTPServer(("127.0.0.1", 0), Handler)
print("port=%d." % server.address[1], flush=True)
server.serve_forever()
"#;

const TEXT: &str = "a file by FTP\n";
/// Its name has a space, a sign that means something in URLs and one that is not ASCII.
const ODD: &str = "od d#ü.txt";
const ODD_URL: &str = "od%20d%23%C3%BC.txt";
const LOGIN: &str = "bob:p%23a%3As%20w";

struct FtpServer {
    running: Running,
    port: u16,
    folder: TempDir,
}

impl FtpServer {
    fn start(options: &[&str]) -> Option<Self> {
        let python = python_program()?;
        let folder = open_folder("ftp-");
        write(folder.path(), "a.txt", TEXT);
        std::fs::create_dir(folder.path().join("sub")).expect("the folder is ours");
        write(&folder.path().join("sub"), ODD, TEXT);
        write(folder.path(), "big", &"0123456789".repeat(300_000));
        let mut command = Command::new(python);
        command
            .args(["-c", SERVER])
            .arg(folder.path())
            .args(options);
        let running = Running::start("pyftpdlib", command);
        running.await_line("port=");
        let log = running.log();
        let port = log
            .split("port=")
            .nth(1)
            .and_then(|rest| rest.split('.').next());
        let port = port.and_then(|port| port.parse().ok()).expect("a port");
        Some(Self {
            running,
            port,
            folder,
        })
    }

    fn url(&self, path: &str) -> String {
        format!("ftp://127.0.0.1:{}/{path}", self.port)
    }

    fn url_as(&self, login: &str, path: &str) -> String {
        format!("ftp://{login}@127.0.0.1:{}/{path}", self.port)
    }
}

fn proxy(privet: &Privet) -> String {
    format!("http://{}", privet.proxy())
}

/// Runs curl through the HTTP proxy.
fn fetch(privet: &Privet, args: &[&str]) -> CommandOutput {
    curl(&[&["-x", &proxy(privet)], args].concat())
}

/// `privet run -- ARGS`.
fn run(privet: &Privet, args: &[&str]) -> CommandOutput {
    let mut command = Command::new(binary());
    command
        .arg("--data-dir")
        .arg(privet.sandbox.dir().join("data"));
    command.args(["run", "--"]).args(args);
    CommandOutput::of(command)
}

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
fn each_connection_is_a_row_and_passwords_are_in_none() {
    let server = require!(FtpServer::start(&[]));
    let privet = Privet::start("");
    fetch(&privet, &[&server.url_as(LOGIN, "a.txt")]).good();
    let control = privet.await_row("closed", |row| row["port"] == server.port);
    let data = privet.await_row("closed", |row| row["port"] != server.port);
    assert!(
        control["down"].as_u64() > Some(TEXT.len() as u64),
        "{control}"
    );
    for row in [&control, &data] {
        assert_eq!(
            (&row["host"], &row["verdict"]),
            (&"127.0.0.1".into(), &"direct".into()),
            "{row}"
        );
        assert_eq!(row["protocol"], "http", "{row}");
        assert!(row["error"].is_null(), "{row}");
    }
    let all = format!("{control}{data}{}", privet.log());
    assert!(!all.contains("p#a") && !all.contains("p%23a"), "{all}");
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
fn the_data_connection_is_decided_on_by_its_port() {
    let server = require!(FtpServer::start(&[]));
    let port = server.port;
    let privet = Privet::start(&format!(
        "[[rule]]\nmatch = {{ port = [{port}] }}\nuse = \"direct\"\n[[rule]]\nmatch = {{}}\nuse = \"block\"\n"
    ));
    let answer = fetch(&privet, &["-i", &server.url("a.txt")]).good();
    assert_eq!(privet.cli(&["why", &server.url("a.txt")]).code, 0);
    assert_eq!(privet.cli(&["why", "ftp://127.0.0.1/a.txt"]).code, 4);
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("Privet-Reason: rule 2"), "{answer}");
    let blocked = privet.await_row("blocked", |row| row["port"] != port);
    assert_eq!(blocked["host"], "127.0.0.1");
    let control = privet.await_row("closed", |row| row["port"] == port);
    let error = control["error"].as_str().unwrap_or_default();
    assert!(error.contains("data connection"), "{control}");
}

#[test]
fn with_a_kill_switch_both_connections_go_through_the_upstream() {
    let server = require!(FtpServer::start(&[]));
    for scheme in ["socks5", "http"] {
        let upstream = Privet::start("");
        let privet = Privet::start(&format!(
            "mode = \"strict\"\n[[upstream]]\nname = \"up\"\nurl = \"{scheme}://{}\"\n",
            upstream.proxy()
        ));
        // The name is resolved by the upstream.
        let url = server.url("a.txt").replace("127.0.0.1", "localhost");
        assert_eq!(fetch(&privet, &[&url]).good(), TEXT, "{scheme}");
        for gateway in [&privet, &upstream] {
            let route = if std::ptr::eq(gateway, &privet) {
                "up"
            } else {
                "direct"
            };
            let is = |row: &serde_json::Value| row["host"] == "localhost" && row["route"] == route;
            gateway.await_row("closed", |row| is(row) && row["port"] == server.port);
            gateway.await_row("closed", |row| is(row) && row["port"] != server.port);
        }
        let direct = privet.rows("closed");
        assert!(direct.iter().all(|row| row["route"] == "up"), "{direct:#?}");
    }
}

#[test]
fn what_cannot_be_fetched_is_a_page_with_the_reason() {
    let server = require!(FtpServer::start(&["closed"]));
    let privet = Privet::start("");
    let answer = |args: &[&str]| fetch(&privet, &[&["-i"], args].concat()).good();
    let missing = answer(&[&server.url_as(LOGIN, "none.txt")]);
    assert!(missing.starts_with("HTTP/1.1 404 "), "{missing}");
    assert!(
        missing.contains("Privet-Reason: not found by FTP: the server refused RETR: 550"),
        "{missing}"
    );
    let folder = answer(&[&server.url_as(LOGIN, "none/")]);
    assert!(folder.starts_with("HTTP/1.1 404 "), "{folder}");
    for url in [server.url("a.txt"), server.url_as("bob:wrong", "a.txt")] {
        let login = answer(&[&url]);
        assert!(login.starts_with("HTTP/1.1 401 "), "{login}");
        assert!(
            login.contains("WWW-Authenticate: Basic") && login.contains("530"),
            "{login}"
        );
    }
    // The login may come as a field.
    let as_field = fetch(
        &privet,
        &[
            "-H",
            "Authorization: Basic Ym9iOnAjYTpzIHc=",
            &server.url("a.txt"),
        ],
    );
    assert_eq!(as_field.good(), TEXT);
    let upload = answer(&["-X", "PUT", "-d", "x", &server.url_as(LOGIN, "a.txt")]);
    assert!(
        upload.starts_with("HTTP/1.1 405 ") && upload.contains("Allow: GET, HEAD"),
        "{upload}"
    );
    let injected = answer(&[&server.url_as(LOGIN, "a.txt%0d%0aDELE%20a.txt")]);
    assert!(injected.starts_with("HTTP/1.1 400 "), "{injected}");
    assert!(server.folder.path().join("a.txt").exists());
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let closed = format!("ftp://{}/", closed.expect("a free port"));
    assert!(answer(&[&closed]).starts_with("HTTP/1.1 502 "));
    let other = Origin::raw(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let other = answer(&[&format!("ftp://{}/", other.address)]);
    assert!(
        other.starts_with("HTTP/1.1 502 ") && other.contains("does not speak FTP"),
        "{other}"
    );
    privet.await_row("closed", |row| {
        let error = row["error"].as_str().unwrap_or_default();
        error.contains("does not speak FTP")
    });
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

/// A server that sends ten bytes of a file and then says that the transfer was aborted. `size`: the answer to SIZE.
fn aborting(size: &'static str) -> Origin {
    Origin::raw(move |stream| {
        let _ = abort_transfer(stream, size);
    })
}

fn abort_transfer(mut stream: TcpStream, size: &str) -> std::io::Result<()> {
    let data = TcpListener::bind("127.0.0.1:0")?;
    let port = data.local_addr()?.port();
    stream.write_all(b"220 hello\r\n")?;
    let reader = BufReader::new(stream.try_clone()?);
    for line in reader.lines() {
        let line = line?;
        let answer = match line.split(' ').next().unwrap_or_default() {
            "USER" => "230 in".to_owned(),
            "TYPE" => "200 ok".to_owned(),
            "SIZE" => size.to_owned(),
            "EPSV" => format!("229 ok (|||{port}|)"),
            "RETR" => {
                stream.write_all(b"150 here\r\n")?;
                let (mut to, _) = data.accept()?;
                to.write_all(b"0123456789")?;
                drop(to);
                "426 aborted".to_owned()
            }
            _ => "500 what".to_owned(),
        };
        stream.write_all(format!("{answer}\r\n").as_bytes())?;
    }
    Ok(())
}

#[test]
fn a_transfer_that_breaks_off_is_seen_by_the_client() {
    let privet = Privet::start("");
    for size in ["213 100", "500 what"] {
        let server = aborting(size);
        for version in ["-0", "--http1.1"] {
            let url = format!("ftp://{}/file", server.address);
            let answer = fetch(&privet, &[version, &url]);
            assert_ne!(answer.code, 0, "{size} {version}: {answer:?}");
        }
        privet.await_row("closed", |row| {
            row["port"] == server.port() && row["end"] == "broken"
        });
    }
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

/// A server that sends the first bytes of a file and then `next`, until that says that nothing follows. Its control and data
/// connections are kept open until the client's end closes.
fn serve_file(mut stream: TcpStream, next: impl Fn(&mut TcpStream)) -> std::io::Result<()> {
    let data = TcpListener::bind("127.0.0.1:0")?;
    let port = data.local_addr()?.port();
    stream.write_all(b"220 hello\r\n")?;
    let reader = BufReader::new(stream.try_clone()?);
    for line in reader.lines() {
        let line = line?;
        let answer = match line.split(' ').next().unwrap_or_default() {
            "USER" => "230 in".to_owned(),
            "TYPE" => "200 ok".to_owned(),
            "EPSV" => format!("229 ok (|||{port}|)"),
            "QUIT" => "221 bye".to_owned(),
            "RETR" => {
                stream.write_all(b"150 here\r\n")?;
                let (mut to, _) = data.accept()?;
                to.write_all(b"first")?;
                next(&mut to);
                drop(to);
                "226 done".to_owned()
            }
            _ => "500 what".to_owned(),
        };
        stream.write_all(format!("{answer}\r\n").as_bytes())?;
    }
    Ok(())
}

const SHORT_IDLE: &str =
    "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nidle_timeout = \"2s\"\n";

#[test]
fn a_transfer_that_stands_still_is_ended_and_both_connections_are_closed() {
    let (seen, ends) = std::sync::mpsc::channel();
    let server = Origin::raw(move |stream| {
        let seen = seen.clone();
        // Ends once Privet closes the data connection; then the control connection's lines end too.
        let _ = serve_file(stream, |data| {
            let _ = data.read(&mut [0; 1]);
        });
        let _ = seen.send(());
    });
    let privet = Privet::start(SHORT_IDLE);
    let answer = fetch(&privet, &[&format!("ftp://{}/file", server.address)]);
    assert_ne!(answer.code, 0, "{answer:?}");
    ends.recv_timeout(privet_tests::TIMEOUT)
        .expect("both connections are closed");
    let mine = |row: &serde_json::Value| row["host"] == "127.0.0.1" && row["end"] == "idle";
    privet.await_row("closed", mine);
    privet.await_api("status", |status| status["totals"]["active"] == 0);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "what is tested is a transfer that takes longer than the timeout"
)]
fn a_slow_transfer_takes_longer_than_the_idle_timeout() {
    let server = Origin::raw(move |stream| {
        let _ = serve_file(stream, |data| {
            for _ in 0..10 {
                std::thread::sleep(std::time::Duration::from_millis(500));
                let _ = data.write_all(b".");
            }
        });
    });
    let privet = Privet::start(SHORT_IDLE);
    let answer = fetch(&privet, &[&format!("ftp://{}/file", server.address)]);
    assert_eq!(answer.good(), "first..........");
}
