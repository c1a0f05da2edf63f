//! Parts of a response that clients ask for at the same time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::Semaphore;

use crate::common::*;
use crate::support::*;

const WHOLE: &str = "0123456789abcdefghij";

/// The part of the whole that a request asks for.
fn part(head: &str) -> String {
    let range = field(head, "range").and_then(|value| value.strip_prefix("bytes="));
    let (first, last) = range.and_then(|range| range.split_once('-')).unwrap();
    let (first, last) = (
        first.parse::<usize>().unwrap(),
        last.parse::<usize>().unwrap(),
    );
    let body = &WHOLE[first..=last];
    format!(
        "HTTP/1.1 206 Partial\r\nCache-Control: max-age=60\r\nETag: \"v1\"\r\n\
         Content-Range: bytes {first}-{last}/20\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn overlapping_parts_are_fetched_once_and_disjoint_ones_side_by_side() {
    let gateway = caching();
    let (open, seen) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (gate, told) = (open.clone(), seen.clone());
    let port = origin(move |mut peer, _| {
        let (gate, told) = (gate.clone(), told.clone());
        async move {
            while let Some(head) = peer.head().await {
                told.add_permits(1);
                gate.acquire().await.unwrap().forget();
                peer.send(part(&head)).await;
            }
        }
    })
    .await;
    let address = proxy(gateway.clone()).await;
    let mut clients = Vec::new();
    let wanted = ["0-9", "0-9", "2-5", "10-14"];
    for (at, range) in wanted.into_iter().enumerate() {
        let mut peer = Peer::connect(address).await;
        peer.send(with(port, "/", &format!("Range: bytes={range}\r\n")))
            .await;
        clients.push(peer);
        if at == 0 {
            // The others come while the first one is under way.
            within(seen.acquire()).await.unwrap().forget();
        }
    }
    within(seen.acquire()).await.unwrap().forget();
    within(async {
        while cache(&gateway).stats().counts.waited < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(seen.available_permits(), 0, "two requests are under way");
    open.add_permits(2);
    for (client, body) in clients
        .iter_mut()
        .zip(["0123456789", "0123456789", "2345", "abcde"])
    {
        let (head, found) = client.response().await;
        assert_eq!((status(&head), found.as_str()), (206, body));
    }
    // What is left of the whole is one more part.
    open.add_permits(1);
    clients[0].send(get(port, "/")).await;
    let (head, body) = clients[0].response().await;
    assert_eq!((status(&head), body.as_str()), (200, WHOLE));
    clients[0].send(get(port, "/")).await;
    assert_eq!(clients[0].response().await.1, WHOLE);
    assert_eq!(seen.available_permits(), 1);
}

#[tokio::test]
async fn a_part_that_breaks_off_is_not_kept() {
    let gateway = caching();
    let port = origin(|mut peer, number| async move {
        let head = peer.head().await.unwrap();
        let whole = part(&head);
        match number {
            0 => peer.send(&whole[..whole.len() - 3]).await,
            _ => peer.send(whole).await,
        }
    })
    .await;
    let address = proxy(gateway.clone()).await;
    let ask = with(port, "/", "Range: bytes=0-9\r\n");
    let mut first = Peer::connect(address).await;
    first.send(&ask).await;
    first.head().await.unwrap();
    assert_eq!(first.take(7).await, "0123456");
    assert_eq!(first.rest().await, "");
    let mut second = Peer::connect(address).await;
    second.send(&ask).await;
    assert_eq!(second.response().await.1, "0123456789");
}

#[tokio::test]
async fn a_part_with_another_range_is_asked_for_again() {
    let gateway = caching();
    let (port, count) = counting(|head, number| match number {
        0 | 2 => part(head),
        // It is asked for bytes 5 to 9.
        _ => part("Range: bytes=6-9\r\n"),
    })
    .await;
    let mut client = Peer::connect(proxy(gateway.clone()).await).await;
    client.send(with(port, "/", "Range: bytes=0-4\r\n")).await;
    assert_eq!(client.response().await.1, "01234");
    client.send(with(port, "/", "Range: bytes=0-9\r\n")).await;
    assert_eq!(client.response().await.1, "0123456789");
    assert_eq!(count.load(Ordering::SeqCst), 3);
}
