//! GET /api/v1/events: server-sent events. State is looked at when the client can take it, so none piles up: a slow client
//! sees fewer, newer states. Log lines wait in a bounded queue, and it is said how many were dropped.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::StatusCode;
use privet_connection_log::{GroupBy, Page, RowState};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};
use tokio::time::{Interval, MissedTickBehavior};
use utoipa::IntoParams;

use super::connections::{Looker, WindowQuery};
use crate::api::{Api, MAX_WATCHERS};
use crate::extract::Query;
use crate::logs::{self, LogLine};
use crate::problem::Problem;

/// Nothing is sent more often than this.
pub const TICK: Duration = Duration::from_millis(250);
/// A comment goes out after so long without an event, so that a dead client is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What to watch. The window's parameters are those of GET /api/v1/connections.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Of "status", "connections" and "logs", with commas between [default: status,connections].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        nullable = false,
        pattern = "^(status|connections|logs)(,(status|connections|logs)){0,2}$",
        example = "status,logs"
    )]
    pub topics: Option<String>,
    /// Log lines of this level and graver ones [default: info].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(nullable = false, inline)]
    pub level: Option<Level>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline, nullable = false)]
    pub state: Option<RowState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 1000, nullable = false)]
    pub filter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline, nullable = false)]
    pub group: Option<GroupBy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(nullable = false)]
    pub sort: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 10_000_000, nullable = false)]
    pub offset: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 1000, nullable = false)]
    pub limit: Option<u32>,
}

/// How grave a log line is, gravest first.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl EventsQuery {
    /// Watches one window only.
    pub fn of_window(window: WindowQuery) -> Self {
        Self {
            topics: Some("connections".to_owned()),
            level: None,
            state: Some(window.state),
            filter: window.filter,
            group: window.group,
            sort: window.sort,
            offset: Some(window.offset),
            limit: Some(window.limit),
        }
    }

    fn window(&self) -> WindowQuery {
        let plain = WindowQuery::default();
        WindowQuery {
            state: self.state.unwrap_or(plain.state),
            filter: self.filter.clone(),
            group: self.group,
            sort: self.sort.clone(),
            offset: self.offset.unwrap_or(plain.offset),
            limit: self.limit.unwrap_or(plain.limit),
        }
    }

    fn topics(&self) -> Result<Topics, Problem> {
        let mut topics = Topics::default();
        for topic in self
            .topics
            .as_deref()
            .unwrap_or("status,connections")
            .split(',')
        {
            match topic {
                "status" => topics.status = true,
                "connections" => topics.connections = true,
                "logs" => topics.logs = true,
                other => {
                    return Err(Problem::bad_request(format!(
                        "There is no topic \"{}\".",
                        logs::escape(other)
                    ))
                    .help("Topics are status, connections and logs, with commas between."));
                }
            }
        }
        Ok(topics)
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Topics {
    status: bool,
    connections: bool,
    logs: bool,
}

/// Watch
///
/// Events: `status` (as GET /api/v1/status), `connections` (as GET /api/v1/connections), `logs` (an array of lines),
/// `dropped` ({"lines": N}: so many log lines were not sent). At most four times a second, and only what changed.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "events",
    params(EventsQuery),
    responses(
        (status = 200, description = "A stream of server-sent events", body = String, content_type = "text/event-stream"),
        (status = 503, description = "Too many watch already", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn watch_events(
    State(api): State<Api>,
    Query(query): Query<EventsQuery>,
) -> Result<Response, Problem> {
    let topics = query.topics()?;
    let window = topics
        .connections
        .then(|| Looker::new(&query.window()))
        .transpose()?;
    let Ok(permit) = api.watchers.clone().try_acquire_owned() else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "watchers",
            format!("{MAX_WATCHERS} event streams are open already."),
        )
        .help("Close one, then try again."));
    };
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watcher = Watcher {
        logs: topics.logs.then(logs::watch),
        level: query.level.unwrap_or_default(),
        status: topics.status,
        window,
        api,
        ticks,
        last_status: None,
        last_page: None,
        ready: VecDeque::new(),
        _permit: permit,
    };
    let events = stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok::<_, Infallible>(event), watcher))
    });
    Ok(Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response())
}

/// One client's view: what it was sent last.
struct Watcher {
    api: Api,
    ticks: Interval,
    status: bool,
    window: Option<Looker>,
    logs: Option<Receiver<LogLine>>,
    level: Level,
    last_status: Option<String>,
    last_page: Option<Page>,
    /// Of one tick: at most four.
    ready: VecDeque<Event>,
    _permit: OwnedSemaphorePermit,
}

impl Watcher {
    /// The next event; `None`: the engine closes.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            tokio::select! {
                () = self.api.closing.cancelled() => return None,
                _ = self.ticks.tick() => {}
            }
            self.look();
        }
    }

    fn look(&mut self) {
        if self.status || self.window.is_some() {
            // Speeds are as fresh as they are looked at; the connection log keeps many lookers from sampling too often.
            self.api
                .engine
                .connection_log()
                .tick(std::time::Instant::now());
        }
        if self.status {
            let status = serde_json::to_string(&super::status::of(&self.api)).unwrap_or_default();
            if self.last_status.as_deref() != Some(status.as_str()) {
                self.ready
                    .push_back(Event::default().event("status").data(&status));
                self.last_status = Some(status);
            }
        }
        if let Some(window) = &self.window {
            let page = window.look(&self.api.engine);
            let bare = without_ages(&page);
            if self.last_page.as_ref() != Some(&bare) {
                self.ready.push_back(json_event("connections", &page));
                self.last_page = Some(bare);
            }
        }
        self.look_at_logs();
    }

    fn look_at_logs(&mut self) {
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

/// What waits, and how many lines were too old to wait.
fn drain(queue: &mut Receiver<LogLine>, level: Level) -> (Vec<LogLine>, u64) {
    let (mut lines, mut dropped) = (Vec::new(), 0);
    // A writer faster than this reader cannot hold it here.
    while lines.len() < logs::WAITING {
        match queue.try_recv() {
            Ok(line) if wanted(&line, level) => lines.push(line),
            Ok(_) => {}
            Err(TryRecvError::Lagged(missed)) => dropped += missed,
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    (lines, dropped)
}

fn wanted(line: &LogLine, level: Level) -> bool {
    let grave = match line.level.as_str() {
        "error" => Level::Error,
        "warn" => Level::Warn,
        "info" => Level::Info,
        "debug" => Level::Debug,
        _ => Level::Trace,
    };
    grave <= level
}

/// Ages grow by themselves: that is no change.
fn without_ages(page: &Page) -> Page {
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
    fn a_slow_reader_of_logs_gets_the_newest_lines_and_the_number_of_those_it_missed() {
        let (sender, mut queue) = tokio::sync::broadcast::channel(8);
        for n in 0..20 {
            sender
                .send(LogLine {
                    at_ms: n,
                    ..line("info")
                })
                .unwrap();
        }
        let (lines, dropped) = drain(&mut queue, Level::Info);
        assert_eq!(dropped, 12);
        assert_eq!(
            lines.iter().map(|line| line.at_ms).collect::<Vec<_>>(),
            (12..20).collect::<Vec<_>>()
        );
        assert_eq!(drain(&mut queue, Level::Info), (vec![], 0));
    }

    #[test]
    fn lines_below_the_level_are_passed_over() {
        let (sender, mut queue) = tokio::sync::broadcast::channel(8);
        for level in ["error", "warn", "info", "debug", "trace"] {
            sender.send(line(level)).unwrap();
        }
        let (lines, _) = drain(&mut queue, Level::Warn);
        assert_eq!(
            lines
                .iter()
                .map(|line| line.level.as_str())
                .collect::<Vec<_>>(),
            ["error", "warn"]
        );
    }
}
