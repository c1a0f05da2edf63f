//! Routes requests to the handlers, and makes the OpenAPI document from them.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use privet_api::{Problem, escape};
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::auth::guard::{self, Guard};
use crate::extract::MAX_BODY;
use crate::handlers::document::DocumentJson;
use crate::handlers::login_codes::LoginState;
use crate::rejection::Rejection;
use crate::state::ApiState;
use crate::{conditional, handlers, openapi, page};

/// For servers that only their owner can connect to: the Unix socket, and callers in the same process.
pub fn router(state: &ApiState) -> Router {
    with_headers(calls(state))
}

/// For TCP: behind the Host, Origin and token checks, including calls that do not exist. The page, which contains no data
/// and asks for the token itself, is behind the Host check only; it may exchange a login code for the token.
pub fn guarded_router(state: &ApiState, guard: Guard) -> Router {
    let authorize = middleware::from_fn_with_state(guard.clone(), guard::authorize);
    let login = LoginState {
        codes: state.login_codes.clone(),
        guard,
    };
    with_headers(calls(state).layer(authorize)).merge(page::router(login))
}

/// The API's OpenAPI 3.1 document.
///
/// # Errors
/// None in practice: the document consists of strings.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    documented_calls().1.to_pretty_json()
}

/// All calls, and an answer for everything else: a layer on this router sees every request.
fn calls(state: &ApiState) -> Router {
    let (router, document) = documented_calls();
    let document = document.to_pretty_json().unwrap_or_default();
    router
        .merge(handlers::not_implemented::router())
        .with_state(state.clone())
        .fallback(no_such_call)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(
            state.clone(),
            conditional::layer,
        ))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(Extension(DocumentJson(Bytes::from(document))))
}

/// All calls, and the document made from them.
fn documented_calls() -> (Router<ApiState>, utoipa::openapi::OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(openapi::ApiDocument::openapi())
        .merge(traffic_calls())
        .merge(configuration_calls())
        .merge(outbound_and_list_calls())
        .merge(inspection_calls())
        .merge(desktop_calls())
        .split_for_parts();
    openapi::complete(&mut document);
    (router, document)
}

/// What passes the gateway, and by which mode.
fn traffic_calls() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(handlers::status::read_status))
        .routes(routes!(handlers::status::set_mode))
        .routes(routes!(
            handlers::connections::list_connections,
            handlers::connections::close_matching
        ))
        .routes(routes!(handlers::connections::close_connection))
        .routes(routes!(handlers::export::export_connections))
        .routes(routes!(handlers::requests::list_requests))
        .routes(routes!(handlers::export::export_requests))
        .routes(routes!(
            handlers::cache::entries::read_cache,
            handlers::cache::purge::purge_cache
        ))
        .routes(routes!(handlers::cache::purge::undo_purge))
        .routes(routes!(handlers::cache::purge::pin_cached))
        .routes(routes!(handlers::scan::read_scan))
        .routes(routes!(handlers::scan::test_scan))
        .routes(routes!(handlers::scan::allow_once))
        .routes(
            routes!(handlers::scan::scan_file)
                .layer(DefaultBodyLimit::max(handlers::scan::MAX_FILE)),
        )
        .routes(routes!(handlers::query_language::read_query_language))
        .routes(routes!(handlers::why::explain))
        .routes(routes!(handlers::events::watch_events))
        .routes(routes!(
            handlers::usage::get_usage,
            handlers::usage::wipe_usage
        ))
        .routes(routes!(handlers::identity::rotate_identity))
}

/// The configuration, its rules and secrets, and the timeline of changes.
fn configuration_calls() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(
            handlers::config::read_config,
            handlers::config::replace_config,
            handlers::config::patch_config
        ))
        .routes(routes!(
            handlers::config_file::read_file,
            handlers::config_file::replace_file
        ))
        .routes(routes!(
            handlers::rules::list_rules,
            handlers::rules::add_rule
        ))
        .routes(routes!(
            handlers::rules::replace_rule,
            handlers::rules::move_rule,
            handlers::rules::remove_rule
        ))
        .routes(routes!(handlers::changes::list_changes))
        .routes(routes!(handlers::changes::undo_change))
        .routes(routes!(handlers::secrets::list_secrets))
        .routes(routes!(
            handlers::secrets::store_secret,
            handlers::secrets::delete_secret
        ))
}

fn outbound_and_list_calls() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(handlers::upstreams::list_upstreams))
        .routes(routes!(handlers::upstreams::test_upstream))
        .routes(routes!(handlers::sites::list_sites))
        .routes(routes!(handlers::sites::change_backend))
        .routes(routes!(
            handlers::lists::states::list_lists,
            handlers::lists::changes::add_list
        ))
        .routes(routes!(handlers::lists::changes::remove_list))
        .routes(routes!(handlers::lists::states::refresh_list))
        .routes(routes!(handlers::lists::states::list_lines))
        .routes(routes!(handlers::lists::changes::act_on_list))
        .routes(routes!(handlers::lists::states::read_catalogue))
}

fn inspection_calls() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(handlers::inspect::read_inspection))
        .routes(routes!(handlers::inspect::make_authority))
        .routes(routes!(handlers::inspect::change_trust))
        .routes(routes!(handlers::inspect::except_host))
        .routes(routes!(handlers::inspect::end_exceptions))
}

/// What the desktop needs: system proxy, first run, programs, diagnostics, and the document of the calls.
fn desktop_calls() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(
            handlers::system_proxy::read_system_proxy,
            handlers::system_proxy::switch_system_proxy
        ))
        .routes(routes!(
            handlers::first_run::read_first_run,
            handlers::first_run::end_first_run
        ))
        .routes(routes!(handlers::apps::list_apps))
        .routes(routes!(handlers::apps::start_app))
        .routes(routes!(handlers::apps::read_icon))
        .routes(routes!(handlers::apps::read_settings))
        .routes(routes!(handlers::login_codes::create_login_code))
        .routes(routes!(handlers::diagnostics::diagnose))
        .routes(routes!(handlers::document::read_document))
}

fn with_headers(router: Router) -> Router {
    router.layer(middleware::from_fn(add_headers))
}

async fn no_such_call(uri: Uri) -> Rejection {
    Problem::not_found(format!("There is no call {}.", escape(uri.path())))
        .help("`privet openapi` prints all calls.")
        .into()
}

async fn no_such_method(method: Method) -> Rejection {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        format!("This call does not take {method}."),
    )
    .into()
}

/// No answer is cached, framed or read as a page.
async fn add_headers(request: Request, next: Next) -> Response {
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
