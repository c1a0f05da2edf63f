//! The typed client of the API: what the CLI, and any other door, calls the engine with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use privet_api::{EventStream, TransportError};
use privet_connection_log::Page;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::calls::changes::{ChangesQuery, Timeline, TimelineEntry};
use crate::calls::config::Change;
use crate::calls::connections::{CloseQuery, Closed, WindowQuery};
use crate::calls::doctor::Diagnosis;
use crate::calls::events::EventsQuery;
use crate::calls::export::ExportQuery;
use crate::calls::identity::Identity;
use crate::calls::lists::{Act, List, ListWish, Lists};
use crate::calls::rules::{RuleMove, RuleWish, Rules};
use crate::calls::status::{Mode, ModeWish, Status};
use crate::calls::system_proxy::{SystemProxy, SystemProxyWish};
use crate::calls::upstreams::{Outlets, Tested};
use crate::calls::usage::{Usage, UsageQuery};
use crate::calls::why::{Explanation, WhyQuery};
use crate::door::DOOR_HEADER;
use crate::problem::Problem;
use crate::token::Token;

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
    /// What it says that it is.
    door: Option<&'static str>,
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
        Self {
            endpoint,
            door: None,
        }
    }

    /// Names the door that calls: "window", "tray", "cli" or "page". The timeline shows it.
    #[must_use]
    pub fn by(mut self, door: &'static str) -> Self {
        self.door = Some(door);
        self
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
        let answer = privet_api::transport::send_and_collect(
            &self.wire(),
            request,
            MAX_ANSWER,
            CALL_TIMEOUT,
        )
        .await?;
        read(answer.status, &answer.body)
    }

    /// Opens the event stream at `path` (server-sent events).
    pub async fn events<Q: Serialize>(
        &self,
        path: &str,
        query: &Q,
    ) -> Result<EventStream, ClientError> {
        let request = self.request(Method::GET, &with_query(path, query)?, None::<&()>)?;
        let response = privet_api::transport::send(&self.wire(), request).await?;
        if response.status() == StatusCode::OK {
            return Ok(EventStream::new(response));
        }
        let refused = privet_api::transport::collect(response, MAX_ANSWER).await?;
        Err(read::<serde::de::IgnoredAny>(refused.status, &refused.body)
            .err()
            .unwrap_or(ClientError::TimedOut))
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

    /// A file of rows, as the engine wrote it.
    pub async fn export(&self, query: &ExportQuery) -> Result<Bytes, ClientError> {
        let target = with_query("/api/v1/connections/export", query)?;
        let request = self.request(Method::GET, &target, None::<&()>)?;
        let answer = privet_api::transport::send_and_collect(
            &self.wire(),
            request,
            MAX_ANSWER,
            CALL_TIMEOUT,
        )
        .await?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        Err(read::<serde::de::IgnoredAny>(answer.status, &answer.body)
            .err()
            .unwrap_or(ClientError::TimedOut))
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

    /// EventStream as they come; the stream has no end of its own.
    pub async fn watch(&self, query: &EventsQuery) -> Result<EventStream, ClientError> {
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

    /// Does something with a list: `accept`, `keep`, `rollback`, `resume`, `block`, `enable`, `disable`.
    pub async fn act_on_list(&self, name: &str, act: Act) -> Result<List, ClientError> {
        let path = format!(
            "/api/v1/lists/{}/{}",
            segment(name),
            crate::calls::word(&act)
        );
        self.send(Method::POST, &path, None::<&()>).await
    }

    pub async fn add_list(&self, wish: &ListWish) -> Result<Change, ClientError> {
        self.send(Method::POST, "/api/v1/lists", Some(wish)).await
    }

    pub async fn remove_list(&self, name: &str) -> Result<Change, ClientError> {
        let path = format!("/api/v1/lists/{}", segment(name));
        self.delete(&path, &()).await
    }

    pub async fn usage(&self, query: &UsageQuery) -> Result<Usage, ClientError> {
        self.get("/api/v1/usage", query).await
    }

    pub async fn rotate_identity(&self) -> Result<Identity, ClientError> {
        self.send(Method::POST, "/api/v1/identity", None::<&()>)
            .await
    }

    /// Adds a rule; with `dry_run` only says what it would do.
    pub async fn add_rule(&self, wish: &RuleWish, dry_run: bool) -> Result<Change, ClientError> {
        let path = format!("/api/v1/rules?dry_run={dry_run}");
        self.send(Method::POST, &path, Some(wish)).await
    }

    pub async fn rules(&self) -> Result<Rules, ClientError> {
        self.get("/api/v1/rules", &()).await
    }

    pub async fn move_rule(&self, id: &str, to: u32) -> Result<Change, ClientError> {
        let path = format!("/api/v1/rules/{}", segment(id));
        self.send(Method::PATCH, &path, Some(&RuleMove { to }))
            .await
    }

    pub async fn remove_rule(&self, id: &str) -> Result<Change, ClientError> {
        let path = format!("/api/v1/rules/{}", segment(id));
        self.delete(&path, &()).await
    }

    pub async fn changes(&self, query: &ChangesQuery) -> Result<Timeline, ClientError> {
        self.get("/api/v1/changes", query).await
    }

    pub async fn undo(&self, id: u64) -> Result<TimelineEntry, ClientError> {
        let path = format!("/api/v1/changes/{id}/undo");
        self.send(Method::POST, &path, None::<&()>).await
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

    /// The address of the page in a browser; `None`: it has none, or nobody tells.
    pub async fn page(&self) -> Option<String> {
        let config: serde_json::Value = self.get("/api/v1/config", &()).await.ok()?;
        let page = config.pointer("/control/http")?.as_str()?;
        (!page.is_empty()).then(|| page.to_owned())
    }

    /// Applies a JSON merge patch (RFC 7396) to the configuration.
    pub async fn patch_config(&self, patch: &serde_json::Value) -> Result<Change, ClientError> {
        self.send(Method::PATCH, "/api/v1/config", Some(patch))
            .await
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
        if let Some(door) = self.door {
            builder = builder.header(DOOR_HEADER, door);
        }
        let bytes = match body {
            Some(body) => {
                builder = builder.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(serde_json::to_vec(body).map_err(|e| broken(&e))?)
            }
            None => Bytes::new(),
        };
        builder.body(Full::new(bytes)).map_err(|e| broken(&e))
    }

    fn wire(&self) -> privet_api::Endpoint {
        match &self.endpoint {
            Endpoint::Unix(path) => privet_api::Endpoint::Unix(path.clone()),
            Endpoint::Tcp(address, _) => privet_api::Endpoint::Tcp(*address),
        }
    }
}

impl From<TransportError> for ClientError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::NotRunning(place) => Self::NotRunning(place),
            TransportError::TimedOut => Self::TimedOut,
            TransportError::Broken(why) => Self::Broken(why),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_odd_characters_stays_one_segment() {
        assert_eq!(segment("a b/../c?é"), "a%20b%2F..%2Fc%3F%C3%A9");
    }
}
