//! How many hostile requests reach an origin through each HTTP proxy: with the corpus of Privet's tests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use super::proxies::MeasuredProxy;
use super::report::Figures;

#[path = "../../http/tests/common/hostile_heads.rs"]
mod hostile_heads;

/// How long a proxy may take to pass a head on before it counts as refused.
const FORWARD_TIMEOUT: Duration = Duration::from_millis(400);

/// The number of heads that reached the origin in any form.
pub fn row(all: &[MeasuredProxy]) -> Result<Figures, String> {
    let (sender, received) = channel();
    let origin = listen(sender);
    let heads = hostile_heads::hostile_heads();
    let mut runs = Vec::new();
    for proxy in all {
        let passed = heads
            .iter()
            .filter(|head| passes(proxy.address, origin, head, &received))
            .count();
        println!("  {}: {passed} of {}", proxy.name, heads.len());
        runs.push((proxy.name.clone(), vec![passed as f64]));
    }
    Ok(Figures {
        row: "hostile",
        title: "Hostile requests that reach the origin, in any form",
        unit: "of the corpus in `crates/http/tests/common/hostile_heads.rs`",
        note: ": heads that two parsers could read differently; one run.",
        runs,
    })
}

/// An origin that reports each connection on which data arrives.
fn listen(received: Sender<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a listener has an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let received = received.clone();
            thread::spawn(move || {
                let mut bytes = [0; 4096];
                if let Ok(1..) = stream.read(&mut bytes) {
                    // Fails when the bench has ended.
                    let _ = received.send(());
                    let _ = stream.write_all(
                        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                    );
                }
            });
        }
    });
    address
}

fn passes(proxy: SocketAddr, origin: SocketAddr, head: &[u8], received: &Receiver<()>) -> bool {
    // Late reports about the previous head.
    while received.try_recv().is_ok() {}
    let Ok(mut stream) = TcpStream::connect(proxy) else {
        return false;
    };
    let port = origin.port().to_string();
    let mut request = head.to_vec();
    if let Some(at) = head.windows(4).position(|four| four == b"PORT") {
        request.splice(at..at + 4, port.into_bytes());
    }
    if stream.write_all(&request).is_err() {
        return false;
    }
    // The origin receives it, or the proxy answers and closes.
    let _ = stream.set_read_timeout(Some(FORWARD_TIMEOUT));
    let _ = stream.read(&mut [0; 4096]);
    received.recv_timeout(Duration::from_millis(20)).is_ok()
}
