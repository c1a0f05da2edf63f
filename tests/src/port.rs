//! Reserves TCP and UDP ports for a test process, below the range from which the kernel chooses ports.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::timeout::TIMEOUT;

const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;

static RESERVED: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());
static NEXT: AtomicU16 = AtomicU16::new(0);

/// A loopback address whose port is free for TCP and UDP and reserved for this process until it ends.
///
/// The reservation is an abstract Unix socket: it needs no file, holds for all users, and ends with the process.
pub fn reserve() -> SocketAddr {
    let start = (std::process::id().wrapping_mul(37) % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (u32::from(start) + u32::from(step)).rem_euclid(u32::from(COUNT)) as u16;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let free = || TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok();
        if let Some(reservation) = reservation(port)
            && free()
        {
            RESERVED
                .lock()
                .expect("no test panics here")
                .push(reservation);
            return address;
        }
    }
    panic!("no free port from {FIRST} on");
}

/// `None`: another process has it.
fn reservation(port: u16) -> Option<UnixListener> {
    let name = UnixAddress::from_abstract_name(format!("privet-test-port-{port}"));
    let name = name.expect("Linux has abstract socket names");
    UnixListener::bind_addr(&name).ok()
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
            start.elapsed() < TIMEOUT,
            "{who} does not listen on {address}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
