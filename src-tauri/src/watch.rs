//! The page's event streams. An event is read from the engine when the page asks for the next one. Nothing is queued here:
//! the engine sends the newest state and reports dropped events.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use privet_api::{EventStream, transport};
use serde::Serialize;
use tauri::State;
use tokio::sync::Notify;

use crate::call::{CallError, EngineEndpoint, build_request};

/// Limit of open streams; the page uses three: status, connections, log.
const MAX_STREAMS: usize = 8;
const EVENTS: &str = "/api/v1/events";
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest error response read, in bytes.
const MAX_REFUSAL: usize = 64 * 1024;

/// The open streams, by id.
#[derive(Default)]
pub struct EventStreams(Mutex<OpenStreams>);

#[derive(Default)]
struct OpenStreams {
    last: u32,
    streams: BTreeMap<u32, Stream>,
}

struct Stream {
    /// Absent while its next event is awaited.
    events: Option<EventStream>,
    closed: Arc<Notify>,
}

/// Result of opening a stream.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WatchResult {
    Stream(u32),
    /// The engine responded with an error.
    Refused {
        status: u16,
        body: String,
    },
}

/// One event of the engine.
#[derive(Debug, Serialize)]
pub struct EventMessage {
    name: String,
    data: String,
}

/// Opens a stream of events.
#[tauri::command]
pub async fn watch(
    engine: State<'_, EngineEndpoint>,
    streams: State<'_, EventStreams>,
    path: String,
) -> Result<WatchResult, CallError> {
    if path.split('?').next() != Some(EVENTS) {
        return Err(CallError::Forbidden("path".to_owned()));
    }
    let request = build_request("GET", &path, None)?;
    let response = tokio::time::timeout(
        OPEN_TIMEOUT,
        privet_api::transport::send(&engine.0, request),
    )
    .await
    .map_err(|_| CallError::TimedOut)??;
    if response.status().is_success() {
        return Ok(WatchResult::Stream(streams.add(EventStream::new(response))));
    }
    let refused = transport::collect(response, MAX_REFUSAL).await?;
    Ok(WatchResult::Refused {
        status: refused.status.as_u16(),
        body: String::from_utf8_lossy(&refused.body).into_owned(),
    })
}

/// The next event of a stream; nothing when it has closed.
#[tauri::command]
pub async fn next(
    streams: State<'_, EventStreams>,
    id: u32,
) -> Result<Option<EventMessage>, CallError> {
    let Some((mut events, closed)) = streams.take(id) else {
        return Ok(None);
    };
    let event = tokio::select! {
        event = events.next() => event,
        () = closed.notified() => return Ok(None),
    };
    match event {
        Ok(Some(event)) => {
            streams.put_back(id, events);
            Ok(Some(EventMessage {
                name: event.name,
                data: event.data,
            }))
        }
        Ok(None) => {
            streams.end(id);
            Ok(None)
        }
        Err(error) => {
            streams.end(id);
            Err(error.into())
        }
    }
}

/// Closes a stream.
#[tauri::command]
pub fn unwatch(streams: State<'_, EventStreams>, id: u32) {
    streams.end(id);
}

impl EventStreams {
    fn add(&self, events: EventStream) -> u32 {
        let mut open = self.lock();
        open.last = open.last.wrapping_add(1);
        let id = open.last;
        let stream = Stream {
            events: Some(events),
            closed: Arc::new(Notify::new()),
        };
        open.streams.insert(id, stream);
        if open.streams.len() > MAX_STREAMS
            && let Some((_, oldest)) = open.streams.pop_first()
        {
            oldest.closed.notify_one();
        }
        id
    }

    fn take(&self, id: u32) -> Option<(EventStream, Arc<Notify>)> {
        let mut open = self.lock();
        let stream = open.streams.get_mut(&id)?;
        Some((stream.events.take()?, stream.closed.clone()))
    }

    fn put_back(&self, id: u32, events: EventStream) {
        if let Some(stream) = self.lock().streams.get_mut(&id) {
            stream.events = Some(events);
        }
    }

    fn end(&self, id: u32) {
        if let Some(stream) = self.lock().streams.remove(&id) {
            stream.closed.notify_one();
        }
    }

    /// Closes all streams, because the page was unloaded.
    pub fn end_all(&self) {
        for (_, stream) in std::mem::take(&mut self.lock().streams) {
            stream.closed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, OpenStreams> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
