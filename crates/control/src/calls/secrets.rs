//! GET /api/v1/secrets, PUT and DELETE /api/v1/secrets/{name}: passwords on their way into the keyring. None comes back.

use std::fmt;

use axum::body::Bytes;
use axum::extract::{Request, State};
use http::StatusCode;
use privet_config::{Config, Keyring, KeyringError, KeyringStatus, MAX_SECRET, Secret};
use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Api;
use crate::extract::{self, Segment};
use crate::logs::escape;
use crate::problem::Problem;

/// Longest name of an entry, in characters.
pub const MAX_NAME: usize = 128;

/// The keyring, and what the configuration wants of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Secrets {
    pub keyring: KeyringState,
    /// Why it is not open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub text: Option<String>,
    /// The entries that the configuration refers to, each once.
    pub secrets: Vec<SecretEntry>,
}

/// How the keyring stands; looking at it asks nobody for a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyringState {
    Open,
    /// A secret that is kept or read now asks the person for the keyring's password.
    Locked,
    /// No keyring runs in this session.
    Absent,
    Failed,
}

/// One entry of the keyring, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretEntry {
    pub name: String,
    /// Who refers to it: "upstream office", "user alice".
    pub used_by: Vec<String>,
    /// Whether the keyring has it; null where it does not tell.
    pub kept: Option<bool>,
}

/// A secret to be kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretWish {
    #[schema(value_type = String, write_only, min_length = 1, max_length = 4096, example = "correct horse")]
    value: Value,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretKept {
    pub name: String,
    pub used_by: Vec<String>,
    /// Why those who use it do not have it yet, though it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub text: Option<String>,
}

/// A secret as it comes out of JSON; wiped when dropped.
struct Value(SecretString);

impl fmt::Debug for SecretWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretWish")
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value(SecretString::from(text)))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The keyring's entries
#[utoipa::path(
    get,
    path = "/api/v1/secrets",
    tag = "secrets",
    responses(
        (status = 200, description = "Names, never secrets", body = Secrets),
        (status = 500, description = "The question broke off", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_secrets(State(api): State<Api>) -> Result<axum::Json<Secrets>, Problem> {
    let config = api.engine.config();
    let mut secrets: Vec<SecretEntry> = Vec::new();
    for (_, secret) in config.secrets() {
        if let Secret::Keyring(name) = secret
            && !secrets.iter().any(|entry| entry.name == *name)
        {
            secrets.push(SecretEntry {
                name: name.clone(),
                used_by: used_by(&config, name),
                kept: None,
            });
        }
    }
    let names: Vec<String> = secrets.iter().map(|entry| entry.name.clone()).collect();
    let glance = ask(&api, move |keyring| keyring.status(&names)).await?;
    let (keyring, text) = match glance {
        Ok(KeyringStatus { locked, kept }) => {
            for (entry, kept) in secrets.iter_mut().zip(kept) {
                entry.kept = kept;
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

/// Keep a secret
///
/// Over what was there. Who refers to it has the new one at once. A locked keyring asks its person for the password, a
/// minute at most.
#[utoipa::path(
    put,
    path = "/api/v1/secrets/{name}",
    tag = "secrets",
    params(("name" = String, Path, description = "As the configuration refers to it: { keyring = \"NAME\" }", min_length = 1, max_length = 128)),
    request_body = SecretWish,
    responses(
        (status = 200, description = "It is kept", body = SecretKept),
        (status = 409, description = "The keyring is absent, locked or failed: nothing is kept anywhere", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Empty or too long", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn keep_secret(
    State(api): State<Api>,
    Segment(name): Segment<String>,
    request: Request,
) -> Result<axum::Json<SecretKept>, Problem> {
    sound_name(&name)?;
    let Value(secret) = read(request, &api).await?;
    match secret.expose_secret().len() {
        0 => return Err(Problem::unprocessable("secret", "An empty secret is none.")),
        length if length > MAX_SECRET => {
            return Err(Problem::unprocessable(
                "secret",
                format!("A secret has {MAX_SECRET} bytes at most."),
            ));
        }
        _ => {}
    }
    let key = name.clone();
    ask(&api, move |keyring| keyring.write(&key, &secret))
        .await?
        .map_err(|error| refused(&error))?;
    // Only now: the keyring may have waited for its person, and nobody's edit waits for that.
    let _turn = api.editing.lock().await;
    let used_by = used_by(&api.engine.config(), &name);
    // Who uses it reads it anew.
    let reloaded = match used_by.is_empty() {
        true => None,
        false => api.engine.reload().await.err(),
    };
    Ok(axum::Json(SecretKept {
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
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is none of that name", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The configuration refers to it, or the keyring is absent, locked or failed", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn delete_secret(
    State(api): State<Api>,
    Segment(name): Segment<String>,
) -> Result<StatusCode, Problem> {
    sound_name(&name)?;
    let _turn = api.editing.lock().await;
    if let Some(user) = used_by(&api.engine.config(), &name).first() {
        return Err(
            Problem::conflict(escape(&format!("The {user} uses \"{name}\".")))
                .help("Take the reference out of the configuration first."),
        );
    }
    let deleted = ask(&api, move |keyring| keyring.delete(&name)).await?;
    deleted
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|error| refused(&error))
}

/// The body's secret; the bytes it came in are wiped.
async fn read(request: Request, api: &Api) -> Result<Value, Problem> {
    if !extract::is_json(request.headers()) {
        return Err(extract::wrong_type("application/json"));
    }
    let body = extract::read_body(request, api).await?;
    // The parser's own words may cite what it read.
    let wish = serde_json::from_slice::<SecretWish>(&body).map_err(|_| {
        Problem::bad_request("The body is not what this call takes: {\"value\": \"…\"}.")
    });
    wipe(body);
    wish.map(|wish| wish.value)
}

fn wipe(body: Bytes) {
    if let Ok(mut own) = body.try_into_mut() {
        own.as_mut().zeroize();
    }
}

/// Asks the keyring off the runtime's threads.
async fn ask<T: Send + 'static>(
    api: &Api,
    question: impl FnOnce(&dyn Keyring) -> T + Send + 'static,
) -> Result<T, Problem> {
    let keyring = api.engine.options().keyring.clone();
    tokio::task::spawn_blocking(move || question(&*keyring))
        .await
        .map_err(|error| Problem::internal(error.to_string()))
}

fn used_by(config: &Config, name: &str) -> Vec<String> {
    let uses = |secret: &Secret| matches!(secret, Secret::Keyring(used) if used == name);
    let users = config.secrets().filter(|(_, secret)| uses(secret));
    users.map(|(whose, _)| whose).collect()
}

fn sound_name(name: &str) -> Result<(), Problem> {
    extract::at_most(name, MAX_NAME, "name")?;
    match name.trim().is_empty() || name.chars().any(char::is_control) {
        true => Err(Problem::bad_request("That is no name of an entry.")),
        false => Ok(()),
    }
}

const fn state(error: &KeyringError) -> KeyringState {
    match error {
        KeyringError::NoService => KeyringState::Absent,
        KeyringError::Locked => KeyringState::Locked,
        KeyringError::NoEntry | KeyringError::Failed(_) => KeyringState::Failed,
    }
}

/// The keyring's refusal, under a name that a door decides by.
fn refused(error: &KeyringError) -> Problem {
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
        KeyringError::Failed(_) => ("keyring-failed", format!("Try again, or {otherwise}.")),
    };
    let detail = format!("Nothing was kept: {}.", escape(&error.to_string()));
    Problem::new(StatusCode::CONFLICT, name, detail).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_holds_one_text_and_shows_it_to_nobody() {
        let wish: SecretWish = serde_json::from_str(r#"{"value": "p\u00e4ss"}"#).unwrap();
        assert_eq!(wish.value.0.expose_secret(), "päss");
        assert_eq!(format!("{wish:?}"), "SecretWish");
        for bad in [r#"{"value": 7}"#, r#"{}"#, r#"{"value":"a","also":1}"#] {
            assert!(serde_json::from_str::<SecretWish>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_is_short_and_plain() {
        assert!(sound_name("upstream office").is_ok());
        for bad in ["", " ", "a\nb", &"x".repeat(MAX_NAME + 1)] {
            assert!(sound_name(bad).is_err(), "{bad:?}");
        }
    }
}
