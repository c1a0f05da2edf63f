//! GET /api/v1/events: server-sent events. State is read when the client can take it, so that none queues up: a slow client
//! gets fewer, newer states. Log lines wait in a bounded queue, and the client learns how many were dropped.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::StatusCode;
use privet_api::connections::ConnectionPage;
use privet_api::events::{EventsQuery, LogLevel, LogLine};
use privet_api::requests::RequestPage;
use privet_api::{Problem, escape};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};
use tokio::time::{Interval, MissedTickBehavior};

use crate::connection_view::ConnectionViewer;
use crate::extract::Query;
use crate::logs;
use crate::rejection::Rejection;
use crate::request_view::{RequestViewer, RequestsVersion};
use crate::state::{ApiState, MAX_EVENT_STREAMS};

/// Events are sent at most this often.
pub const EVENT_INTERVAL: Duration = Duration::from_millis(250);
/// A comment is sent after this time without an event, so that a dead client is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Debug, Default, Clone, Copy)]
struct Topics {
    status: bool,
    connections: bool,
    requests: bool,
    logs: bool,
}

impl Topics {
    fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let mut topics = Self::default();
        for topic in text.unwrap_or("status,connections").split(',') {
            match topic {
                "status" => topics.status = true,
                "connections" => topics.connections = true,
                "requests" => topics.requests = true,
                "logs" => topics.logs = true,
                other => {
                    return Err(Problem::bad_request(format!(
                        "There is no topic \"{}\".",
                        escape(other)
                    ))
                    .help(
                        "Topics are status, connections, requests and logs, separated by commas.",
                    ));
                }
            }
        }
        if topics.connections && topics.requests {
            return Err(Problem::bad_request("One stream watches one table.")
                .help("Watch connections and requests by a stream each."));
        }
        Ok(topics)
    }
}

/// Watch events
///
/// Events: `status` (as GET /api/v1/status), `connections` (as GET /api/v1/connections), `requests` (as
/// GET /api/v1/requests), `logs` (an array of lines), `dropped` ({"lines": N}: this many log lines were not sent). At most four times a second, and only what changed.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "events",
    params(EventsQuery),
    responses(
        (status = 200, description = "A stream of server-sent events", body = String, content_type = "text/event-stream"),
        (status = 503, description = "Too many event streams are open")
    )
)]
pub(crate) async fn watch_events(
    State(api): State<ApiState>,
    Query(query): Query<EventsQuery>,
) -> Result<Response, Rejection> {
    let topics = Topics::parse(query.topics.as_deref())?;
    let connections = topics
        .connections
        .then(|| ConnectionViewer::new(&query.connections()))
        .transpose()?;
    let requests = topics
        .requests
        .then(|| RequestViewer::new(&query.requests()))
        .transpose()?;
    let Ok(permit) = api.event_streams.clone().try_acquire_owned() else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "watchers",
            format!("{MAX_EVENT_STREAMS} event streams are open already."),
        )
        .help("Close one, then try again.")
        .into());
    };
    let mut ticks = tokio::time::interval(EVENT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let subscriber = Subscriber {
        logs: topics.logs.then(logs::subscribe),
        level: query.level.unwrap_or_default(),
        status: topics.status,
        connections,
        requests,
        api,
        ticks,
        last_status: None,
        last_connections: None,
        last_requests: None,
        ready: VecDeque::new(),
        _permit: permit,
    };
    let events = stream::unfold(subscriber, |mut subscriber| async move {
        let event = subscriber.next().await?;
        Some((Ok::<_, Infallible>(event), subscriber))
    });
    Ok(Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response())
}

/// One client of the stream, and what was last sent to it.
struct Subscriber {
    api: ApiState,
    ticks: Interval,
    status: bool,
    connections: Option<ConnectionViewer>,
    requests: Option<RequestViewer>,
    logs: Option<Receiver<LogLine>>,
    level: LogLevel,
    last_status: Option<String>,
    last_connections: Option<ConnectionPage>,
    last_requests: Option<(RequestsVersion, RequestPage)>,
    /// The events of one interval, at most four.
    ready: VecDeque<Event>,
    _permit: OwnedSemaphorePermit,
}

impl Subscriber {
    /// The next event; `None`: the engine is closing.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            tokio::select! {
                () = self.api.closing.cancelled() => return None,
                _ = self.ticks.tick() => {}
            }
            self.queue_changes();
        }
    }

    fn queue_changes(&mut self) {
        if self.status || self.connections.is_some() {
            // Speeds are sampled when they are read; the connection log limits how often.
            self.api
                .engine
                .connection_log()
                .tick(std::time::Instant::now());
        }
        if self.status {
            let status =
                serde_json::to_string(&super::status::status(&self.api)).unwrap_or_default();
            if self.last_status.as_deref() != Some(status.as_str()) {
                self.ready
                    .push_back(Event::default().event("status").data(&status));
                self.last_status = Some(status);
            }
        }
        if let Some(viewer) = &self.connections {
            let page = viewer.view(&self.api.engine);
            let bare = without_ages(&page);
            if self.last_connections.as_ref() != Some(&bare) {
                self.ready.push_back(json_event("connections", &page));
                self.last_connections = Some(bare);
            }
        }
        self.queue_requests();
        self.queue_logs();
    }

    fn queue_requests(&mut self) {
        let Some(viewer) = &self.requests else { return };
        let version = RequestViewer::version(&self.api.engine);
        if (self.last_requests.as_ref()).is_some_and(|(seen, _)| *seen == version) {
            return;
        }
        let page = viewer.view(&self.api.engine);
        if (self.last_requests.as_ref()).is_none_or(|(_, last)| *last != page) {
            self.ready.push_back(json_event("requests", &page));
        }
        self.last_requests = Some((version, page));
    }

    fn queue_logs(&mut self) {
        let Some(queue) = &mut self.logs else { return };
        let (lines, dropped) = drain(queue, self.level);
        if dropped > 0 {
            self.ready.push_back(json_event(
                "dropped",
                &serde_json::json!({ "lines": dropped }),
            ));
        }
        if !lines.is_empty() {
            self.ready.push_back(json_event("logs", &lines));
        }
    }
}

/// The waiting lines, and the number of dropped ones.
fn drain(queue: &mut Receiver<LogLine>, level: LogLevel) -> (Vec<LogLine>, u64) {
    let (mut lines, mut dropped) = (Vec::new(), 0);
    // Bounded, for a writer that is faster than this reader.
    while lines.len() < logs::MAX_WAITING {
        match queue.try_recv() {
            Ok(line) if is_at_least(&line, level) => lines.push(line),
            Ok(_) => {}
            Err(TryRecvError::Lagged(missed)) => dropped += missed,
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    (lines, dropped)
}

fn is_at_least(line: &LogLine, level: LogLevel) -> bool {
    let severity = match line.level.as_str() {
        "error" => LogLevel::Error,
        "warn" => LogLevel::Warn,
        "info" => LogLevel::Info,
        "debug" => LogLevel::Debug,
        _ => LogLevel::Trace,
    };
    severity <= level
}

/// Ages always grow: that alone is not a change.
fn without_ages(page: &ConnectionPage) -> ConnectionPage {
    let mut page = page.clone();
    for row in &mut page.rows {
        row.age_ms = 0;
    }
    page
}

fn json_event<T: Serialize>(name: &str, value: &T) -> Event {
    let data = serde_json::to_string(value).unwrap_or_default();
    Event::default().event(name).data(data)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn line(level: &str) -> LogLine {
        LogLine {
            at_ms: 0,
            level: level.to_owned(),
            target: "t".to_owned(),
            message: "m".to_owned(),
            fields: BTreeMap::new(),
        }
    }

    #[test]
    fn a_slow_reader_of_logs_gets_the_newest_lines_and_the_number_of_dropped_ones() {
        let (sender, mut queue) = tokio::sync::broadcast::channel(8);
        for n in 0..20 {
            sender
                .send(LogLine {
                    at_ms: n,
                    ..line("info")
                })
                .unwrap();
        }
        let (lines, dropped) = drain(&mut queue, LogLevel::Info);
        assert_eq!(dropped, 12);
        assert_eq!(
            lines.iter().map(|line| line.at_ms).collect::<Vec<_>>(),
            (12..20).collect::<Vec<_>>()
        );
        assert_eq!(drain(&mut queue, LogLevel::Info), (vec![], 0));
    }

    #[test]
    fn lines_below_the_level_are_skipped() {
        let (sender, mut queue) = tokio::sync::broadcast::channel(8);
        for level in ["error", "warn", "info", "debug", "trace"] {
            sender.send(line(level)).unwrap();
        }
        let (lines, _) = drain(&mut queue, LogLevel::Warn);
        assert_eq!(
            lines
                .iter()
                .map(|line| line.level.as_str())
                .collect::<Vec<_>>(),
            ["error", "warn"]
        );
    }
}
