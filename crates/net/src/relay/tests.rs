//! The relay over real sockets: bytes, ends, resets, backpressure.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

#[derive(Default)]
struct Counter {
    up: AtomicU64,
    down: AtomicU64,
    cancelled: AtomicBool,
    waker: futures_util::task::AtomicWaker,
}

impl Meter for Counter {
    fn up(&self, bytes: u64) {
        self.up.fetch_add(bytes, Ordering::Relaxed);
    }
    fn down(&self, bytes: u64) {
        self.down.fetch_add(bytes, Ordering::Relaxed);
    }
    fn poll_cancelled(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.waker.register(cx.waker());
        match self.cancelled.load(Ordering::Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (one, other) = tokio::join!(
        TcpStream::connect(listener.local_addr().unwrap()),
        listener.accept()
    );
    (one.unwrap(), other.unwrap().0)
}

struct Tunnel {
    client: TcpStream,
    destination: TcpStream,
    meter: &'static Counter,
    end: JoinHandle<RelayOutcome>,
}

async fn tunnel(boxed: bool, preread: Preread) -> Tunnel {
    let (client, inner) = pair().await;
    let (outer, destination) = pair().await;
    let meter: &'static Counter = Box::leak(Box::default());
    let outer = match boxed {
        true => Stream::Boxed(Box::pin(outer)),
        false => Stream::Tcp(outer),
    };
    let end = tokio::spawn(relay(inner, outer, preread, meter));
    Tunnel {
        client,
        destination,
        meter,
        end,
    }
}

fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

async fn carries(boxed: bool, length: usize) {
    let tunnel = tunnel(boxed, Preread::default()).await;
    let data = noise(length);
    let (mut client_in, mut client_out) = tunnel.client.into_split();
    let (mut far_in, mut far_out) = tunnel.destination.into_split();
    let (sent, back) = (data.clone(), data.clone());
    let up = tokio::spawn(async move {
        client_out.write_all(&sent).await.unwrap();
        client_out.shutdown().await.unwrap();
        client_out
    });
    let echo = tokio::spawn(async move {
        let mut got = Vec::new();
        far_in.read_to_end(&mut got).await.unwrap();
        // The client's end has arrived; the other direction is still open.
        far_out.write_all(&back).await.unwrap();
        far_out.shutdown().await.unwrap();
        got
    });
    let mut returned = Vec::new();
    client_in.read_to_end(&mut returned).await.unwrap();
    assert!(returned == data && echo.await.unwrap() == data);
    drop(up);
    assert_eq!(tunnel.end.await.unwrap(), RelayOutcome::Finished);
    let total = length as u64;
    assert_eq!(tunnel.meter.up.load(Ordering::Relaxed), total);
    assert_eq!(tunnel.meter.down.load(Ordering::Relaxed), total);
}

#[tokio::test]
async fn bytes_and_half_closes_are_relayed_at_any_size() {
    for boxed in [false, true] {
        for length in [0, 1, 64, 16 * 1024, 65 * 1024, 5_000_000] {
            carries(boxed, length).await;
        }
    }
}

#[tokio::test]
async fn early_bytes_are_sent_first_in_both_directions() {
    let preread = Preread {
        up: Bytes::from_static(b"early "),
        down: Bytes::from_static(b"hello "),
    };
    let mut tunnel = tunnel(false, preread).await;
    tunnel.client.write_all(b"bird").await.unwrap();
    tunnel.destination.write_all(b"world").await.unwrap();
    let (mut up, mut down) = ([0; 10], [0; 11]);
    tunnel.destination.read_exact(&mut up).await.unwrap();
    tunnel.client.read_exact(&mut down).await.unwrap();
    assert_eq!((&up, &down), (b"early bird", b"hello world"));
}

#[tokio::test]
async fn a_reset_is_relayed_as_a_reset_to_the_other_side() {
    for boxed in [false, true] {
        let tunnel = tunnel(boxed, Preread::default()).await;
        let mut client = tunnel.client;
        let destination = tunnel.destination;
        destination.set_zero_linger().unwrap();
        drop(destination);
        let error = client.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(
            tunnel.end.await.unwrap(),
            RelayOutcome::Broken {
                side: Side::Destination,
                error: io::ErrorKind::ConnectionReset
            }
        );
    }
}

#[tokio::test]
async fn what_a_destination_sent_before_it_closed_early_reaches_the_client() {
    for (boxed, pause) in [(false, 0), (true, 0), (false, 50)] {
        let tunnel = tunnel(boxed, Preread::default()).await;
        let (mut client_in, mut client_out) = tunnel.client.into_split();
        let mut destination = tunnel.destination;
        let upload = tokio::spawn(async move {
            while client_out.write_all(&noise(64 * 1024)).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
        });
        destination.read_exact(&mut [0; 1000]).await.unwrap();
        destination.write_all(b"413 too large").await.unwrap();
        // Bytes that were not read make this close a reset.
        destination.peek(&mut [0]).await.unwrap();
        drop(destination);
        let mut got = Vec::new();
        client_in.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"413 too large", "{boxed} {pause}");
        let end = tokio::time::timeout(Duration::from_secs(10), tunnel.end).await;
        assert!(matches!(
            end.unwrap().unwrap(),
            RelayOutcome::Broken {
                side: Side::Destination,
                ..
            }
        ));
        upload.abort();
    }
}

#[tokio::test]
async fn a_client_that_sends_nothing_learns_of_a_reset_after_an_answer() {
    let mut tunnel = tunnel(false, Preread::default()).await;
    tunnel.destination.write_all(b"half").await.unwrap();
    let mut got = [0; 4];
    tunnel.client.read_exact(&mut got).await.unwrap();
    tunnel.destination.set_zero_linger().unwrap();
    drop(tunnel.destination);
    let error = tunnel.client.read(&mut got).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_client_reset_under_load_resets_the_destination() {
    let mut tunnel = tunnel(false, Preread::default()).await;
    let data = noise(300_000);
    tunnel.client.write_all(&data[..100_000]).await.unwrap();
    let mut got = vec![0; 100_000];
    tunnel.destination.read_exact(&mut got).await.unwrap();
    tunnel.client.set_zero_linger().unwrap();
    drop(tunnel.client);
    let mut rest = Vec::new();
    let error = tunnel.destination.read_to_end(&mut rest).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert!(matches!(
        tunnel.end.await.unwrap(),
        RelayOutcome::Broken {
            side: Side::Client,
            ..
        }
    ));
}

#[tokio::test]
async fn a_destination_that_does_not_read_slows_the_client() {
    let mut tunnel = tunnel(false, Preread::default()).await;
    let chunk = noise(64 * 1024);
    let mut sent = 0;
    // Sockets and one pipe hold some megabytes; an unbounded relay would take all of this.
    let limit = 256 * 1024 * 1024;
    while sent < limit {
        let write = tokio::time::timeout(Duration::from_millis(500), tunnel.client.write(&chunk));
        match write.await {
            Ok(written) => sent += written.unwrap(),
            Err(_) => break,
        }
    }
    assert!(sent < limit);
    let mut got = vec![0; sent];
    tunnel.destination.read_exact(&mut got).await.unwrap();
    tunnel.client.shutdown().await.unwrap();
    assert_eq!(tunnel.destination.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_cancelled_tunnel_is_reset_on_both_sides_at_once() {
    let mut tunnel = tunnel(false, Preread::default()).await;
    tunnel.meter.cancelled.store(true, Ordering::Release);
    tunnel.meter.waker.wake();
    assert_eq!(tunnel.end.await.unwrap(), RelayOutcome::Cancelled);
    for side in [&mut tunnel.client, &mut tunnel.destination] {
        let error = side.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}

#[test]
fn the_future_of_a_tunnel_is_small() {
    assert!(
        size_of::<Relay<&Counter>>() <= 200,
        "{}",
        size_of::<Relay<&Counter>>()
    );
}
