//! A real nginx and a Node server behind the cache.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use privet_tests::client::curl;
use privet_tests::peers::{open_folder, write};
use privet_tests::skip::missing;
use privet_tests::wait::until;
use privet_tests::{Privet, reserve};

use crate::support::*;

/// A program of the system.
fn find(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/bin", "/usr/sbin", "/usr/local/bin"];
    let mut files = folders.iter().map(|folder| Path::new(folder).join(name));
    files.find(|file| file.is_file())
}

/// Ends a program when it is dropped.
pub struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An nginx that serves the files of a folder. `server`: more lines of its server. `None`: it is not installed.
pub fn nginx(folder: &Path, listen: SocketAddr, server: &str) -> Option<Child> {
    let nginx = find("nginx")?;
    let root = folder.display();
    let config = write(
        folder,
        "nginx.conf",
        &format!(
            "daemon off; pid {root}/pid; error_log stderr;\nevents {{}}\nhttp {{ access_log off;\n\
             log_format asked '$request_method $request_uri $status';\n\
             client_body_temp_path {root}/b; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f;\n\
             uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;\n\
             types {{ text/html html; image/png png; text/plain txt; }}\n\
             server {{ listen {listen}; root {root}; {server} }} }}\n"
        ),
    );
    let child = Command::new(nginx)
        .arg("-c")
        .arg(&config)
        .stderr(Stdio::null())
        .spawn();
    let child = Child(child.expect("nginx starts"));
    until("nginx listens", || TcpStream::connect(listen).is_ok());
    Some(child)
}

/// A Node server whose script prints its port. `None`: Node is not installed.
pub fn node(script: &str) -> Option<(Child, u16)> {
    let child = Command::new(find("node")?)
        .args(["-e", script])
        .stdout(Stdio::piped())
        .spawn();
    let mut node = Child(child.expect("node starts"));
    let mut line = String::new();
    let out = node.0.stdout.take().expect("a pipe");
    BufReader::new(out).read_line(&mut line).expect("its port");
    Some((node, line.trim().parse().expect("a port")))
}

#[test]
fn files_of_nginx_are_validated_and_cut_into_ranges() {
    let folder = open_folder("cache-nginx");
    let listen = reserve();
    write(folder.path(), "file.txt", &"0123456789".repeat(10_000));
    let server = "add_header Cache-Control max-age=0;";
    let Some(_nginx) = nginx(folder.path(), listen, server) else {
        return missing("nginx is not installed");
    };
    let privet = Privet::start(ON);
    let url = format!("http://{listen}/file.txt");
    let mut client = client(&privet);
    assert_eq!(client.get(&url).body.len(), 100_000);
    // nginx has confirmed it by its own tag.
    let again = client.get(&url);
    assert_eq!((again.status, again.body.len()), (200, 100_000));
    assert!(
        used(&again).starts_with("fwd=stale; fwd-status=304"),
        "{}",
        again.head
    );
    let range = client.with("GET", &url, "Range: bytes=5-9\r\n");
    assert_eq!((range.status, range.body.as_str()), (206, "56789"));
    write(folder.path(), "file.txt", "changed");
    assert_eq!(client.get(&url).body, "changed");
}

#[test]
fn a_node_server_is_asked_once() {
    let script = "let n = 0; const s = require('http').createServer((q, r) => { \
        r.setHeader('Cache-Control', 'max-age=60'); r.setHeader('Vary', 'Accept-Language'); \
        r.write('part '); setImmediate(() => r.end(String(n++))); }); \
        s.listen(0, '127.0.0.1', () => console.log(s.address().port));";
    let Some((_node, port)) = node(script) else {
        return missing("node is not installed");
    };
    let url = format!("http://127.0.0.1:{port}/");
    let privet = Privet::start(ON);
    let proxy = format!("http://{}", privet.proxy());
    let ask = |language: &str| {
        let field = format!("Accept-Language: {language}");
        curl(&["-s", "-x", &proxy, "-H", &field, &url]).good()
    };
    assert_eq!(ask("de"), "part 0");
    assert_eq!(ask("fr"), "part 1");
    assert_eq!(ask("de"), "part 0");
    assert_eq!(ask("fr"), "part 1");
}
