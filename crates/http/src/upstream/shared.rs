//! HTTP/2 connections of one thread that requests share. Each key has its own, so that requests that must not meet never
//! do.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Ping, PingPong};
use privet_net::{Connected, Stream};
use privet_policy::Target;
use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio::time::timeout;

use crate::h2::error::to_io;
use crate::h2::guarded::Guarded;
use crate::h2::send::SendBudget;
use crate::h2::wire::{Wire, sending};

/// How long a connection without streams is kept.
const IDLE: Duration = Duration::from_secs(60);
/// The most connections of a thread to one target under one key that requests share.
const PER_TARGET: usize = 8;
/// The most connections of a thread.
const IN_ALL: usize = 256;
/// The limit for the settings of a new connection.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Requests in flight on one connection before another is opened.
const STREAMS: u32 = 64;
/// Bytes of bodies that are held for one stream and for one connection until they are passed on. Clients that do not read
/// must not use up what the others on the connection need.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = STREAMS * STREAM_WINDOW;
/// Bytes of one request that wait to be written to the socket.
const SEND_BUFFER: usize = 64 * 1024;
/// Bytes of fields in one head, as in HTTP/1.
const MAX_FIELDS_SIZE: u32 = 64 * 1024;

type Key = (u64, Target);

/// A connection that requests share.
#[derive(Clone)]
pub struct SharedConnection {
    pub send: SendRequest<Bytes>,
    /// What dialing found out; its stream belongs to the h2 crate. Each request holds one reference.
    pub connected: SharedConnected,
    pub budget: SendBudget,
    /// Answered once the peer's settings are there: they come before all else. `None`: they are known to be.
    settings: Arc<AsyncMutex<Option<PingPong>>>,
}

/// Behind a mutex only because a stream may not be shared between threads; locked once for a row.
pub type SharedConnected = Arc<Mutex<Connected>>;
pub type Identity = Weak<Mutex<Connected>>;

impl SharedConnection {
    /// Requests in flight. The thread's table and the task that drives the connection hold a reference each.
    fn in_flight(&self) -> usize {
        Arc::strong_count(&self.connected).saturating_sub(2)
    }

    /// Whether the peer takes tunnels of WebSocket (RFC 8441).
    pub async fn takes_websockets(&self) -> bool {
        let mut settings = self.settings.lock().await;
        if let Some(mut ping) = settings.take() {
            let _ = timeout(HANDSHAKE, ping.ping(Ping::opaque())).await;
        }
        self.send.is_extended_connect_protocol_enabled()
    }

    /// Names it, without counting as a request.
    pub fn identity(&self) -> Identity {
        Arc::downgrade(&self.connected)
    }

    fn is(&self, identity: &Identity) -> bool {
        Weak::ptr_eq(&self.identity(), identity)
    }
}

/// The connections under one key.
#[derive(Default)]
struct Entry {
    open: Vec<SharedConnection>,
    /// Set while one is being opened: other requests wait for it.
    opening: Option<Arc<Notify>>,
}

impl Entry {
    /// The connection with the fewest requests in flight, if it takes another one.
    fn with_room(&self) -> Option<&SharedConnection> {
        let fewest = self.open.iter().min_by_key(|open| open.in_flight())?;
        let most = fewest.send.current_max_send_streams().min(STREAMS as usize);
        (fewest.in_flight() < most).then_some(fewest)
    }
}

thread_local! {
    static SHARED: RefCell<HashMap<Key, Entry>> = RefCell::default();
}

/// How a request gets a connection.
pub enum Admission {
    Take(SharedConnection),
    /// Another request opens a connection: ask again when this is ready.
    Wait(OwnedNotified),
    /// Open one; others wait until this is dropped.
    Open(Opening),
}

/// The right to open a connection.
pub struct Opening {
    key: Key,
    /// Wakes the requests that wait for it; `None`: none do.
    others: Option<Arc<Notify>>,
}

impl Opening {
    /// Nobody waits for it.
    pub fn alone(key: u64, target: &Target) -> Self {
        Self {
            key: (key, target.clone()),
            others: None,
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let others = self.others.take();
        // Also without others: where the connection failed, nothing is left of the entry.
        with_entry(&self.key, |entry| {
            if others.is_some() {
                entry.opening = None;
            }
        });
        if let Some(others) = others {
            others.notify_waiters();
        }
    }
}

/// Changes an entry, and removes it where nothing is left of it.
fn with_entry(key: &Key, change: impl FnOnce(&mut Entry)) {
    // The table may be gone when its thread ends.
    let _ = SHARED.try_with(|all| {
        let Ok(mut all) = all.try_borrow_mut() else {
            return;
        };
        if let Some(entry) = all.get_mut(key) {
            change(entry);
            if entry.open.is_empty() && entry.opening.is_none() {
                all.remove(key);
            }
        }
    });
}

/// How a request under a key gets a connection. `waited`: it waited for another's, which did not come: where that takes long
/// to fail, those that wait must not fail one after another.
pub fn turn(key: u64, target: &Target, waited: bool) -> Admission {
    let key = (key, target.clone());
    SHARED.with_borrow_mut(|shared| {
        if let Some(connection) = shared.get(&key).and_then(Entry::with_room) {
            return Admission::Take(connection.clone());
        }
        let entry = shared.entry(key.clone()).or_default();
        // Responses may take hours: the request gets a connection of its own, as over HTTP/1.
        if entry.open.len() >= PER_TARGET {
            return Admission::Open(Opening { key, others: None });
        }
        if waited && entry.open.is_empty() {
            return Admission::Open(Opening { key, others: None });
        }
        if let Some(opening) = &entry.opening {
            return Admission::Wait(opening.clone().notified_owned());
        }
        let others = Arc::new(Notify::new());
        entry.opening = Some(others.clone());
        Admission::Open(Opening {
            key,
            others: Some(others),
        })
    })
}

/// Gives no more requests to a connection: its peer takes none.
pub fn retire(connection: &Identity, key: u64, target: &Target) {
    remove(connection, &(key, target.clone()));
}

fn remove(connection: &Identity, key: &Key) {
    with_entry(key, |entry| {
        entry.open.retain(|other| !other.is(connection));
    });
}

/// Starts HTTP/2 on a new connection and shares it under a key.
///
/// # Errors
/// The handshake's.
pub async fn open(mut connected: Connected, opening: Opening) -> io::Result<SharedConnection> {
    let stream = std::mem::replace(
        &mut connected.stream,
        Stream::Boxed(Box::pin(tokio::io::empty())),
    );
    let wire = Wire::new(stream);
    let handshake = builder().handshake::<_, Bytes>(Guarded::of_server(wire.clone()));
    let (send, mut connection) = timeout(HANDSHAKE, sending(&wire, handshake))
        .await
        .map_err(|_| io::ErrorKind::TimedOut)?
        .map_err(to_io)?;
    let shared = SharedConnection {
        send,
        connected: Arc::new(Mutex::new(connected)),
        budget: SendBudget::default(),
        settings: Arc::new(AsyncMutex::new(connection.ping_pong())),
    };
    SHARED.with_borrow_mut(|all| {
        let count: usize = all.values().map(|entry| entry.open.len()).sum();
        let entry = all.entry(opening.key.clone()).or_default();
        if count < IN_ALL && entry.open.len() < PER_TARGET {
            entry.open.push(shared.clone());
        }
    });
    let listed = Registration {
        connected: shared.connected.clone(),
        key: opening.key.clone(),
    };
    tokio::spawn(drive(connection, wire, listed));
    Ok(shared)
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .max_header_list_size(MAX_FIELDS_SIZE)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER);
    builder
}

/// Runs a connection until it ends, or until it had no request for a while.
async fn drive(mut connection: Connection<Guarded, Bytes>, wire: Wire, listed: Registration) {
    let mut was_idle = false;
    loop {
        tokio::select! {
            ended = sending(&wire, &mut connection) => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "HTTP/2 connection to an origin ended");
                }
                return;
            }
            () = tokio::time::sleep(IDLE / 2) => {
                let idle = listed.requests() == 0;
                if idle && was_idle {
                    return;
                }
                was_idle = idle;
            }
        }
    }
}

/// Removes the connection from the thread's when it ends, also with its runtime.
struct Registration {
    connected: SharedConnected,
    key: Key,
}

impl Registration {
    /// Requests in flight. This holds a reference, and the thread's table does as long as the connection takes requests.
    fn requests(&self) -> usize {
        let identity = Arc::downgrade(&self.connected);
        let in_table = SHARED.try_with(|all| {
            let all = all.try_borrow().ok()?;
            let entry = all.get(&self.key)?;
            Some(entry.open.iter().any(|open| open.is(&identity)))
        });
        let in_table = in_table.ok().flatten().unwrap_or_default();
        Arc::strong_count(&self.connected).saturating_sub(1 + usize::from(in_table))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        remove(&Arc::downgrade(&self.connected), &self.key);
    }
}

#[cfg(test)]
mod tests {
    use h2::server;
    use http::{Request, Response};
    use privet_net::DialTimings;
    use tokio::io::DuplexStream;
    use tokio::sync::oneshot;

    use super::*;

    fn target() -> Target {
        Target {
            host: privet_policy::Host::Name("a.test".into()),
            port: 443,
        }
    }

    async fn connection(
        opening: Opening,
    ) -> (SharedConnection, server::Connection<DuplexStream, Bytes>) {
        let (near, far) = tokio::io::duplex(1 << 16);
        let connected = Connected {
            stream: Stream::Boxed(Box::pin(near)),
            preread: Bytes::new(),
            local: None,
            remote: None,
            route: "direct".into(),
            timings: DialTimings::default(),
            absolute_form: None,
            alpn: None,
        };
        let (shared, peer) = tokio::join!(open(connected, opening), server::handshake(far));
        (shared.unwrap(), peer.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_outlives_the_time_that_a_connection_without_requests_is_kept() {
        let Admission::Open(opening) = turn(1, &target(), false) else {
            panic!("there is a connection");
        };
        let (mut shared, mut peer) = connection(opening).await;
        let (go_on, went_on) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let (_, mut respond) = peer.accept().await.unwrap().unwrap();
            tokio::spawn(async move {
                let mut send = respond.send_response(Response::new(()), false).unwrap();
                went_on.await.unwrap();
                send.send_data(Bytes::from_static(b"late"), true).unwrap();
            });
            while peer.accept().await.is_some() {}
        });
        let request = Request::get("https://a.test/").body(()).unwrap();
        let (response, _) = shared.send.send_request(request, true).unwrap();
        let in_flight = shared.connected.clone();
        let mut body = response.await.unwrap().into_body();
        // It takes no more requests, as after GOAWAY.
        retire(&shared.identity(), 1, &target());
        drop(shared);
        tokio::time::sleep(IDLE * 3).await;
        go_on.send(()).unwrap();
        assert_eq!(body.data().await.unwrap().unwrap(), "late");
        drop(in_flight);
    }

    #[tokio::test]
    async fn a_request_never_waits_for_a_stream_of_a_full_connection() {
        let mut held = Vec::new();
        let mut peers = Vec::new();
        for number in 0..=PER_TARGET {
            let Admission::Open(opening) = turn(2, &target(), false) else {
                panic!("connection {number} is not opened");
            };
            let (shared, peer) = connection(opening).await;
            held.extend((0..STREAMS).map(|_| shared.connected.clone()));
            peers.push(peer);
        }
        let listed = SHARED.with_borrow(|all| all.get(&(2, target())).unwrap().open.len());
        assert_eq!(listed, PER_TARGET);
    }

    #[test]
    fn nothing_is_left_of_a_target_that_could_not_be_reached() {
        let Admission::Open(first) = turn(3, &target(), false) else {
            panic!("there is a connection");
        };
        assert!(matches!(turn(3, &target(), false), Admission::Wait(_)));
        drop(first);
        // Those that waited try by themselves.
        let second = turn(3, &target(), true);
        assert!(matches!(second, Admission::Open(_)));
        drop(second);
        assert!(SHARED.with_borrow(|all| !all.contains_key(&(3, target()))));
    }
}
