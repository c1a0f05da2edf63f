//! The typed client of the API. Each call is a connection of its own.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::apps::Recipes;
use crate::changes::{ChangesQuery, Timeline, TimelineEntry};
use crate::config::{Change, TOML};
use crate::connections::{CloseQuery, Closed, ConnectionPage, ConnectionsQuery};
use crate::diagnostics::Diagnosis;
use crate::event_stream::EventStream;
use crate::events::EventsQuery;
use crate::export::ExportQuery;
use crate::first_run::FirstRun;
use crate::identity::Identity;
use crate::lists::{List, ListAction, ListLines, Lists, NewList};
use crate::login_code::{LoginCode, LoginCodeRequest};
use crate::problem::Problem;
use crate::requests::{RequestPage, RequestsQuery};
use crate::rules::{NewRule, RuleMove, RuleUpdate, Rules};
use crate::secrets::Secrets;
use crate::sites::{BackendUpdate, SiteBackend, Sites};
use crate::status::{Mode, ModeRequest, Status};
use crate::system_proxy::{SystemProxy, SystemProxyRequest};
use crate::transport::{self, Endpoint, TransportError};
use crate::upstreams::{Outbounds, UpstreamTest};
use crate::usage::{Usage, UsageQuery, WipeQuery, Wiped};
use crate::why::{Explanation, WhyQuery};

/// Refreshing a large list or testing an upstream may take this long.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// Largest answer read, in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// The header in which a client names itself. It gives no right: the timeline shows it.
pub const CLIENT_HEADER: &str = "privet-client";

/// The clients that the timeline knows by name. Any other is "api".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    Window,
    Tray,
    Cli,
    /// The page in a browser.
    Page,
}

impl ClientKind {
    pub const ALL: [Self; 4] = [Self::Window, Self::Tray, Self::Cli, Self::Page];

    /// The value of [`CLIENT_HEADER`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Tray => "tray",
            Self::Cli => "cli",
            Self::Page => "page",
        }
    }
}

/// Calls one engine.
#[derive(Clone)]
pub struct Client {
    endpoint: Endpoint,
    kind: Option<ClientKind>,
    token: Option<SecretString>,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing listens on the endpoint.
    #[error("no engine answers on {0}; start one with `privet serve`")]
    NotRunning(String),
    /// The engine refused, and why.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    #[error("the token of this data folder is not the engine's")]
    Unauthorized,
    #[error("the engine did not answer in time")]
    TimedOut,
    #[error("the engine's answer could not be read: {0}")]
    Broken(String),
}

impl From<TransportError> for ClientError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::NotRunning(endpoint) => Self::NotRunning(endpoint),
            TransportError::TimedOut => Self::TimedOut,
            TransportError::Broken(why) => Self::Broken(why),
        }
    }
}

impl Client {
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            kind: None,
            token: None,
        }
    }

    /// The engine whose control socket is at `path`.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::new(Endpoint::Unix(path.into()))
    }

    /// Names this client in the timeline.
    #[must_use]
    pub fn with_kind(mut self, kind: ClientKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Sends the token that calls over TCP need.
    #[must_use]
    pub fn with_token(mut self, token: SecretString) -> Self {
        self.token = Some(token);
        self
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

    /// As [`Client::get`], with the version of what was read.
    pub async fn get_versioned<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<(T, Option<String>), ClientError> {
        let request = self.request(Method::GET, path, None::<&()>)?;
        let answer =
            transport::send_and_collect(&self.endpoint, request, MAX_ANSWER, CALL_TIMEOUT).await?;
        Ok((read(answer.status, &answer.body)?, answer.etag))
    }

    /// As [`Client::send`]; refused with 412 if the engine has another version of what is changed.
    pub async fn send_if<B: Serialize, T: DeserializeOwned>(
        &self,
        version: &str,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T, ClientError> {
        let mut request = self.request(method, path, body)?;
        let version = header::HeaderValue::from_str(version)
            .map_err(|error| ClientError::Broken(error.to_string()))?;
        request.headers_mut().insert(header::IF_MATCH, version);
        self.answer(request).await
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
        let answer =
            transport::send_and_collect(&self.endpoint, request, MAX_ANSWER, CALL_TIMEOUT).await?;
        read(answer.status, &answer.body)
    }

    /// Opens the event stream at `path` (server-sent events).
    pub async fn events<Q: Serialize>(
        &self,
        path: &str,
        query: &Q,
    ) -> Result<EventStream, ClientError> {
        let request = self.request(Method::GET, &with_query(path, query)?, None::<&()>)?;
        let response = transport::send(&self.endpoint, request).await?;
        if response.status() == StatusCode::OK {
            return Ok(EventStream::new(response));
        }
        let refused = transport::collect(response, MAX_ANSWER).await?;
        Err(read::<IgnoredAny>(refused.status, &refused.body)
            .err()
            .unwrap_or(ClientError::TimedOut))
    }

    /// Checks that an engine answers; it may be of another version.
    pub async fn ping(&self) -> Result<(), ClientError> {
        let status: Result<IgnoredAny, _> = self.get("/api/v1/status", &()).await;
        status.map(drop)
    }

    /// # Errors
    /// As every call: the engine does not answer, or refuses.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get("/api/v1/status", &()).await
    }

    pub async fn set_mode(&self, request: &ModeRequest) -> Result<Mode, ClientError> {
        self.send(Method::PUT, "/api/v1/mode", Some(request)).await
    }

    pub async fn connections(
        &self,
        query: &ConnectionsQuery,
    ) -> Result<ConnectionPage, ClientError> {
        self.get("/api/v1/connections", query).await
    }

    pub async fn requests(&self, query: &RequestsQuery) -> Result<RequestPage, ClientError> {
        self.get("/api/v1/requests", query).await
    }

    /// The connections that match, as a file.
    pub async fn export(&self, query: &ExportQuery) -> Result<Bytes, ClientError> {
        let target = with_query("/api/v1/connections/export", query)?;
        let request = self.request(Method::GET, &target, None::<&()>)?;
        let answer =
            transport::send_and_collect(&self.endpoint, request, MAX_ANSWER, CALL_TIMEOUT).await?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        Err(read::<IgnoredAny>(answer.status, &answer.body)
            .err()
            .unwrap_or(ClientError::TimedOut))
    }

    pub async fn close(&self, id: u64) -> Result<Closed, ClientError> {
        self.delete(&format!("/api/v1/connections/{id}"), &()).await
    }

    pub async fn close_matching(&self, filter: &str) -> Result<Closed, ClientError> {
        let query = CloseQuery {
            filter: filter.to_owned(),
            ids: None,
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

    pub async fn upstreams(&self) -> Result<Outbounds, ClientError> {
        self.get("/api/v1/upstreams", &()).await
    }

    pub async fn test_upstream(&self, name: &str) -> Result<UpstreamTest, ClientError> {
        let path = format!("/api/v1/upstreams/{}/test", segment(name));
        self.send(Method::POST, &path, None::<&()>).await
    }

    pub async fn sites(&self) -> Result<Sites, ClientError> {
        self.get("/api/v1/sites", &()).await
    }

    /// Changes a backend by hand. `backend`: its id.
    pub async fn change_backend(
        &self,
        site: &str,
        backend: &str,
        update: &BackendUpdate,
    ) -> Result<SiteBackend, ClientError> {
        let path = format!(
            "/api/v1/sites/{}/backends/{}",
            segment(site),
            segment(backend)
        );
        self.send(Method::PATCH, &path, Some(update)).await
    }

    pub async fn lists(&self) -> Result<Lists, ClientError> {
        self.get("/api/v1/lists", &()).await
    }

    /// The lines of a list that could not be used.
    pub async fn list_lines(&self, name: &str) -> Result<ListLines, ClientError> {
        let path = format!("/api/v1/lists/{}/lines", segment(name));
        self.get(&path, &()).await
    }

    pub async fn refresh_list(&self, name: &str) -> Result<List, ClientError> {
        let path = format!("/api/v1/lists/{}/refresh", segment(name));
        self.send(Method::POST, &path, None::<&()>).await
    }

    /// Carries out an action on a list.
    pub async fn act_on_list(&self, name: &str, action: ListAction) -> Result<List, ClientError> {
        let path = format!("/api/v1/lists/{}/{}", segment(name), action.as_str());
        self.send(Method::POST, &path, None::<&()>).await
    }

    pub async fn add_list(&self, request: &NewList) -> Result<Change, ClientError> {
        self.send(Method::POST, "/api/v1/lists", Some(request))
            .await
    }

    pub async fn remove_list(&self, name: &str) -> Result<Change, ClientError> {
        let path = format!("/api/v1/lists/{}", segment(name));
        self.delete(&path, &()).await
    }

    pub async fn usage(&self, query: &UsageQuery) -> Result<Usage, ClientError> {
        self.get("/api/v1/usage", query).await
    }

    /// Deletes history and totals of a range, or all.
    pub async fn wipe_usage(&self, query: &WipeQuery) -> Result<Wiped, ClientError> {
        self.delete("/api/v1/usage", query).await
    }

    pub async fn rotate_identity(&self) -> Result<Identity, ClientError> {
        self.send(Method::POST, "/api/v1/identity", None::<&()>)
            .await
    }

    /// Adds a rule; with `dry_run` only answers what it would do.
    pub async fn add_rule(&self, request: &NewRule, dry_run: bool) -> Result<Change, ClientError> {
        let path = format!("/api/v1/rules?dry_run={dry_run}");
        self.send(Method::POST, &path, Some(request)).await
    }

    pub async fn rules(&self) -> Result<Rules, ClientError> {
        self.get("/api/v1/rules", &()).await
    }

    pub async fn move_rule(&self, id: &str, position: u32) -> Result<Change, ClientError> {
        let path = format!("/api/v1/rules/{}", segment(id));
        let body = RuleMove { position };
        self.send_if(&rule_version(id), Method::PATCH, &path, Some(&body))
            .await
    }

    /// Replaces a rule of the file; its position stays.
    pub async fn replace_rule(
        &self,
        id: &str,
        request: &RuleUpdate,
    ) -> Result<Change, ClientError> {
        let path = format!("/api/v1/rules/{}", segment(id));
        self.send_if(&rule_version(id), Method::PUT, &path, Some(request))
            .await
    }

    pub async fn remove_rule(&self, id: &str) -> Result<Change, ClientError> {
        let path = format!("/api/v1/rules/{}", segment(id));
        self.send_if(&rule_version(id), Method::DELETE, &path, None::<&()>)
            .await
    }

    pub async fn changes(&self, query: &ChangesQuery) -> Result<Timeline, ClientError> {
        self.get("/api/v1/changes", query).await
    }

    pub async fn undo(&self, id: u64) -> Result<TimelineEntry, ClientError> {
        let path = format!("/api/v1/changes/{id}/undo");
        self.send(Method::POST, &path, None::<&()>).await
    }

    pub async fn first_run(&self) -> Result<FirstRun, ClientError> {
        self.get("/api/v1/first-run", &()).await
    }

    pub async fn system_proxy(&self) -> Result<SystemProxy, ClientError> {
        self.get("/api/v1/system-proxy", &()).await
    }

    pub async fn switch_system_proxy(
        &self,
        request: &SystemProxyRequest,
    ) -> Result<SystemProxy, ClientError> {
        self.send(Method::PUT, "/api/v1/system-proxy", Some(request))
            .await
    }

    /// The settings to copy into programs.
    pub async fn recipes(&self) -> Result<Recipes, ClientError> {
        self.get("/api/v1/apps/settings", &()).await
    }

    pub async fn secrets(&self) -> Result<Secrets, ClientError> {
        self.get("/api/v1/secrets", &()).await
    }

    pub async fn doctor(&self) -> Result<Diagnosis, ClientError> {
        self.get("/api/v1/doctor", &()).await
    }

    /// Makes an address of the page that logs a browser in once.
    pub async fn login_code(&self, request: &LoginCodeRequest) -> Result<LoginCode, ClientError> {
        self.send(Method::POST, "/api/v1/login-codes", Some(request))
            .await
    }

    /// The configuration in force, and its version.
    pub async fn config(&self) -> Result<(serde_json::Value, Option<String>), ClientError> {
        self.get_versioned("/api/v1/config").await
    }

    /// Applies a JSON merge patch (RFC 7396) to the configuration, if it still has the `version` that it is made from.
    pub async fn patch_config(
        &self,
        patch: &serde_json::Value,
        version: Option<&str>,
    ) -> Result<Change, ClientError> {
        let (method, path) = (Method::PATCH, "/api/v1/config");
        match version {
            Some(version) => self.send_if(version, method, path, Some(patch)).await,
            None => self.send(method, path, Some(patch)).await,
        }
    }

    /// Replaces the configuration by a whole file; with `dry_run` only answers what it would do.
    pub async fn replace_config(&self, text: &str, dry_run: bool) -> Result<Change, ClientError> {
        let path = format!("/api/v1/config?dry_run={dry_run}");
        self.call_with(
            Method::PUT,
            &path,
            TOML,
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
            Endpoint::Tcp(address) => builder.header(header::HOST, address.to_string()),
        };
        if let Some(token) = &self.token {
            let value = format!("Bearer {}", token.expose_secret());
            builder = builder.header(header::AUTHORIZATION, value);
        }
        if let Some(kind) = self.kind {
            builder = builder.header(CLIENT_HEADER, kind.as_str());
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
}

fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, ClientError> {
    if status.is_success() {
        // An answer without a body (204) is read as `null`.
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

/// A rule's id changes with its content: it is its version too.
fn rule_version(id: &str) -> String {
    format!("\"{id}\"")
}

/// `text` as one path segment: everything but unreserved characters (RFC 3986 section 2.3) is percent-encoded.
fn segment(text: &str) -> String {
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
    fn a_name_with_reserved_characters_stays_one_segment() {
        assert_eq!(segment("a b/../c?é"), "a%20b%2F..%2Fc%3F%C3%A9");
    }
}
