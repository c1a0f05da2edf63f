//! GET /api/v1/secrets, PUT and DELETE /api/v1/secrets/{name}: stores passwords in the keyring. None is ever answered.

use axum::body::Bytes;
use axum::extract::{Request, State};
use http::StatusCode;
use privet_api::secrets::{
    KeyringState, MAX_SECRET_NAME, SecretEntry, SecretUpdate, SecretValue, Secrets, StoredSecret,
};
use privet_api::{Problem, escape};
use privet_config::{Config, Keyring, KeyringError, KeyringStatus, MAX_SECRET, Secret};
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroize;

use crate::extract::{self, PathParam, check_length};
use crate::rejection::{Answer, Rejection};
use crate::state::ApiState;

/// List the keyring's entries
#[utoipa::path(
    get,
    path = "/api/v1/secrets",
    tag = "secrets",
    responses(
        (status = 200, description = "Names, never secrets", body = Secrets),
        (status = 500, description = "The keyring was not asked")
    )
)]
pub(crate) async fn list_secrets(State(api): State<ApiState>) -> Answer<Secrets> {
    let config = api.engine.config();
    let mut secrets: Vec<SecretEntry> = Vec::new();
    for (_, secret) in config.secrets() {
        if let Secret::Keyring(name) = secret
            && !secrets.iter().any(|entry| entry.name == *name)
        {
            secrets.push(SecretEntry {
                name: name.clone(),
                used_by: used_by(&config, name),
                stored: None,
            });
        }
    }
    let names: Vec<String> = secrets.iter().map(|entry| entry.name.clone()).collect();
    let status = with_keyring(&api, move |keyring| keyring.status(&names)).await?;
    let (keyring, text) = match status {
        Ok(KeyringStatus { locked, stored }) => {
            for (entry, is_stored) in secrets.iter_mut().zip(stored) {
                entry.stored = is_stored;
            }
            match locked {
                true => (KeyringState::Locked, Some(KeyringError::Locked.to_string())),
                false => (KeyringState::Open, None),
            }
        }
        Err(error) => (state(&error), Some(error.to_string())),
    };
    Ok(axum::Json(Secrets {
        keyring,
        text,
        secrets,
    }))
}

/// Store a secret
///
/// Replaces the one stored before. Everything that refers to it uses the new one at once. A locked keyring prompts for its
/// password, for a minute at most.
#[utoipa::path(
    put,
    path = "/api/v1/secrets/{name}",
    tag = "secrets",
    params(("name" = String, Path, description = "As the configuration refers to it: { keyring = \"NAME\" }", min_length = 1, max_length = 128)),
    request_body = SecretUpdate,
    responses(
        (status = 200, description = "It was stored", body = StoredSecret),
        (status = 409, description = "The keyring is absent, locked or failed: nothing was stored"),
        (status = 422, description = "Empty or too long")
    )
)]
pub(crate) async fn store_secret(
    State(api): State<ApiState>,
    PathParam(name): PathParam<String>,
    request: Request,
) -> Answer<StoredSecret> {
    check_name(&name)?;
    let SecretValue(secret) = read_secret(request, &api).await?;
    match secret.expose_secret().len() {
        0 => return Err(Problem::unprocessable("secret", "The secret is empty.").into()),
        length if length > MAX_SECRET => {
            return Err(Problem::unprocessable(
                "secret",
                format!("A secret has {MAX_SECRET} bytes at most."),
            )
            .into());
        }
        _ => {}
    }
    let key = name.clone();
    with_keyring(&api, move |keyring| keyring.write(&key, &secret))
        .await?
        .map_err(|error| keyring_problem(&error))?;
    // Taken only now: the keyring may have waited for the user, and edits must not wait for that.
    let _guard = api.edit_lock.lock().await;
    let used_by = used_by(&api.engine.config(), &name);
    // The engine reads it again where it is used.
    let reloaded = match used_by.is_empty() {
        true => None,
        false => api.engine.reload_secret(&name).await.err(),
    };
    Ok(axum::Json(StoredSecret {
        text: reloaded.map(|error| escape(&error.to_string())),
        name,
        used_by,
    }))
}

/// Delete a secret
#[utoipa::path(
    delete,
    path = "/api/v1/secrets/{name}",
    tag = "secrets",
    params(("name" = String, Path, description = "The entry's name", min_length = 1, max_length = 128)),
    responses(
        (status = 204, description = "It was deleted"),
        (status = 404, description = "There is none of that name"),
        (status = 409, description = "The configuration refers to it, or the keyring is absent, locked or failed")
    )
)]
pub(crate) async fn delete_secret(
    State(api): State<ApiState>,
    PathParam(name): PathParam<String>,
) -> Result<StatusCode, Rejection> {
    check_name(&name)?;
    let _guard = api.edit_lock.lock().await;
    if let Some(user) = used_by(&api.engine.config(), &name).first() {
        return Err(
            Problem::conflict(escape(&format!("The {user} uses \"{name}\".")))
                .help("Remove the reference from the configuration first.")
                .into(),
        );
    }
    let deleted = with_keyring(&api, move |keyring| keyring.delete(&name)).await?;
    deleted.map_err(|error| keyring_problem(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// The body's secret; the bytes it came in are zeroed.
async fn read_secret(request: Request, api: &ApiState) -> Result<SecretValue, Problem> {
    if !extract::is_json(request.headers()) {
        return Err(extract::unsupported_media_type("application/json"));
    }
    let body = extract::read_body(request, api, extract::MAX_BODY).await?;
    // The parser's message may quote its input.
    let update = serde_json::from_slice::<SecretUpdate>(&body).map_err(|_| {
        Problem::bad_request("The body is not what this call takes: {\"value\": \"…\"}.")
    });
    zeroize_body(body);
    update.map(|update| update.value)
}

fn zeroize_body(body: Bytes) {
    if let Ok(mut own) = body.try_into_mut() {
        own.as_mut().zeroize();
    }
}

/// Calls the keyring on a blocking thread.
async fn with_keyring<T: Send + 'static>(
    api: &ApiState,
    call: impl FnOnce(&dyn Keyring) -> T + Send + 'static,
) -> Result<T, Problem> {
    let keyring = api.engine.options().keyring.clone();
    tokio::task::spawn_blocking(move || call(&*keyring))
        .await
        .map_err(|error| Problem::internal(error.to_string()))
}

fn used_by(config: &Config, name: &str) -> Vec<String> {
    let uses = |secret: &Secret| matches!(secret, Secret::Keyring(used) if used == name);
    let users = config.secrets().filter(|(_, secret)| uses(secret));
    users.map(|(whose, _)| whose).collect()
}

fn check_name(name: &str) -> Result<(), Problem> {
    check_length(name, MAX_SECRET_NAME, "name")?;
    match name.trim().is_empty() || name.chars().any(char::is_control) {
        true => Err(Problem::bad_request("That is no name of an entry.")),
        false => Ok(()),
    }
}

const fn state(error: &KeyringError) -> KeyringState {
    match error {
        KeyringError::NoService => KeyringState::Absent,
        KeyringError::Locked => KeyringState::Locked,
        KeyringError::NoEntry | KeyringError::Crashed | KeyringError::Failed(_) => {
            KeyringState::Failed
        }
    }
}

/// The problem for an error of the keyring; its type distinguishes the cases.
fn keyring_problem(error: &KeyringError) -> Problem {
    let otherwise = "refer to { env = \"NAME\" } or { file = \"PATH\" } instead";
    let (name, help) = match error {
        KeyringError::NoEntry => {
            return Problem::not_found("The keyring has no entry of that name.");
        }
        KeyringError::NoService => ("keyring-absent", format!("Start one, or {otherwise}.")),
        KeyringError::Locked => (
            "keyring-locked",
            format!("Unlock it and try again, or {otherwise}."),
        ),
        KeyringError::Crashed => (
            "keyring-failed",
            format!("Restart the keyring's service or log in anew and try again, or {otherwise}."),
        ),
        KeyringError::Failed(_) => ("keyring-failed", format!("Try again, or {otherwise}.")),
    };
    let detail = format!("Nothing was stored: {}.", escape(&error.to_string()));
    Problem::new(StatusCode::CONFLICT, name, detail).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        assert!(check_name("upstream office").is_ok());
        for bad in ["", " ", "a\nb", &"x".repeat(MAX_SECRET_NAME + 1)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
