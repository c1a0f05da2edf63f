//! The load: clients and origins as threads of this process, which do a fixed amount of work.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How a client asks a proxy for the origin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    Socks5,
    Connect,
    /// Not at all: the address is that of a TCP proxy without a handshake.
    None,
}

/// Body of a response, in bytes; with the head 1 KiB.
const REPLY_BODY: usize = 1024;
/// Read timeout of a client. A scanner that sends nothing before its verdict takes long with a large body on a busy machine.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes that are read at once.
const BLOCK: usize = 256 * 1024;

/// Starts an origin for the life of the process, with a thread for each connection.
pub fn origin(serve: impl Fn(TcpStream) -> io::Result<()> + Send + Copy + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a listener has an address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::Builder::new()
                .stack_size(64 * 1024)
                .spawn(move || serve(stream))
                .expect("the machine has room for a thread");
        }
    });
    address
}

/// Sends back what comes, in pieces of 64 bytes.
pub fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut bytes = [0; 64];
    loop {
        match stream.read(&mut bytes)? {
            0 => return Ok(()),
            n => stream.write_all(&bytes[..n])?,
        }
    }
}

/// Sends 64 bytes back and closes first, so that TIME_WAIT uses the ports of listeners and not the ephemeral ports of clients.
pub fn echo_once(mut stream: TcpStream) -> io::Result<()> {
    let mut bytes = [0; 64];
    stream.read_exact(&mut bytes)?;
    stream.write_all(&bytes)?;
    stream.shutdown(Shutdown::Write)?;
    stream.read(&mut bytes).map(drop)
}

/// Reads a count of eight bytes and sends that many bytes.
pub fn flood(mut stream: TcpStream) -> io::Result<()> {
    let mut count = [0; 8];
    stream.read_exact(&mut count)?;
    let mut left = u64::from_be_bytes(count);
    let block = vec![0x5a; 256 * 1024];
    while left > 0 {
        let n = left.min(block.len() as u64);
        stream.write_all(&block[..n as usize])?;
        left -= n;
    }
    // The client closes when it has received everything.
    stream.read(&mut count).map(drop)
}

/// Answers each head with [`REPLY_BODY`] bytes and keeps the connection.
pub fn http(stream: TcpStream) -> io::Result<()> {
    answer_each(stream, &reply("", REPLY_BODY), || ())
}

/// A response with a body of `size` bytes. `fields`: further field lines.
fn reply(fields: &str, size: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{fields}Content-Length: {size}\r\n\r\n"
    );
    let mut reply = head.into_bytes();
    reply.resize(reply.len() + size, b'x');
    reply
}

/// Answers each head with this response and keeps the connection. `asked` is called for each.
fn answer_each(mut stream: TcpStream, reply: &[u8], asked: impl Fn()) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::new();
    while read_head(&mut stream, &mut head)? {
        asked();
        stream.write_all(reply)?;
    }
    Ok(())
}

/// Starts an origin of bodies of `size` bytes, for the life of the process.
pub fn origin_of(size: usize) -> SocketAddr {
    let reply: &[u8] = reply("", size).leak();
    origin(move |stream| answer_each(stream, reply, || ()))
}

/// An origin whose responses may be stored for an hour.
pub struct CacheableOrigin {
    pub address: SocketAddr,
    requests: &'static AtomicUsize,
}

impl CacheableOrigin {
    /// The requests so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

/// Starts one with bodies of `size` bytes, for the life of the process.
pub fn cacheable_origin(size: usize) -> CacheableOrigin {
    let requests: &AtomicUsize = Box::leak(Box::default());
    let reply: &[u8] = reply("Cache-Control: public, max-age=3600\r\n", size).leak();
    let address = origin(move |stream| {
        answer_each(stream, reply, || {
            requests.fetch_add(1, Ordering::Relaxed);
        })
    });
    CacheableOrigin { address, requests }
}

/// Connects, sends 64 bytes, reads them back to the end of the stream: `times` in total, with `clients` threads.
pub fn connects(
    proxy: SocketAddr,
    handshake: Handshake,
    origin: SocketAddr,
    times: usize,
    clients: usize,
) -> io::Result<()> {
    share(times, clients, || {
        let mut stream = open(proxy, handshake, origin)?;
        stream.write_all(&[7; 64])?;
        let mut bytes = Vec::with_capacity(65);
        match stream.read_to_end(&mut bytes)? {
            64 => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    })
}

/// Receives `bytes` in total through `streams` parallel tunnels, in equal parts.
pub fn bulk(
    proxy: SocketAddr,
    handshake: Handshake,
    origin: SocketAddr,
    bytes: u64,
    streams: usize,
) -> io::Result<()> {
    let each = bytes / streams as u64;
    share(streams, streams, || {
        let mut stream = open(proxy, handshake, origin)?;
        stream.write_all(&each.to_be_bytes())?;
        let mut block = vec![0; 256 * 1024];
        let mut got = 0;
        while got < each {
            match stream.read(&mut block)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => got += n as u64,
            }
        }
        Ok(())
    })
}

/// Opens `count` tunnels, moves 64 bytes through each both ways, and leaves them open.
pub fn tunnels(
    proxy: SocketAddr,
    handshake: Handshake,
    origin: SocketAddr,
    count: usize,
) -> io::Result<Vec<TcpStream>> {
    (0..count)
        .map(|_| {
            let mut stream = open(proxy, handshake, origin)?;
            stream.write_all(&[7; 64])?;
            stream.read_exact(&mut [0; 64])?;
            Ok(stream)
        })
        .collect()
}

/// Sends this head over persistent connections: `times` in total, with `clients` threads.
pub fn requests(proxy: SocketAddr, head: &str, times: usize, clients: usize) -> io::Result<()> {
    different_requests(proxy, &|| Cow::Borrowed(head), times, clients)
}

/// As [`requests`], with a new head for each.
pub fn different_requests<'h>(
    proxy: SocketAddr,
    head: &(impl Fn() -> Cow<'h, str> + Sync),
    times: usize,
    clients: usize,
) -> io::Result<()> {
    let each = times / clients;
    share(clients, clients, || {
        let mut stream = connect(proxy)?;
        let (mut reply, mut block) = (Vec::new(), Vec::new());
        for _ in 0..each {
            stream.write_all(head().as_bytes())?;
            read_reply(&mut stream, &mut reply, &mut block)?;
        }
        Ok(())
    })
}

/// How long the first byte of a response's body takes. The rest is received too, so that nothing of it is left to be done when
/// the next one is measured.
pub fn first_byte(proxy: SocketAddr, head: &str) -> io::Result<Duration> {
    let mut stream = connect(proxy)?;
    let start = Instant::now();
    stream.write_all(head.as_bytes())?;
    let (mut reply, mut block) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut block)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => reply.extend_from_slice(&block[..n]),
        }
        let end = reply.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end.map(|end| end + 4).filter(|end| *end < reply.len()) {
            let took = start.elapsed();
            if reply.get(9..12) != Some(b"200") {
                let text = String::from_utf8_lossy(&reply).into_owned();
                return Err(io::Error::other(text));
            }
            return read_body(&mut stream, &mut reply, end, &mut vec![0; BLOCK]).map(|()| took);
        }
    }
}

/// Opens `count` connections, sends this head on each, reads the reply, and leaves them open.
pub fn kept_clients(proxy: SocketAddr, head: &str, count: usize) -> io::Result<Vec<TcpStream>> {
    let (mut reply, mut block) = (Vec::new(), Vec::new());
    (0..count)
        .map(|_| {
            let mut stream = connect(proxy)?;
            stream.write_all(head.as_bytes())?;
            read_reply(&mut stream, &mut reply, &mut block)?;
            Ok(stream)
        })
        .collect()
}

/// Runs `work` `times` times on `threads` threads.
fn share(times: usize, threads: usize, work: impl Fn() -> io::Result<()> + Sync) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let one = || -> io::Result<()> {
            while next.fetch_add(1, Ordering::Relaxed) < times {
                work()?;
            }
            Ok(())
        };
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        all.into_iter()
            .try_for_each(|thread| thread.join().expect("a load thread does not panic"))
    })
}

fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    Ok(stream)
}

fn open(proxy: SocketAddr, handshake: Handshake, origin: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = connect(proxy)?;
    match handshake {
        Handshake::None => {}
        Handshake::Socks5 => socks5(&mut stream, origin)?,
        Handshake::Connect => {
            // In one write: the socket has no Nagle delay, and `write!` would send each fragment in a packet of its own.
            let head = format!("CONNECT {origin} HTTP/1.1\r\nHost: {origin}\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            let mut head = Vec::new();
            read_head(&mut stream, &mut head)?;
            if head.get(9..12) != Some(b"200") {
                return Err(io::Error::other(
                    String::from_utf8_lossy(&head).into_owned(),
                ));
            }
        }
    }
    Ok(stream)
}

fn socks5(stream: &mut TcpStream, origin: SocketAddr) -> io::Result<()> {
    let SocketAddr::V4(origin) = origin else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    stream.write_all(&[5, 1, 0])?;
    stream.read_exact(&mut [0; 2])?;
    stream.write_all(
        &[
            &[5, 1, 0, 1],
            &origin.ip().octets()[..],
            &origin.port().to_be_bytes()[..],
        ]
        .concat(),
    )?;
    let mut reply = [0; 10];
    stream.read_exact(&mut reply)?;
    if reply[1] == 0 {
        Ok(())
    } else {
        Err(io::Error::other(format!("SOCKS reply {}", reply[1])))
    }
}

/// Reads to an empty line; `false` at the end of the stream. The peer sends nothing after it without a request.
fn read_head(stream: &mut TcpStream, head: &mut Vec<u8>) -> io::Result<bool> {
    head.clear();
    let mut block = [0; 4096];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut block)? {
            0 if head.is_empty() => return Ok(false),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => head.extend_from_slice(&block[..n]),
        }
    }
    Ok(true)
}

/// Reads a whole reply: by its length, or to the last chunk.
fn read_reply(stream: &mut TcpStream, reply: &mut Vec<u8>, block: &mut Vec<u8>) -> io::Result<()> {
    reply.clear();
    block.resize(BLOCK, 0);
    let end = loop {
        match stream.read(block)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => reply.extend_from_slice(&block[..n]),
        }
        if let Some(end) = reply.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    if reply.get(9..12) != Some(b"200") {
        let head = String::from_utf8_lossy(&reply[..end]).into_owned();
        return Err(io::Error::other(head));
    }
    read_body(stream, reply, end, block)
}

/// Reads the rest of a reply whose head ends at `end`.
fn read_body(
    stream: &mut TcpStream,
    reply: &mut Vec<u8>,
    end: usize,
    block: &mut [u8],
) -> io::Result<()> {
    let head = String::from_utf8_lossy(&reply[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut left = length.map(|length: usize| length.saturating_sub(reply.len() - end));
    while match left {
        Some(left) => left > 0,
        None => !reply.ends_with(b"\r\n0\r\n\r\n"),
    } {
        let n = stream.read(block)?;
        match &mut left {
            _ if n == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(left) => *left = left.saturating_sub(n),
            None => reply.extend_from_slice(&block[..n]),
        }
    }
    Ok(())
}
