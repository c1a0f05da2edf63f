//! An HTTP server that publishes filter lists with ETag and Last-Modified, and a SOCKS5 upstream that connects every
//! destination to it.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use crate::Origin;
use crate::client::{read_head, read_n};

/// The response for one path.
#[derive(Clone, Default)]
struct Text {
    body: Vec<u8>,
    status: u16,
    version: u32,
    /// Further header lines.
    more: String,
}

#[derive(Default)]
struct State {
    texts: BTreeMap<String, Text>,
    /// Request heads, in order.
    heads: Vec<String>,
}

/// Serves published texts by path; "hello" for every other path.
pub struct ListServer {
    origin: Origin,
    state: Arc<Mutex<State>>,
}

impl Default for ListServer {
    fn default() -> Self {
        Self::start()
    }
}

impl ListServer {
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let origin = Origin::raw(move |mut stream| {
            let head = read_head(&mut stream);
            if !head.is_empty() {
                let answer = answer(&shared, &head);
                let _ = stream.write_all(&answer);
            }
        });
        Self { origin, state }
    }

    pub fn address(&self) -> SocketAddr {
        self.origin.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.origin.address)
    }

    /// Publishes a text at `path` with a new ETag and date.
    pub fn publish(&self, path: &str, text: &str) {
        self.put(path, 200, text.as_bytes(), "");
    }

    /// Sets the status, body and header lines of the response at `path`.
    pub fn put(&self, path: &str, status: u16, body: &[u8], more: &str) {
        let mut state = self.state.lock().expect("nobody panics here");
        let version = state.texts.get(path).map_or(1, |text| text.version + 1);
        let text = Text {
            body: body.to_vec(),
            status,
            version,
            more: more.to_owned(),
        };
        state.texts.insert(path.to_owned(), text);
    }

    /// The heads of the requests for `path` so far.
    pub fn requests(&self, path: &str) -> Vec<String> {
        let state = self.state.lock().expect("nobody panics here");
        let heads = state.heads.iter();
        heads
            .filter(|head| path_of(head) == path)
            .cloned()
            .collect()
    }
}

fn path_of(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

fn answer(state: &Mutex<State>, head: &str) -> Vec<u8> {
    let mut state = state.lock().expect("nobody panics here");
    state.heads.push(head.to_owned());
    let Some(text) = state.texts.get(path_of(head)).cloned() else {
        return b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello".to_vec();
    };
    let etag = format!("\"v{}\"", text.version);
    let known = head.lines().any(|line| {
        line.to_lowercase()
            .strip_prefix("if-none-match:")
            .map(str::trim)
            == Some(&etag)
    });
    let (status, body) = match known && text.status == 200 {
        true => (304, Vec::new()),
        false => (text.status, text.body),
    };
    let date = format!("Tue, 24 Nov 2026 10:00:{:02} GMT", text.version % 60);
    let mut all = format!(
        "HTTP/1.1 {status} X\r\nETag: {etag}\r\nLast-Modified: {date}\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n",
        text.more,
        body.len()
    )
    .into_bytes();
    all.extend(body);
    all
}

/// A SOCKS5 upstream that connects every destination to one address, and records the requested ones.
pub struct CatchAllUpstream {
    origin: Origin,
    targets: Arc<Mutex<Vec<String>>>,
}

impl CatchAllUpstream {
    pub fn leading_to(target: SocketAddr) -> Self {
        let targets = Arc::new(Mutex::new(Vec::new()));
        let shared = targets.clone();
        let origin = Origin::raw(move |client| {
            let _ = serve(client, target, &shared);
        });
        Self { origin, targets }
    }

    pub fn address(&self) -> SocketAddr {
        self.origin.address
    }

    /// `host:port` of each request, in order.
    pub fn targets(&self) -> Vec<String> {
        self.targets.lock().expect("nobody panics here").clone()
    }
}

/// RFC 1928, as much of it as Privet speaks to an upstream without a login.
fn serve(
    mut client: TcpStream,
    target: SocketAddr,
    targets: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let methods = read_n(&mut client, 2)?;
    read_n(&mut client, usize::from(methods[1]))?;
    client.write_all(&[5, 0])?;
    let request = read_n(&mut client, 4)?;
    let host = match request[3] {
        1 => {
            let ip = read_n(&mut client, 4)?;
            std::net::Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3]).to_string()
        }
        _ => {
            let len = read_n(&mut client, 1)?[0];
            String::from_utf8_lossy(&read_n(&mut client, usize::from(len))?).into_owned()
        }
    };
    let port = read_n(&mut client, 2)?;
    let port = u16::from_be_bytes([port[0], port[1]]);
    targets
        .lock()
        .expect("nobody panics here")
        .push(format!("{host}:{port}"));
    let mut server = TcpStream::connect(target)?;
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 1])?;
    let (mut up, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let upward = std::thread::spawn(move || {
        let _ = std::io::copy(&mut up, &mut to_server);
        let _ = to_server.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = upward.join();
    Ok(())
}
