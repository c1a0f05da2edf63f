//! A forwarder to one fixed target on the relay alone, and a load for it: measures the cost of bytes and idle
//! tunnels.
//!
//!     cargo run --release -p privet-net --example tunnel -- measure [GB] [STREAMS] [IDLE]
//!     cargo run --release -p privet-net --example tunnel -- forward LISTEN TARGET

#![allow(clippy::print_stdout, reason = "it is its purpose")]
#![allow(
    clippy::disallowed_methods,
    reason = "the load is plain threads that sleep and block"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use privet_net::{Meter, Preread, relay};

struct Uncounted;

impl Meter for Uncounted {
    fn up(&self, _: u64) {}
    fn down(&self, _: u64) {}
    fn poll_cancelled(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |at: usize, or: usize| arguments.get(at).and_then(|n| n.parse().ok()).unwrap_or(or);
    match arguments.first().map(String::as_str) {
        Some("forward") => forward(arguments[1].parse()?, arguments[2].parse()?),
        Some("measure") => measure(number(1, 8), number(2, 16), number(3, 4000)),
        _ => Err("measure [GB] [STREAMS] [IDLE] | forward LISTEN TARGET".into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn forward(listen: SocketAddr, target: SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind(listen).await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (client, _) = listener.accept().await?;
        tokio::spawn(async move {
            if let Ok(destination) = tokio::net::TcpStream::connect(target).await {
                tokio::spawn(relay(client, destination, Preread::default(), &Uncounted));
            }
        });
    }
}

/// Sends endlessly to every client, on a thread each; connections whose first byte is 'i' are kept open and idle.
fn origin() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut kind = [0];
            if stream.read_exact(&mut kind).is_err() {
                continue;
            }
            if kind == *b"i" {
                kept.push(stream);
                continue;
            }
            std::thread::spawn(move || {
                let data = vec![7; 256 * 1024];
                while stream.write_all(&data).is_ok() {}
            });
        }
    });
    Ok(address)
}

struct Forwarder(Child, SocketAddr);

impl Drop for Forwarder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(target: SocketAddr) -> Result<Forwarder, Box<dyn std::error::Error>> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["forward", "127.0.0.1:0", &target.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let out = child.stdout.take().ok_or("no output")?;
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line)?;
    Ok(Forwarder(child, line.trim().parse()?))
}

fn cpu_seconds(pid: u32) -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(ticks as f64 / 100.0)
}

fn resident_kib(pid: u32) -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}

fn measure(
    gigabytes: usize,
    streams: usize,
    idle: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let target = origin()?;
    let forwarder = start(target)?;
    let pid = forwarder.0.id();
    let (started, before) = (Instant::now(), cpu_seconds(pid)?);
    let share = gigabytes * 1_000_000_000 / streams;
    let readers: Vec<_> = (0..streams)
        .map(|_| {
            let address = forwarder.1;
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut stream = TcpStream::connect(address)?;
                stream.write_all(b"b")?;
                let (mut buffer, mut got) = (vec![0; 256 * 1024], 0);
                while got < share {
                    got += stream.read(&mut buffer)?;
                }
                Ok(())
            })
        })
        .collect();
    for reader in readers {
        reader.join().map_err(|_| "a reader failed")??;
    }
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds(pid)? - before);
    println!(
        "bulk: {:.3} CPU s/GB, {:.1} GB/s",
        cpu / gigabytes as f64,
        gigabytes as f64 / wall
    );

    let forwarder = start(target)?;
    let pid = forwarder.0.id();
    let warm = TcpStream::connect(forwarder.1)?;
    std::thread::sleep(Duration::from_millis(200));
    let before = resident_kib(pid)?;
    let mut open = vec![warm];
    for _ in 0..idle {
        let mut stream = TcpStream::connect(forwarder.1)?;
        stream.write_all(b"i")?;
        open.push(stream);
    }
    std::thread::sleep(Duration::from_millis(500));
    let kib = (resident_kib(pid)? - before) as f64 / idle as f64;
    println!("idle: {kib:.2} KiB a tunnel");
    Ok(())
}
