//! Chromium and curl in front of a real nginx and a Node server: pages with images, reload, links, ranges, logins.

use std::fs;
use std::net::SocketAddr;

use privet_tests::chromium::browse;
use privet_tests::client::curl;
use privet_tests::peers::{open_folder, write};
use privet_tests::skip::missing;
use privet_tests::{Privet, reserve};
use tempfile::TempDir;

use crate::peers::{Child, nginx, node};
use crate::support::ON;

/// Logins by cookie; who is logged in is told to that user alone.
const LOGINS: &str = r"
    require('http').createServer((request, response) => {
        let body = '';
        request.on('data', data => { body += data; });
        request.on('end', () => {
            if (request.method === 'POST') {
                response.setHeader('Set-Cookie', 'user=' + body);
                return response.end('welcome');
            }
            response.setHeader('Cache-Control', 'private, max-age=600');
            response.end('hello ' + request.headers.cookie);
        });
    }).listen(0, '127.0.0.1', function () { console.log(this.address().port); });";

/// Does what a visitor does, and leaves what came of it as the page's text.
const PAGE: &str = r"<!doctype html><img src='/image.png'><script>
    const text = async (url, init) => (await fetch(url, init)).text();
    const loads = (frame, act) => new Promise(done => { frame.onload = done; act(frame.contentWindow); });
    onload = async () => {
        const who = new URLSearchParams(location.search).get('who');
        const seen = { image: document.images[0].naturalWidth };
        seen.text = (await text('/text.txt')).length;
        const part = await fetch('/video.bin', { headers: { Range: 'bytes=1000-1999' } });
        seen.part = part.status + ' ' + part.headers.get('content-range') + ' ' + (await part.text()).length;
        const frame = document.createElement('iframe');
        frame.src = '/inner.html?one';
        await new Promise(done => { frame.onload = done; document.body.append(frame); });
        await loads(frame, inner => inner.location.reload());
        await loads(frame, inner => { inner.location = '/inner.html?two'; });
        await loads(frame, inner => { inner.location = '/inner.html?one'; });
        seen.again = frame.contentWindow.location.search;
        seen.login = await text('/api/login', { method: 'POST', body: who });
        seen.me = await text('/api/me');
        document.body.textContent = 'SEEN ' + Object.values(seen).join(', ') + '.';
    };
</script>";

/// A PNG of one pixel.
const PNG: &[u8] = &[
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0,
    0, 0, 31, 21, 196, 137, 0, 0, 0, 11, 73, 68, 65, 84, 120, 156, 99, 248, 15, 4, 0, 9, 251, 3,
    253, 251, 94, 107, 43, 0, 0, 0, 0, 73, 69, 78, 68, 174, 66, 96, 130,
];

struct Servers {
    address: SocketAddr,
    folder: TempDir,
    _nginx: Child,
    _node: Child,
}

impl Servers {
    /// `None`: one of them is not installed.
    fn start() -> Option<Self> {
        let folder = open_folder("cache-browser");
        write(folder.path(), "page.html", PAGE);
        write(folder.path(), "inner.html", "<!doctype html>inner");
        write(
            folder.path(),
            "text.txt",
            &"all work and no play ".repeat(1000),
        );
        write(folder.path(), "video.bin", &"0123456789".repeat(1000));
        fs::write(folder.path().join("image.png"), PNG).expect("written");
        let (node, port) = node(LOGINS)?;
        let log = folder.path().join("access.log").display().to_string();
        let server = format!(
            "access_log {log} asked; gzip on; gzip_vary on; gzip_types text/plain; gzip_proxied any;\n\
             add_header Cache-Control max-age=600;\n\
             location /api/ {{ add_header X-Api yes; proxy_pass http://127.0.0.1:{port}; }}"
        );
        let address = reserve();
        let nginx = nginx(folder.path(), address, &server)?;
        Some(Self {
            address,
            folder,
            _nginx: nginx,
            _node: node,
        })
    }

    /// How often nginx was asked for what begins so, as method, URL and status.
    fn asked(&self, request: &str) -> usize {
        let log = self.log();
        log.lines().filter(|line| line.starts_with(request)).count()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("access.log")).expect("a log")
    }
}

/// What a new browser of a visitor sees. `None`: Chromium is not installed.
fn visit(origin: &str, who: &str, args: &[&str]) -> Option<String> {
    let home = open_folder("cache-visitor");
    let page = browse(home.path(), args, &format!("{origin}/page.html?who={who}"))?;
    let (_, seen) = page
        .split_once("SEEN ")
        .unwrap_or_else(|| panic!("no end: {page}"));
    Some(seen.split_once('.').expect("an end").0.to_owned())
}

fn expected(who: &str) -> String {
    format!("1, 21000, 206 bytes 1000-1999/10000 1000, ?one, welcome, hello user={who}")
}

/// Both codings of a text, from the store in the end.
fn ask_in_both_codings(url: &str, args: &[&str]) {
    for _ in 0..2 {
        for coding in ["identity", "gzip"] {
            let field = format!("Accept-Encoding: {coding}");
            let words = ["-s", "-D", "-", "-o", "/dev/null", "-H", &field, url];
            let head = curl(&[args, &words].concat()).good().to_lowercase();
            let is_coded = head.contains("content-encoding: gzip");
            assert_eq!(is_coded, coding == "gzip", "{head}");
        }
    }
}

#[test]
fn two_browsers_share_files_through_the_proxy_and_no_login() {
    let Some(servers) = Servers::start() else {
        return missing("nginx or node is not installed");
    };
    let privet = Privet::start(ON);
    let proxy = format!("--proxy-server=http://{}", privet.proxy());
    let args = [proxy.as_str(), "--proxy-bypass-list=<-loopback>"];
    let origin = format!("http://{}", servers.address);
    for who in ["anna", "bert"] {
        let Some(seen) = visit(&origin, who, &args) else {
            return missing("chromium is not installed");
        };
        assert_eq!(seen, expected(who));
    }
    for file in ["/image.png", "/text.txt", "/video.bin"] {
        let asked = servers.asked(&format!("GET {file} "));
        assert_eq!(asked, 1, "{file}: {}", servers.log());
    }
    // Each reload was confirmed by nginx, each login answered by Node.
    assert_eq!(servers.asked("GET /inner.html?one 200"), 1);
    assert!(
        servers.asked("GET /inner.html?one 304") >= 2,
        "{}",
        servers.log()
    );
    assert_eq!(servers.asked("POST /api/login"), 2);
    assert_eq!(servers.asked("GET /api/me"), 2);
    let proxy = format!("http://{}", privet.proxy());
    ask_in_both_codings(&format!("{origin}/text.txt"), &["-x", &proxy]);
}

#[test]
fn two_browsers_share_files_of_a_site_and_no_login() {
    let Some(servers) = Servers::start() else {
        return missing("nginx or node is not installed");
    };
    let listen = reserve();
    let _privet = Privet::start(&format!(
        "[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"127.0.0.1\"]\ncache = true\n\
         [[site.backend]]\nurl = \"http://{}\"\n",
        servers.address
    ));
    let origin = format!("http://{listen}");
    for who in ["anna", "bert"] {
        let Some(seen) = visit(&origin, who, &[]) else {
            return missing("chromium is not installed");
        };
        assert_eq!(seen, expected(who));
    }
    for file in ["/image.png", "/text.txt", "/video.bin"] {
        let asked = servers.asked(&format!("GET {file} "));
        assert_eq!(asked, 1, "{file}: {}", servers.log());
    }
    assert_eq!(servers.asked("GET /inner.html?one 200"), 1);
    assert_eq!(servers.asked("GET /api/me"), 2);
    ask_in_both_codings(&format!("{origin}/text.txt"), &[]);
}
