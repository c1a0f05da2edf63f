//! Runs real clients, and reads and writes SOCKS and HTTP byte by byte.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::origin::Origin;
use crate::skip::missing;
use crate::timeout::TIMEOUT;

/// The exit code and output of a program.
#[derive(Debug, Clone)]
pub struct CommandOutput {
    /// -1 where a signal ended it.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl CommandOutput {
    /// Runs a command to its end, without proxy variables in its environment.
    pub fn of(mut command: Command) -> Self {
        let names = ["http", "https", "ftp", "all", "no"].map(|name| format!("{name}_proxy"));
        for name in names {
            command.env_remove(name.to_uppercase()).env_remove(name);
        }
        let out = command
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
        Self {
            code: out.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&out.stdout).into_owned(),
            err: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    }

    /// The standard output.
    ///
    /// # Panics
    /// The exit code is not 0.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }
}

/// Runs curl without its configuration file, for at most 30 seconds.
#[track_caller]
pub fn curl(args: &[&str]) -> CommandOutput {
    let mut command = Command::new("curl");
    command.args(["-q", "-sS", "--max-time", "30"]).args(args);
    CommandOutput::of(command)
}

/// Runs a script in the Python that has the clients' packages; `None`, reported as skipped, where there is none.
pub fn python(script: &str, args: &[&str]) -> Option<CommandOutput> {
    python_within(60, script, args)
}

/// The Python that has the clients' packages; `None`, reported as skipped, where there is none.
pub fn python_program() -> Option<PathBuf> {
    let from_xtask = std::env::var_os("PRIVET_TEST_PYTHON").map(PathBuf::from);
    let beside = || {
        let here = std::env::current_exe().ok()?;
        here.ancestors()
            .map(|folder| folder.join("python/bin/python"))
            .find(|file| file.is_file())
    };
    let python = from_xtask.or_else(beside);
    if python.is_none() {
        missing("no Python with the clients' packages (cargo xtask test makes one)");
    }
    python
}

/// As [`python`], with a timeout in seconds.
pub fn python_within(seconds: u32, script: &str, args: &[&str]) -> Option<CommandOutput> {
    let python = python_program()?;
    let mut command = Command::new("timeout");
    command
        .arg(seconds.to_string())
        .arg(python)
        .arg("-c")
        .arg(script)
        .args(args);
    Some(CommandOutput::of(command))
}

/// Runs a program with these arguments.
pub fn run(program: &Path, args: &[&str]) -> CommandOutput {
    let mut command = Command::new(program);
    command.args(args);
    CommandOutput::of(command)
}

/// A TCP connection whose reads fail after [`TIMEOUT`].
pub fn connect(to: SocketAddr) -> TcpStream {
    let stream =
        TcpStream::connect_timeout(&to, TIMEOUT).unwrap_or_else(|error| panic!("{to}: {error}"));
    stream
        .set_read_timeout(Some(TIMEOUT))
        .expect("a socket takes a timeout");
    stream.set_nodelay(true).expect("a socket takes nodelay");
    stream
}

pub fn read_n(stream: &mut TcpStream, n: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; n];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Reads until the peer closes; a reset counts as a close.
pub fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_ne!(
            error.kind(),
            io::ErrorKind::WouldBlock,
            "the other side neither speaks nor ends"
        );
    }
    bytes
}

/// Fetches an answer without a body, over a connection to a proxy that is used again.
pub fn fetch_nothing(client: &mut TcpStream, origin: &Origin) {
    let get = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", origin.url("/none"));
    client.write_all(get.as_bytes()).expect("it is open");
    let head = read_head(client);
    assert!(head.starts_with("HTTP/1.1 204 "), "{head}");
}

/// Reads an HTTP head, up to the empty line.
pub fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            Ok(_) => break,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&head)),
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// The destination of a SOCKS5 request (RFC 1928 section 5): address type, address, port.
pub fn socks5_target(host: &str, port: u16) -> Vec<u8> {
    let mut bytes = match host.parse() {
        Ok(std::net::IpAddr::V4(ip)) => [&[1], &ip.octets()[..]].concat(),
        Ok(std::net::IpAddr::V6(ip)) => [&[4], &ip.octets()[..]].concat(),
        Err(_) => [&[3, host.len() as u8], host.as_bytes()].concat(),
    };
    bytes.extend(port.to_be_bytes());
    bytes
}

/// A SOCKS5 CONNECT without a login: the stream, or the reply code of the refusal.
pub fn socks5(proxy: SocketAddr, host: &str, port: u16) -> Result<TcpStream, u8> {
    let (stream, reply) = socks5_command(proxy, 1, host, port);
    if reply[1] == 0 {
        Ok(stream)
    } else {
        Err(reply[1])
    }
}

/// Any SOCKS5 command without a login: the stream and the whole reply.
pub fn socks5_command(
    proxy: SocketAddr,
    command: u8,
    host: &str,
    port: u16,
) -> (TcpStream, Vec<u8>) {
    let mut stream = connect(proxy);
    stream
        .write_all(&[5, 1, 0])
        .expect("privet takes a greeting");
    assert_eq!(
        read_n(&mut stream, 2).expect("privet answers a greeting"),
        [5, 0]
    );
    stream
        .write_all(&[&[5, command, 0], &socks5_target(host, port)[..]].concat())
        .expect("privet takes a request");
    let reply = socks5_reply(&mut stream);
    (stream, reply)
}

/// Reads one reply of RFC 1928 section 6.
pub fn socks5_reply(stream: &mut TcpStream) -> Vec<u8> {
    let mut reply = read_n(stream, 4).expect("a reply");
    let rest = match reply[3] {
        1 => 6,
        4 => 18,
        3 => {
            let len = read_n(stream, 1).expect("a reply's name")[0];
            reply.push(len);
            usize::from(len) + 2
        }
        other => panic!("address type {other} in {reply:?}"),
    };
    reply.extend(read_n(stream, rest).expect("a whole reply"));
    reply
}

/// The IPv4 address in a SOCKS5 reply.
pub fn bound(reply: &[u8]) -> SocketAddr {
    assert_eq!(reply[3], 1, "an IPv4 reply: {reply:?}");
    SocketAddr::from((
        [reply[4], reply[5], reply[6], reply[7]],
        u16::from_be_bytes([reply[8], reply[9]]),
    ))
}
