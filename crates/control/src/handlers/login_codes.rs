//! POST /api/v1/login-codes makes a code; POST /login, called by the page without a token, exchanges it for the token.

use std::time::Instant;

use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use privet_api::Problem;
use privet_api::address::reachable;
use privet_api::login_code::{LoginCode, LoginCodeRequest};
use serde::{Deserialize, Serialize};

use crate::auth::guard::{ConnectionAddresses, Guard};
use crate::auth::login_codes::{LoginCodes, VALID_FOR};
use crate::extract::{Json, read_body};
use crate::rejection::{Answer, Rejection};
use crate::state::ApiState;

/// Create a login code
///
/// Makes a code that the page exchanges for the token: it works once, within two minutes.
#[utoipa::path(
    post,
    path = "/api/v1/login-codes",
    tag = "engine",
    request_body = LoginCodeRequest,
    responses(
        (status = 200, description = "The address to open", body = LoginCode),
        (status = 409, description = "The page is not served", body = Problem)
    )
)]
pub(crate) async fn create_login_code(
    State(api): State<ApiState>,
    Json(request): Json<LoginCodeRequest>,
) -> Answer<LoginCode> {
    let page = api.login_codes.page().ok_or_else(|| {
        Problem::conflict("There is no page to open: it is turned off.").help(
            "Set [control] http = \"127.0.0.1:7282\" in the configuration, or install privet-desktop.",
        )
    })?;
    let code = api
        .login_codes
        .issue(request.user, Instant::now())
        .map_err(|error| Problem::internal(error.to_string()))?;
    let valid_ms = u64::try_from(VALID_FOR.as_millis()).unwrap_or(u64::MAX);
    Ok(axum::Json(LoginCode {
        url: format!("http://{}/#code={code}", reachable(page)),
        expires_ms: privet_api::now_ms().saturating_add(valid_ms),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    code: String,
}

#[derive(Serialize)]
struct LoggedIn<'a> {
    token: &'a str,
}

/// Largest body of a login, in bytes.
pub(crate) const MAX_LOGIN_BODY: usize = 1024;

/// What [`log_in`] needs.
#[derive(Clone)]
pub(crate) struct LoginState {
    pub codes: LoginCodes,
    pub guard: Guard,
}

/// Answers a valid code with the token; 401 with an empty body and a delay otherwise.
pub(crate) async fn log_in(
    Extension(LoginState { codes, guard }): Extension<LoginState>,
    Extension(connection): Extension<ConnectionAddresses>,
    request: Request,
) -> Response {
    let is_json = crate::extract::is_json(request.headers());
    let body = match read_body(request, &(), MAX_LOGIN_BODY).await {
        Ok(body) if is_json => body,
        Ok(_) => {
            return Rejection(crate::extract::unsupported_media_type("application/json"))
                .into_response();
        }
        Err(problem) => return Rejection(problem).into_response(),
    };
    let Ok(login) = serde_json::from_slice::<Login>(&body) else {
        return Rejection(Problem::bad_request("The body has no code.")).into_response();
    };
    let (client, local) = (connection.peer, connection.local);
    let user = tokio::task::spawn_blocking(move || privet_system::user_behind(client, local));
    let user = user.await.unwrap_or_default();
    if !codes.redeem(&login.code, user, Instant::now()) {
        return guard.unauthorized(client.ip()).await;
    }
    let mut response = axum::Json(LoggedIn {
        token: guard.token().expose(),
    })
    .into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
