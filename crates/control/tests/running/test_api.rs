//! An engine for one test, and calls to its router without a socket.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use privet_config::NoKeyring;
use privet_control::{ApiState, router};
use privet_engine::{Engine, EngineOptions};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A running engine on ports of the system's choice.
pub struct TestApi {
    pub dir: TempDir,
    pub engine: Engine,
    pub state: ApiState,
    pub closing: CancellationToken,
}

impl TestApi {
    /// `text` is the configuration's, without `[listen]`.
    pub async fn start(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config_path = dir.path().join("privet.toml");
        let whole = format!("# kept\n{text}\n[listen]\nmixed = [\"127.0.0.1:0\"]\npac = \"\"\n");
        std::fs::write(&config_path, whole).unwrap();
        let engine = Engine::start(EngineOptions {
            config_path,
            data_dir: dir.path().join("data"),
            keyring: Arc::new(NoKeyring),
            adopted: Vec::new(),
            threads: Some(1),
        })
        .await
        .unwrap();
        let closing = CancellationToken::new();
        let state = ApiState::new(engine.clone(), closing.clone());
        Self {
            dir,
            engine,
            state,
            closing,
        }
    }

    pub fn file(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("privet.toml")).unwrap()
    }

    /// A call with a JSON body, or none.
    pub async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        Answer::read(call(router(&self.state), request).await).await
    }
}

/// One call of a router, its answer's body still to be read.
pub async fn call(router: Router, request: Request<Body>) -> Response<Body> {
    TowerToHyperService::new(router)
        .call(request)
        .await
        .unwrap()
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn kind(&self) -> &str {
        self.headers["content-type"].to_str().unwrap()
    }
}
