//! GET, PUT, PATCH /api/v1/config: the running configuration, and what a change does or would do.

use axum::extract::{FromRequest, Request, State};
use privet_api::Problem;
use privet_api::config::{Change, ChangeQuery, TOML};
use privet_config::to_json;
use serde_json::Value;

use crate::config_edit::{apply, edit};
use crate::extract::{self, Json, Query};
use crate::rejection::Answer;
use crate::request_source::RequestSource;
use crate::state::ApiState;

/// Read the running configuration
///
/// With the file's keys and all defaults. A secret in the file itself is shown as `{"plain": true}`; PUT and PATCH keep a
/// secret that is sent back as that.
#[utoipa::path(
    get,
    path = "/api/v1/config",
    tag = "config",
    responses((status = 200, description = "The checked configuration that is in use", body = Object))
)]
pub(crate) async fn read_config(State(api): State<ApiState>) -> axum::Json<Value> {
    axum::Json(to_json(&api.engine.config()))
}

/// Replace the configuration
///
/// Takes what GET answers as `application/json`, or a whole file as `application/toml`.
#[utoipa::path(
    put,
    path = "/api/v1/config",
    tag = "config",
    params(ChangeQuery),
    request_body(content(
        (Object = "application/json"),
        (String = "application/toml")
    )),
    responses((status = 200, description = "What the change did or would do", body = Change))
)]
pub(crate) async fn replace_config(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    Query(query): Query<ChangeQuery>,
    request: Request,
) -> Answer<Change> {
    if extract::is_json(request.headers()) {
        let Json(whole) = Json::<Value>::from_request(request, &api).await?;
        let edited = edit(&api, source, query, move |document| {
            document.replace(&whole)
        });
        return Ok(edited.await?);
    }
    if extract::media_type(request.headers()).as_deref() != Some(TOML) {
        return Err(
            extract::unsupported_media_type("application/json` or `application/toml").into(),
        );
    }
    let body = extract::read_body(request, &api, extract::MAX_BODY).await?;
    let text = String::from_utf8(body.into())
        .map_err(|_| Problem::bad_request("The file is not UTF-8."))?;
    let _guard = api.edit_lock.lock().await;
    Ok(apply(&api, source, query, text, None).await?)
}

/// Patch the configuration
///
/// A JSON merge patch (RFC 7396): null removes a key, an object is merged, an array replaces. The file's comments and order
/// are kept.
#[utoipa::path(
    patch,
    path = "/api/v1/config",
    tag = "config",
    params(ChangeQuery),
    request_body(content(
        (Object = "application/json"),
        (Object = "application/merge-patch+json")
    )),
    responses((status = 200, description = "What the change did or would do", body = Change))
)]
pub(crate) async fn patch_config(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    Query(query): Query<ChangeQuery>,
    Json(patch): Json<Value>,
) -> Answer<Change> {
    let edited = edit(&api, source, query, move |document| document.merge(&patch));
    Ok(edited.await?)
}
