//! The page's event streams. An event is read from the engine when the page asks for the next one: nothing is queued here,
//! the engine sends what is newest and says how much it dropped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use privet_api::{EventStream, transport};
use serde::Serialize;
use tauri::State;
use tokio::sync::Notify;

use crate::call::{Door, Refusal, request};

/// The page has three at most: the state, the table, the log.
const MOST: usize = 8;
const EVENTS: &str = "/api/v1/events";
const OPENING: Duration = Duration::from_secs(10);
/// Longest refusal read, in bytes.
const MAX_REFUSAL: usize = 64 * 1024;

/// The streams that are open.
#[derive(Default)]
pub struct Watches(Mutex<Open>);

#[derive(Default)]
struct Open {
    last: u32,
    streams: BTreeMap<u32, Stream>,
}

struct Stream {
    /// Away while its next event is waited for.
    events: Option<EventStream>,
    ended: Arc<Notify>,
}

/// What opening came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opened {
    Stream(u32),
    /// The engine said no.
    Refused {
        status: u16,
        body: String,
    },
}

/// One event of the engine.
#[derive(Debug, Serialize)]
pub struct Told {
    name: String,
    data: String,
}

/// Opens a stream of events.
#[tauri::command]
pub async fn watch(
    door: State<'_, Door>,
    watches: State<'_, Watches>,
    path: String,
) -> Result<Opened, Refusal> {
    if path.split('?').next() != Some(EVENTS) {
        return Err(Refusal::Forbidden("path".to_owned()));
    }
    let request = request("GET", &path, None)?;
    let response = tokio::time::timeout(OPENING, privet_api::transport::send(&door.0, request))
        .await
        .map_err(|_| Refusal::TimedOut)??;
    if response.status().is_success() {
        return Ok(Opened::Stream(watches.add(EventStream::new(response))));
    }
    let refused = transport::collect(response, MAX_REFUSAL).await?;
    Ok(Opened::Refused {
        status: refused.status.as_u16(),
        body: String::from_utf8_lossy(&refused.body).into_owned(),
    })
}

/// The next event of a stream; nothing when it has ended.
#[tauri::command]
pub async fn next(watches: State<'_, Watches>, id: u32) -> Result<Option<Told>, Refusal> {
    let Some((mut events, ended)) = watches.take(id) else {
        return Ok(None);
    };
    let event = tokio::select! {
        event = events.next() => event,
        () = ended.notified() => return Ok(None),
    };
    match event {
        Ok(Some(event)) => {
            watches.put_back(id, events);
            Ok(Some(Told {
                name: event.name,
                data: event.data,
            }))
        }
        Ok(None) => {
            watches.end(id);
            Ok(None)
        }
        Err(error) => {
            watches.end(id);
            Err(error.into())
        }
    }
}

/// Ends a stream.
#[tauri::command]
pub fn unwatch(watches: State<'_, Watches>, id: u32) {
    watches.end(id);
}

impl Watches {
    fn add(&self, events: EventStream) -> u32 {
        let mut open = self.lock();
        open.last = open.last.wrapping_add(1);
        let id = open.last;
        let stream = Stream {
            events: Some(events),
            ended: Arc::new(Notify::new()),
        };
        open.streams.insert(id, stream);
        if open.streams.len() > MOST
            && let Some((_, oldest)) = open.streams.pop_first()
        {
            oldest.ended.notify_one();
        }
        id
    }

    fn take(&self, id: u32) -> Option<(EventStream, Arc<Notify>)> {
        let mut open = self.lock();
        let stream = open.streams.get_mut(&id)?;
        Some((stream.events.take()?, stream.ended.clone()))
    }

    fn put_back(&self, id: u32, events: EventStream) {
        if let Some(stream) = self.lock().streams.get_mut(&id) {
            stream.events = Some(events);
        }
    }

    fn end(&self, id: u32) {
        if let Some(stream) = self.lock().streams.remove(&id) {
            stream.ended.notify_one();
        }
    }

    /// The page is gone: so are its streams.
    pub fn end_all(&self) {
        for (_, stream) in std::mem::take(&mut self.lock().streams) {
            stream.ended.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
