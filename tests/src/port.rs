//! Ports that nobody else on this machine gets: reserved across test processes, below the range the kernel hands out.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::PATIENCE;

const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;

static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());
static NEXT: AtomicU16 = AtomicU16::new(0);

/// A loopback address whose port is free for TCP and UDP and is this process's until it ends.
pub fn reserve() -> SocketAddr {
    let folder = std::env::temp_dir().join("privet-test-ports");
    fs::create_dir_all(&folder).expect("a folder for port reservations");
    let start = (std::process::id().wrapping_mul(37) % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (u32::from(start) + u32::from(step)).rem_euclid(u32::from(COUNT)) as u16;
        let lock = File::create(folder.join(port.to_string())).expect("a port's reservation file");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let free = || TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok();
        if lock.try_lock().is_ok() && free() {
            HELD.lock().expect("no test panics here").push(lock);
            return address;
        }
    }
    panic!("no free port from {FIRST} on");
}

/// Returns once somebody listens there.
#[expect(
    clippy::disallowed_methods,
    reason = "a foreign program gives no event when it listens"
)]
pub fn await_port(address: SocketAddr, who: &str) {
    let start = Instant::now();
    while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
        assert!(
            start.elapsed() < PATIENCE,
            "{who} does not listen on {address}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
