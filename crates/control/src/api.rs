//! The whole API as one router, and what its calls share.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::{Router, extract::Request, middleware::Next};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use privet_engine::Engine;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::MAX_BODY;
use crate::guard::{self, Guard};
use crate::problem::Problem;
use crate::system_proxy::SystemProxy;
use crate::{calls, openapi, page};

/// Event streams at a time, over all doors: each of them is a connection that stays.
pub const MAX_WATCHERS: usize = 32;

/// What every call may use.
#[derive(Clone)]
pub struct Api {
    pub(crate) engine: Engine,
    pub(crate) started_ms: u64,
    pub(crate) watchers: Arc<Semaphore>,
    /// Held while the configuration is edited.
    pub(crate) editing: Arc<Mutex<()>>,
    pub(crate) closing: CancellationToken,
    pub(crate) system_proxy: SystemProxy,
    pub(crate) menu: calls::apps::Menu,
}

impl Api {
    /// The API of a running engine. Once `closing` is cancelled, event streams end.
    pub fn new(engine: Engine, closing: CancellationToken) -> Self {
        Self {
            engine,
            started_ms: crate::logs::now_ms(),
            watchers: Arc::new(Semaphore::new(MAX_WATCHERS)),
            editing: Arc::default(),
            closing,
            system_proxy: SystemProxy::none(),
            menu: calls::apps::Menu::default(),
        }
    }

    /// Gives it the desktop's proxy to show and to switch; without, the desktop is left alone.
    #[must_use]
    pub fn with_system_proxy(mut self, system_proxy: SystemProxy) -> Self {
        self.system_proxy = system_proxy;
        self
    }

    /// For doors that only their owner can open: the Unix socket, and callers in the same process.
    pub fn router(&self) -> Router {
        harden_all(self.whole())
    }

    /// For TCP: behind the Host, Origin and token checks, calls that do not exist included. The page, which holds no data
    /// and asks for the token itself, is behind the Host check alone.
    pub fn guarded_router(&self, guard: Guard) -> Router {
        let admit = middleware::from_fn_with_state(guard, guard::admit);
        harden_all(self.whole().layer(admit)).merge(page::router())
    }

    /// All calls, and an answer for everything else: a layer put on this router sees every request.
    fn whole(&self) -> Router {
        all_calls()
            .0
            .with_state(self.clone())
            .fallback(no_such_call)
            .method_not_allowed_fallback(no_such_method)
            .layer(DefaultBodyLimit::max(MAX_BODY))
    }
}

/// The document of the API, whole.
pub fn document() -> utoipa::openapi::OpenApi {
    all_calls().1
}

/// All calls, and the document made from them.
fn all_calls() -> (Router<Api>, utoipa::openapi::OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(openapi::Document::openapi())
        .routes(routes!(calls::status::get_status))
        .routes(routes!(calls::status::set_mode))
        .routes(routes!(
            calls::connections::list_connections,
            calls::connections::close_matching
        ))
        .routes(routes!(calls::connections::close_connection))
        .routes(routes!(calls::export::export_connections))
        .routes(routes!(calls::language::read_language))
        .routes(routes!(calls::why::ask_why))
        .routes(routes!(calls::events::watch_events))
        .routes(routes!(
            calls::config::read_config,
            calls::config::replace_config,
            calls::config::patch_config
        ))
        .routes(routes!(calls::file::read_file, calls::file::replace_file))
        .routes(routes!(calls::rules::list_rules, calls::rules::add_rule))
        .routes(routes!(calls::rules::move_rule, calls::rules::remove_rule))
        .routes(routes!(calls::changes::list_changes))
        .routes(routes!(calls::changes::undo_change))
        .routes(routes!(calls::secrets::list_secrets))
        .routes(routes!(
            calls::secrets::keep_secret,
            calls::secrets::delete_secret
        ))
        .routes(routes!(calls::upstreams::list_upstreams))
        .routes(routes!(calls::upstreams::test_upstream))
        .routes(routes!(calls::lists::list_lists, calls::lists::add_list))
        .routes(routes!(calls::lists::remove_list))
        .routes(routes!(calls::lists::refresh_list))
        .routes(routes!(calls::lists::act_on_list))
        .routes(routes!(calls::lists::read_catalogue))
        .routes(routes!(calls::usage::get_usage))
        .routes(routes!(calls::identity::rotate_identity))
        .routes(routes!(
            calls::system_proxy::read_system_proxy,
            calls::system_proxy::switch_system_proxy
        ))
        .routes(routes!(
            calls::first_run::read_first_run,
            calls::first_run::end_first_run
        ))
        .routes(routes!(calls::apps::list_apps))
        .routes(routes!(calls::apps::start_app))
        .routes(routes!(calls::apps::read_icon))
        .routes(routes!(calls::apps::read_settings))
        .routes(routes!(calls::doctor::examine))
        .routes(routes!(calls::document::read_document))
        .split_for_parts();
    openapi::complete(&mut document);
    (router.merge(calls::later::router()), document)
}

fn harden_all(router: Router) -> Router {
    router.layer(middleware::from_fn(harden))
}

async fn no_such_call(uri: Uri) -> Problem {
    Problem::not_found(format!(
        "There is no call {}.",
        crate::logs::escape(uri.path())
    ))
    .help("GET /api/v1/openapi.json lists all calls.")
}

async fn no_such_method(method: Method) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        format!("This call does not take {method}."),
    )
}

/// Answers are for this caller alone, and never a page.
async fn harden(request: Request, next: Next) -> Response {
    const HEADERS: [(&str, &str); 5] = [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    let mut response = next.run(request).await.into_response();
    for (name, value) in HEADERS {
        response.headers_mut().insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}
