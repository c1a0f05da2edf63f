//! Clients that ask for one thing at once share one request to the origin, and one fetch that is nobody's own.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};

use crate::common::*;
use crate::support::*;

/// Clients that ask for the same at once, of which all but one wait for the first one's response.
async fn waiting_clients(
    gateway: &TestGateway,
    address: SocketAddr,
    port: u16,
    count: u64,
) -> Vec<Peer> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut peer = Peer::connect(address).await;
        peer.send(get(port, "/")).await;
        clients.push(peer);
    }
    within(async {
        while cache(gateway).stats().counts.waited < count - 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    clients
}

#[tokio::test]
async fn clients_that_ask_for_one_thing_share_one_request() {
    let gateway = caching();
    let open = Arc::new(Semaphore::new(0));
    let gate = open.clone();
    let port = origin(move |mut peer, number| {
        let gate = gate.clone();
        async move {
            assert_eq!(number, 0, "one connection");
            peer.head().await;
            gate.acquire().await.unwrap().forget();
            peer.send(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 8\r\n\r\nhalf",
            )
            .await;
            gate.acquire().await.unwrap().forget();
            peer.send("rest").await;
            assert_eq!(peer.head().await, None);
        }
    })
    .await;
    let address = proxy(gateway.clone()).await;
    let mut clients = waiting_clients(&gateway, address, port, 50).await;
    open.add_permits(1);
    // Each reads what has arrived while it arrives; one that comes late too.
    let mut late = Peer::connect(address).await;
    for client in &mut clients {
        client.head().await.unwrap();
        assert_eq!(client.take(4).await, "half");
    }
    late.send(get(port, "/")).await;
    late.head().await.unwrap();
    assert_eq!(late.take(4).await, "half");
    // The first one leaves: the others get the rest.
    drop(clients.remove(0));
    open.add_permits(1);
    for client in clients.iter_mut().chain([&mut late]) {
        assert_eq!(client.take(4).await, "rest");
    }
}

#[tokio::test]
async fn what_turns_out_not_to_be_stored_releases_all_at_once() {
    let gateway = caching();
    let open = Arc::new(Semaphore::new(0));
    let gate = open.clone();
    let port = origin(move |mut peer, number| {
        let gate = gate.clone();
        async move {
            peer.head().await;
            if number == 0 {
                gate.acquire().await.unwrap().forget();
            }
            peer.send(response("Cache-Control: no-store\r\n", "body"))
                .await;
            peer.head().await;
        }
    })
    .await;
    let address = proxy(gateway.clone()).await;
    let mut clients = waiting_clients(&gateway, address, port, 20).await;
    open.add_permits(1);
    for client in &mut clients {
        assert_eq!(client.response().await.1, "body");
    }
}

#[tokio::test]
async fn a_fetch_ends_with_its_last_reader() {
    let gateway = caching();
    let ended = Arc::new(Notify::new());
    let end = ended.clone();
    let port = origin(move |mut peer, _| {
        let end = end.clone();
        async move {
            peer.head().await;
            peer.send(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 8\r\n\r\nhalf",
            )
            .await;
            // The proxy closes the connection.
            assert_eq!(peer.head().await, None);
            end.notify_one();
        }
    })
    .await;
    let mut client = Peer::connect(proxy(gateway.clone()).await).await;
    client.send(get(port, "/")).await;
    client.head().await.unwrap();
    assert_eq!(client.take(4).await, "half");
    client.stream.set_zero_linger().unwrap();
    drop(client);
    within(ended.notified()).await;
    assert_eq!(cache(&gateway).stats().entries, 0);
}

#[tokio::test]
async fn a_leader_that_leaves_hands_over_to_one_who_waits() {
    let gateway = caching();
    let port = origin(|mut peer, number| async move {
        peer.head().await;
        if number > 0 {
            peer.send(response("Cache-Control: max-age=60\r\n", "body"))
                .await;
        }
        peer.head().await;
    })
    .await;
    let address = proxy(gateway.clone()).await;
    let mut leader = Peer::connect(address).await;
    leader.send(get(port, "/")).await;
    within(async {
        while cache(&gateway).stats().counts.missed < 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut follower = Peer::connect(address).await;
    follower.send(get(port, "/")).await;
    within(async {
        while cache(&gateway).stats().counts.waited < 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    leader.stream.set_zero_linger().unwrap();
    drop(leader);
    assert_eq!(follower.response().await.1, "body");
}
