//! The typed client of the API. Each call is a connection of its own.

mod calls;
mod error;
mod request;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event_stream::EventStream;
use crate::transport::{self, Endpoint, FullResponse};
pub use error::ClientError;
use request::{read, refusal, with_query};

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

    pub fn with_kind(mut self, kind: ClientKind) -> Self {
        self.kind = Some(kind);
        self
    }

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
        let answer = self.exchange(request).await?;
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

    /// As [`Client::send_if`]; without a version as [`Client::send`].
    async fn change<B: Serialize, T: DeserializeOwned>(
        &self,
        version: Option<&str>,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T, ClientError> {
        match version {
            Some(version) => self.send_if(version, method, path, body).await,
            None => self.send(method, path, body).await,
        }
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

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<FullResponse, ClientError> {
        let answer =
            transport::send_and_collect(&self.endpoint, request, MAX_ANSWER, CALL_TIMEOUT).await?;
        Ok(answer)
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<T, ClientError> {
        let answer = self.exchange(request).await?;
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
        Err(refusal(refused.status, &refused.body))
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
