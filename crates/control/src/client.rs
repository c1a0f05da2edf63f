//! The typed client of the API: what the CLI, and any other door, calls the engine with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use privet_ledger::Page;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::calls::config::Change;
use crate::calls::connections::{CloseQuery, Closed, WindowQuery};
use crate::calls::doctor::Diagnosis;
use crate::calls::events::EventsQuery;
use crate::calls::identity::Identity;
use crate::calls::lists::{List, Lists};
use crate::calls::rules::RuleWish;
use crate::calls::status::{Mode, ModeWish, Status};
use crate::calls::system_proxy::{SystemProxy, SystemProxyWish};
use crate::calls::upstreams::{Outlets, Tested};
use crate::calls::usage::{Usage, UsageQuery};
use crate::calls::why::{Explanation, WhyQuery};
use crate::problem::Problem;
use crate::token::Token;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A refresh of a large list, or an upstream's test, may take this long.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// Largest answer read, in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Where an engine listens.
#[derive(Clone)]
pub enum Endpoint {
    Unix(PathBuf),
    Tcp(SocketAddr, std::sync::Arc<Token>),
}

/// Calls one engine; each call is a connection of its own.
#[derive(Clone)]
pub struct Client {
    endpoint: Endpoint,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error("no engine answers on {0}; start one with `privet serve`")]
    NotRunning(String),
    /// The engine said no, and why.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    #[error("the token of this data folder is not the engine's")]
    Unauthorized,
    #[error("the engine did not answer in time")]
    TimedOut,
    #[error("the engine's answer could not be read: {0}")]
    Broken(String),
}

impl Client {
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    /// The engine whose Unix socket is at `path`.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::new(Endpoint::Unix(path.into()))
    }

    /// GET `path` with `query` after it.
    pub async fn get<Q: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        query: &Q,
    ) -> Result<T, ClientError> {
        self.call(Method::GET, &with_query(path, query)?, None::<&()>)
            .await
    }

    /// Sends a JSON body, or none.
    pub async fn send<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T, ClientError> {
        self.call(method, path, body).await
    }

    /// DELETE `path` with `query` after it.
    pub async fn delete<Q: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        query: &Q,
    ) -> Result<T, ClientError> {
        self.call(Method::DELETE, &with_query(path, query)?, None::<&()>)
            .await
    }

    async fn call<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        target: &str,
        body: Option<&B>,
    ) -> Result<T, ClientError> {
        let request = self.request(method, target, body)?;
        self.answer(request).await
    }

    async fn call_with<T: DeserializeOwned>(
        &self,
        method: Method,
        target: &str,
        kind: &'static str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let mut request = self.request(method, target, None::<&()>)?;
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
        *request.body_mut() = Full::new(body);
        self.answer(request).await
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<T, ClientError> {
        let calling = async {
            let response = self.exchange(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER)
                .collect()
                .await
                .map_err(|error| ClientError::Broken(error.to_string()))?
                .to_bytes();
            read(status, &body)
        };
        tokio::time::timeout(CALL_TIMEOUT, calling)
            .await
            .map_err(|_| ClientError::TimedOut)?
    }

    /// Opens the event stream at `path` (server-sent events).
    pub async fn events<Q: Serialize>(&self, path: &str, query: &Q) -> Result<Events, ClientError> {
        let request = self.request(Method::GET, &with_query(path, query)?, None::<&()>)?;
        let response = self.exchange(request).await?;
        if response.status() != StatusCode::OK {
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER)
                .collect()
                .await
                .map_err(|error| ClientError::Broken(error.to_string()))?
                .to_bytes();
            return Err(read::<serde::de::IgnoredAny>(status, &body)
                .err()
                .unwrap_or(ClientError::TimedOut));
        }
        Ok(Events {
            body: response.into_body(),
            pending: String::new(),
        })
    }

    /// # Errors
    /// As every call: nobody answers, or the engine says no and why.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get("/api/v1/status", &()).await
    }

    pub async fn set_mode(&self, wish: &ModeWish) -> Result<Mode, ClientError> {
        self.send(Method::PUT, "/api/v1/mode", Some(wish)).await
    }

    pub async fn connections(&self, query: &WindowQuery) -> Result<Page, ClientError> {
        self.get("/api/v1/connections", query).await
    }

    pub async fn close(&self, id: u64) -> Result<Closed, ClientError> {
        self.delete(&format!("/api/v1/connections/{id}"), &()).await
    }

    pub async fn close_matching(&self, filter: &str) -> Result<Closed, ClientError> {
        let query = CloseQuery {
            filter: filter.to_owned(),
        };
        self.delete("/api/v1/connections", &query).await
    }

    pub async fn why(&self, query: &WhyQuery) -> Result<Explanation, ClientError> {
        self.get("/api/v1/why", query).await
    }

    /// Events as they come; the stream has no end of its own.
    pub async fn watch(&self, query: &EventsQuery) -> Result<Events, ClientError> {
        self.events("/api/v1/events", query).await
    }

    pub async fn upstreams(&self) -> Result<Outlets, ClientError> {
        self.get("/api/v1/upstreams", &()).await
    }

    pub async fn test_upstream(&self, name: &str) -> Result<Tested, ClientError> {
        let path = format!("/api/v1/upstreams/{}/test", segment(name));
        self.send(Method::POST, &path, None::<&()>).await
    }

    pub async fn lists(&self) -> Result<Lists, ClientError> {
        self.get("/api/v1/lists", &()).await
    }

    pub async fn refresh_list(&self, name: &str) -> Result<List, ClientError> {
        let path = format!("/api/v1/lists/{}/refresh", segment(name));
        self.send(Method::POST, &path, None::<&()>).await
    }

    pub async fn usage(&self, query: &UsageQuery) -> Result<Usage, ClientError> {
        self.get("/api/v1/usage", query).await
    }

    pub async fn rotate_identity(&self) -> Result<Identity, ClientError> {
        self.send(Method::POST, "/api/v1/identity", None::<&()>)
            .await
    }

    pub async fn add_rule(&self, wish: &RuleWish) -> Result<Change, ClientError> {
        self.send(Method::POST, "/api/v1/rules", Some(wish)).await
    }

    pub async fn system_proxy(&self) -> Result<SystemProxy, ClientError> {
        self.get("/api/v1/system-proxy", &()).await
    }

    pub async fn switch_system_proxy(
        &self,
        wish: &SystemProxyWish,
    ) -> Result<SystemProxy, ClientError> {
        self.send(Method::PUT, "/api/v1/system-proxy", Some(wish))
            .await
    }

    pub async fn doctor(&self) -> Result<Diagnosis, ClientError> {
        self.get("/api/v1/doctor", &()).await
    }

    /// Puts a whole configuration in force; with `dry_run` only says what it would do.
    pub async fn replace_config(&self, text: &str, dry_run: bool) -> Result<Change, ClientError> {
        let path = format!("/api/v1/config?dry_run={dry_run}");
        self.call_with(
            Method::PUT,
            &path,
            "application/toml",
            Bytes::copy_from_slice(text.as_bytes()),
        )
        .await
    }

    fn request<B: Serialize>(
        &self,
        method: Method,
        target: &str,
        body: Option<&B>,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let broken = |error: &dyn std::fmt::Display| ClientError::Broken(error.to_string());
        let mut builder = Request::builder().method(method).uri(target);
        builder = match &self.endpoint {
            Endpoint::Unix(_) => builder.header(header::HOST, "privet"),
            Endpoint::Tcp(address, token) => builder
                .header(header::HOST, address.to_string())
                .header(header::AUTHORIZATION, format!("Bearer {}", token.expose())),
        };
        let bytes = match body {
            Some(body) => {
                builder = builder.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(serde_json::to_vec(body).map_err(|e| broken(&e))?)
            }
            None => Bytes::new(),
        };
        builder.body(Full::new(bytes)).map_err(|e| broken(&e))
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<http::Response<Incoming>, ClientError> {
        match &self.endpoint {
            #[cfg(unix)]
            Endpoint::Unix(path) => {
                let place = path.display().to_string();
                speak(
                    connect(tokio::net::UnixStream::connect(path), place).await?,
                    request,
                )
                .await
            }
            #[cfg(not(unix))]
            Endpoint::Unix(path) => Err(ClientError::NotRunning(path.display().to_string())),
            Endpoint::Tcp(address, _) => {
                let place = address.to_string();
                speak(
                    connect(tokio::net::TcpStream::connect(address), place).await?,
                    request,
                )
                .await
            }
        }
    }
}

async fn connect<S>(
    connecting: impl Future<Output = std::io::Result<S>>,
    place: String,
) -> Result<S, ClientError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::PermissionDenied => Err(
            ClientError::Broken(format!("{place} belongs to another user: {error}")),
        ),
        Ok(Err(_)) => Err(ClientError::NotRunning(place)),
        Err(_) => Err(ClientError::TimedOut),
    }
}

async fn speak<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<http::Response<Incoming>, ClientError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| ClientError::Broken(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // Ends with the answer's body, or when the caller drops it.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    sender.send_request(request).await.map_err(broken)
}

fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, ClientError> {
    if status.is_success() {
        // A call without an answer (204) reads as `null`.
        let body = if body.is_empty() { b"null" } else { body };
        return serde_json::from_slice(body)
            .map_err(|error| ClientError::Broken(error.to_string()));
    }
    if status == StatusCode::UNAUTHORIZED {
        return Err(ClientError::Unauthorized);
    }
    Err(match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(_) => ClientError::Broken(format!("status {status}")),
    })
}

fn with_query<Q: Serialize>(path: &str, query: &Q) -> Result<String, ClientError> {
    let query = serde_urlencoded::to_string(query)
        .map_err(|error| ClientError::Broken(error.to_string()))?;
    Ok(if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    })
}

/// One path segment, everything but unreserved characters (RFC 3986 section 2.3) escaped.
pub fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

/// The engine's events as they come.
pub struct Events {
    body: Incoming,
    pending: String,
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// "status", "connections", "logs" or "dropped".
    pub name: String,
    pub data: String,
}

impl Events {
    /// The next event; `None`: the engine closed the stream.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        loop {
            if let Some(event) = take_event(&mut self.pending) {
                return Ok(Some(event));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.pending.push_str(&String::from_utf8_lossy(data));
                    }
                }
                Some(Err(error)) => return Err(ClientError::Broken(error.to_string())),
                None => return Ok(None),
            }
            if self.pending.len() > MAX_ANSWER {
                return Err(ClientError::Broken("an event without an end".to_owned()));
            }
        }
    }
}

/// Takes one whole event off the front of `pending`; comments and empty events are passed over.
fn take_event(pending: &mut String) -> Option<Event> {
    while let Some(end) = pending.find("\n\n") {
        let block: String = pending.drain(..end + 2).collect();
        let mut event = Event {
            name: String::new(),
            data: String::new(),
        };
        for line in block.lines() {
            if let Some(name) = line.strip_prefix("event:") {
                event.name = name.trim().to_owned();
            } else if let Some(data) = line.strip_prefix("data:") {
                if !event.data.is_empty() {
                    event.data.push('\n');
                }
                event.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
        if !event.data.is_empty() {
            return Some(event);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_cut_at_empty_lines_and_comments_are_passed_over() {
        let mut pending =
            ": alive\n\nevent: status\ndata: {\"a\":1}\n\nevent: logs\ndata: x".to_owned();
        let first = take_event(&mut pending).unwrap();
        assert_eq!(
            (first.name.as_str(), first.data.as_str()),
            ("status", "{\"a\":1}")
        );
        assert_eq!(take_event(&mut pending), None);
        pending.push_str("\ndata: y\n\n");
        assert_eq!(take_event(&mut pending).unwrap().data, "x\ny");
    }

    #[test]
    fn a_name_with_odd_characters_stays_one_segment() {
        assert_eq!(segment("a b/../c?é"), "a%20b%2F..%2Fc%3F%C3%A9");
    }
}
