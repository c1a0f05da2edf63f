//! Destination servers: an HTTP origin that records its requests, raw TCP, and a UDP echo.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A TCP server in this process; every connection has a thread.
pub struct Origin {
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    heads: Mutex<Vec<String>>,
    accepted: AtomicUsize,
}

/// A received request.
pub struct RecordedRequest {
    pub method: String,
    pub target: String,
    pub head: String,
    pub body: Vec<u8>,
}

impl RecordedRequest {
    /// Whether the client wants the connection closed after it.
    fn is_last(&self) -> bool {
        let value = field(&self.head, "connection").unwrap_or("").to_lowercase();
        value.contains("close")
            || (self.head.contains(" HTTP/1.0\r\n") && !value.contains("keep-alive"))
    }
}

impl Origin {
    /// An HTTP/1.1 origin with keep-alive. `/bytes/N` sends N bytes; `/echo` sends back head and body; `/chunked` a chunked body with a
    /// trailer; `/page` a page with sub-resources; everything else "hello from the origin".
    pub fn http() -> Self {
        Self::serve(|stream, state| {
            while let Some(request) = read_request(stream, state) {
                if answer(stream, &request).is_err() || request.is_last() {
                    break;
                }
            }
        })
    }

    /// An HTTP origin that serves the files of a folder.
    pub fn folder(folder: PathBuf) -> Self {
        Self::serve(move |stream, state| {
            while let Some(request) = read_request(stream, state) {
                let path = request
                    .target
                    .trim_start_matches('/')
                    .split('?')
                    .next()
                    .unwrap_or("");
                let done = match fs::read(folder.join(path)) {
                    Ok(body) => reply(stream, &request, "200 OK", &body),
                    Err(_) => reply(stream, &request, "404 Not Found", b""),
                };
                if done.is_err() || request.is_last() {
                    break;
                }
            }
        })
    }

    /// A server that echoes until the client closes.
    pub fn echo() -> Self {
        Self::raw(|mut stream| {
            let mut buffer = [0; 16 * 1024];
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                if stream.write_all(&buffer[..n]).is_err() {
                    break;
                }
            }
        })
    }

    /// A server that calls `with` for each connection.
    pub fn raw(with: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::serve(move |stream, _| {
            if let Ok(stream) = stream.try_clone() {
                with(stream);
            }
        })
    }

    fn serve(with: impl Fn(&mut TcpStream, &State) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let state = Arc::new(State::default());
        let (with, shared) = (Arc::new(with), state.clone());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                let (with, state) = (with.clone(), shared.clone());
                std::thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    with(&mut stream, &state);
                });
            }
        });
        Self { address, state }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// A SOCKS5 upstream that accepts only username authentication, records the username and closes.
    pub fn recording_logins() -> (Self, Arc<Mutex<Vec<String>>>) {
        let names = Arc::new(Mutex::new(Vec::new()));
        let recorded = names.clone();
        let upstream = Self::raw(move |mut stream| {
            let mut greeting = [0; 2];
            let _ = stream.read_exact(&mut greeting);
            let mut methods = vec![0; usize::from(greeting[1])];
            let _ = stream.read_exact(&mut methods);
            assert!(
                methods.contains(&2) && !methods.contains(&0),
                "isolation must log in: {methods:?}"
            );
            let _ = stream.write_all(&[5, 2]);
            let mut head = [0; 2];
            let _ = stream.read_exact(&mut head);
            let mut name = vec![0; usize::from(head[1])];
            let _ = stream.read_exact(&mut name);
            let name = String::from_utf8_lossy(&name).into_owned();
            recorded.lock().expect("no handler panics").push(name);
        });
        (upstream, names)
    }

    /// `http://127.0.0.1:PORT/path`
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.state.heads.lock().expect("no handler panics").clone()
    }

    /// The number of accepted connections so far.
    pub fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }
}

fn read_request(stream: &mut TcpStream, state: &State) -> Option<RecordedRequest> {
    let mut reader = BufReader::with_capacity(1, stream.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let mut args = head.split(' ').map(str::to_owned);
    let (method, target) = (args.next()?, args.next()?);
    if field(&head, "expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let body = read_body(&head, &mut reader)?;
    state
        .heads
        .lock()
        .expect("no handler panics")
        .push(head.clone());
    Some(RecordedRequest {
        method,
        target,
        head,
        body,
    })
}

/// A header's value, by its lower-case name.
pub fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn read_body(head: &str, reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if field(head, "transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let size = u64::from_str_radix(line.trim().split(';').next()?, 16).ok()?;
            reader.take(size).read_to_end(&mut body).ok()?;
            // The end of the chunk, or the trailer.
            while reader.read_line(&mut line).ok()? > 2 && size == 0 {}
            if size == 0 {
                return Some(body);
            }
        }
    }
    let size = field(head, "content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    reader.take(size).read_to_end(&mut body).ok()?;
    Some(body)
}

fn answer(stream: &mut TcpStream, request: &RecordedRequest) -> std::io::Result<()> {
    let path = request.target.as_str();
    if let Some(size) = path
        .strip_prefix("/bytes/")
        .and_then(|size| size.parse().ok())
    {
        let body: Vec<u8> = (0..size).map(|at: usize| (at % 251) as u8).collect();
        return reply(stream, request, "200 OK", &body);
    }
    match path {
        "/echo" => reply(stream, request, "200 OK", &[request.head.as_bytes(), &request.body].concat()),
        "/chunked" => stream.write_all(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n",
        ),
        "/hint" => {
            stream.write_all(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")?;
            reply(stream, request, "200 OK", b"hinted")
        }
        "/none" => stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n"),
        "/page" => reply(stream, request, "200 OK", PAGE),
        _ => reply(stream, request, "200 OK", b"hello from the origin\n"),
    }
}

/// A page whose script writes the fetched resources into the title, so that a dump of the page shows that all arrived.
const PAGE: &[u8] = b"<!doctype html><title>waiting</title><body><script>
Promise.all([1,2,3,4,5,6,7,8].map(n => fetch('/bytes/' + n * 1000).then(r => r.arrayBuffer())))
  .then(all => { document.body.textContent = 'fetched ' + all.reduce((sum, one) => sum + one.byteLength, 0); });
</script></body>";

fn reply(
    stream: &mut TcpStream,
    request: &RecordedRequest,
    status: &str,
    body: &[u8],
) -> std::io::Result<()> {
    let kind = if request.target == "/page" {
        "text/html"
    } else {
        "application/octet-stream"
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    if request.method == "HEAD" {
        Ok(())
    } else {
        stream.write_all(body)
    }
}

/// Sends every datagram back to its sender.
pub struct UdpEcho {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<SocketAddr>>>,
}

impl UdpEcho {
    pub fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = socket.local_addr().expect("a socket has an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = seen.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok((n, from)) = socket.recv_from(&mut buffer) {
                shared.lock().expect("nobody panics here").push(from);
                let _ = socket.send_to(&buffer[..n], from);
            }
        });
        Self { address, seen }
    }

    /// The senders of the datagrams so far.
    pub fn senders(&self) -> Vec<SocketAddr> {
        self.seen.lock().expect("nobody panics here").clone()
    }
}
