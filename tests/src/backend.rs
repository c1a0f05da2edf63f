//! A backend of a site, in this process: an HTTP/1.1 server with keep-alive whose health, delay and answers a test sets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Answers a request, given its head and body.
pub type Answer = dyn Fn(&mut TcpStream, &str, &[u8]) -> std::io::Result<()> + Send + Sync;

pub struct Backend {
    pub address: SocketAddr,
    state: Arc<State>,
}

/// Who reads the body of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BodyReading {
    Whole,
    ByAnswer,
}

struct State {
    name: String,
    answer: Option<Box<Answer>>,
    body: BodyReading,
    requests: AtomicUsize,
    checks: AtomicUsize,
    connections: AtomicUsize,
    healthy: AtomicBool,
    delay_ms: AtomicU64,
    heads: Mutex<Vec<String>>,
}

impl Backend {
    /// Answers "NAME METHOD TARGET" to everything, and 200 or 503 to `/healthz`.
    pub fn named(name: &str) -> Self {
        Self::start(name, None)
    }

    /// Answers by `answer`.
    pub fn answering(
        answer: impl Fn(&mut TcpStream, &str, &[u8]) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::start("own", Some(Box::new(answer)))
    }

    /// Leaves the body of a request to `answer`, which is given its head; for bodies too large to keep.
    pub fn streaming(
        answer: impl Fn(&mut TcpStream, &str) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let answer = move |stream: &mut TcpStream, head: &str, _: &[u8]| answer(stream, head);
        Self::start_with("own", Some(Box::new(answer)), BodyReading::ByAnswer)
    }

    fn start(name: &str, answer: Option<Box<Answer>>) -> Self {
        Self::start_with(name, answer, BodyReading::Whole)
    }

    fn start_with(name: &str, answer: Option<Box<Answer>>, body: BodyReading) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let state = Arc::new(State {
            name: name.to_owned(),
            answer,
            body,
            requests: AtomicUsize::new(0),
            checks: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            healthy: AtomicBool::new(true),
            delay_ms: AtomicU64::new(0),
            heads: Mutex::default(),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let state = shared.clone();
                std::thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    state.serve(stream)
                });
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests so far, without health checks.
    pub fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// Health checks so far.
    pub fn checks(&self) -> usize {
        self.state.checks.load(Ordering::SeqCst)
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    pub fn set_healthy(&self, healthy: bool) {
        self.state.healthy.store(healthy, Ordering::SeqCst);
    }

    /// How long it waits before it answers.
    pub fn set_delay(&self, delay: Duration) {
        let delay = delay.as_millis() as u64;
        self.state.delay_ms.store(delay, Ordering::SeqCst);
    }

    /// The heads of the first requests, at most 1,000, without health checks.
    pub fn heads(&self) -> Vec<String> {
        self.state.heads.lock().expect("no handler panics").clone()
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        let read = match self.body {
            BodyReading::Whole => read_message,
            BodyReading::ByAnswer => read_head,
        };
        while let Some((head, body)) = read(&mut stream, &mut buffer) {
            if self.respond(&mut stream, &head, &body).is_err()
                || head.to_ascii_lowercase().contains("\r\nconnection: close")
            {
                return;
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a slow server is what is tested")]
    fn respond(&self, stream: &mut TcpStream, head: &str, body: &[u8]) -> std::io::Result<()> {
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        if target == "/healthz" {
            self.checks.fetch_add(1, Ordering::SeqCst);
            let healthy = self.healthy.load(Ordering::SeqCst);
            let status = if healthy {
                "200 OK"
            } else {
                "503 Service Unavailable"
            };
            return reply(stream, status, "", b"");
        }
        self.requests.fetch_add(1, Ordering::SeqCst);
        let mut heads = self.heads.lock().expect("no handler panics");
        if heads.len() < 1000 {
            heads.push(head.to_owned());
        }
        drop(heads);
        std::thread::sleep(Duration::from_millis(self.delay_ms.load(Ordering::SeqCst)));
        match &self.answer {
            Some(answer) => answer(stream, head, body),
            None => {
                let text = format!("{} {method} {target}", self.name);
                reply(stream, "200 OK", "", text.as_bytes())
            }
        }
    }
}

/// Sends a response. `fields`: further lines, each with its CRLF.
pub fn reply(
    stream: &mut TcpStream,
    status: &str,
    fields: &str,
    body: &[u8],
) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{fields}\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat())
}

/// Reads a head byte by byte, so that nothing behind it is taken. `None`: the stream ended.
fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    while !buffer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        buffer.extend(byte);
    }
    let head = String::from_utf8_lossy(&std::mem::take(buffer)).into_owned();
    Some((head, Vec::new()))
}

/// Reads a message with a length, or with chunks, whose framing stays in the body. `None`: the stream ended.
pub fn read_message(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        read_more(stream, buffer)?;
    };
    let head = String::from_utf8_lossy(buffer.get(..head_end)?).into_owned();
    buffer.drain(..head_end);
    let lower = head.to_ascii_lowercase();
    let value = |name: &str| {
        let rest = &lower[lower.find(&format!("\r\n{name}:"))? + name.len() + 3..];
        rest.lines().next().map(|value| value.trim().to_owned())
    };
    let end = if value("transfer-encoding").is_some() {
        loop {
            if let Some(end) = end_of_chunks(buffer) {
                break end;
            }
            read_more(stream, buffer)?;
        }
    } else {
        let length = value("content-length").and_then(|text| text.parse().ok());
        length.unwrap_or(0)
    };
    while buffer.len() < end {
        read_more(stream, buffer)?;
    }
    Some((head, buffer.drain(..end).collect()))
}

/// Where a body in chunks ends, its trailers included. `None`: it is not all there.
fn end_of_chunks(buffer: &[u8]) -> Option<usize> {
    let line_end = |from: usize| {
        let rest = buffer.get(from..)?;
        Some(from + rest.windows(2).position(|pair| pair == b"\r\n")? + 2)
    };
    let mut at = 0;
    loop {
        let end = line_end(at)?;
        let digits = buffer
            .get(at..end - 2)?
            .split(|byte| *byte == b';')
            .next()?;
        let size = usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        at = end;
        if size == 0 {
            break;
        }
        at += size + 2;
    }
    loop {
        let end = line_end(at)?;
        if end == at + 2 {
            return Some(end);
        }
        at = end;
    }
}

/// A body that was sent in chunks, and its trailer lines.
///
/// # Panics
/// The framing is malformed.
pub fn dechunk(mut framed: &[u8]) -> (Vec<u8>, String) {
    let mut body = Vec::new();
    loop {
        let end = framed
            .windows(2)
            .position(|pair| pair == b"\r\n")
            .expect("a chunk's size");
        let size = std::str::from_utf8(&framed[..end]).expect("hexadecimal digits");
        let size = usize::from_str_radix(size, 16).expect("hexadecimal digits");
        framed = &framed[end + 2..];
        if size == 0 {
            return (body, String::from_utf8_lossy(framed).into_owned());
        }
        body.extend_from_slice(&framed[..size]);
        framed = framed[size..]
            .strip_prefix(b"\r\n")
            .expect("the chunk's end");
    }
}

fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut piece = [0; 16 * 1024];
    let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
    buffer.extend_from_slice(piece.get(..read)?);
    Some(())
}

/// A client of a site, with keep-alive.
pub struct SiteClient {
    stream: TcpStream,
    buffer: Vec<u8>,
    pub host: String,
}

/// What a site answered.
#[derive(Debug)]
pub struct SiteAnswer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl SiteAnswer {
    /// A field's value.
    pub fn field(&self, name: &str) -> Option<&str> {
        crate::origin::field(&self.head, name)
    }
}

impl SiteClient {
    pub fn connect(site: SocketAddr, host: &str) -> Self {
        Self {
            stream: crate::client::connect(site),
            buffer: Vec::new(),
            host: host.to_owned(),
        }
    }

    pub fn get(&mut self, path: &str) -> SiteAnswer {
        self.request(&format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n",
            self.host
        ))
    }

    /// Sends these bytes and reads the answer.
    #[track_caller]
    pub fn request(&mut self, bytes: &str) -> SiteAnswer {
        self.try_request(bytes).expect("the site answers")
    }

    /// `None`: the connection ended without a whole answer.
    pub fn try_request(&mut self, bytes: &str) -> Option<SiteAnswer> {
        self.stream.write_all(bytes.as_bytes()).ok()?;
        let (head, body) = read_message(&mut self.stream, &mut self.buffer)?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(SiteAnswer {
            status,
            head,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}
