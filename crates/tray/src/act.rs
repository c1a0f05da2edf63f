//! What a click does: one call of the control API each.

use std::ffi::OsString;
use std::time::Duration;

use privet_control::calls::apps::Recipes;
use privet_control::calls::rules::RuleWish;
use privet_control::calls::status::ModeWish;
use privet_control::calls::system_proxy::SystemProxyWish;
use privet_control::{Client, ClientError};
use privet_system::{clipboard, window};
use serde_json::json;

use crate::view::{Action, PAUSE};

/// How long something blocked is let through.
const UNBLOCK: &str = "1h";

/// A click that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    #[error(transparent)]
    Call(#[from] ClientError),
    #[error(transparent)]
    Window(#[from] window::WindowError),
    #[error("the clipboard: {0}")]
    Clipboard(#[from] std::io::Error),
    #[error("the engine has no proxy listener to copy")]
    NoListener,
    #[error("nothing gets through in this mode: its route is \"none\"")]
    NoRoute,
}

/// Carries out all but [`Action::Quit`], which is its caller's. `places` are the words that name this engine's places to the
/// window.
///
/// # Errors
/// [`ActError`]: what the menu's first line should say.
pub async fn act(client: &Client, places: &[OsString], action: &Action) -> Result<(), ActError> {
    match action {
        Action::SystemProxy(enabled) => {
            let wish = SystemProxyWish {
                enabled: *enabled,
                means: None,
                repair: false,
            };
            client.switch_system_proxy(&wish).await?;
        }
        Action::Mode(name) => mode(client, name, None).await?,
        Action::Route { mode, route } => {
            let change = json!({ "modes": { mode: { "route": route } } });
            client.patch_config(&change).await?;
        }
        Action::Pause(span) => mode(client, PAUSE, *span).await?,
        Action::NewIdentity => {
            client.rotate_identity().await?;
        }
        Action::CloseAll => {
            client.close_matching("*").await?;
        }
        Action::CopyProxy(shell) => copy_proxy(client, shell).await?,
        Action::Unblock(host) => unblock(client, host).await?,
        Action::Open => open(client, places).await?,
        Action::Quit => {}
    }
    Ok(())
}

async fn mode(client: &Client, name: &str, span: Option<Duration>) -> Result<(), ActError> {
    let wish = ModeWish {
        mode: name.to_owned(),
        duration: span.map(|span| format!("{}s", span.as_secs())),
    };
    client.set_mode(&wish).await?;
    Ok(())
}

/// A rule before all others that ends by itself; it takes the way that the mode takes, so that it opens no other.
async fn unblock(client: &Client, host: &str) -> Result<(), ActError> {
    let route = client.status().await?.route.name;
    if route == "none" {
        return Err(ActError::NoRoute);
    }
    let matches = match host.parse::<std::net::IpAddr>() {
        Ok(ip) => json!({ "ip": [ip.to_string()] }),
        Err(_) => json!({ "domain": [host] }),
    };
    let wish = RuleWish {
        rule: json!({ "match": matches, "use": route }),
        at: 0,
        lasts: Some(UNBLOCK.to_owned()),
    };
    client.add_rule(&wish, false).await?;
    Ok(())
}

/// The words that a shell of that kind takes.
async fn copy_proxy(client: &Client, shell: &str) -> Result<(), ActError> {
    let settings: Recipes = client.get("/api/v1/apps/settings", &()).await?;
    let recipe = settings
        .recipes
        .into_iter()
        .find(|recipe| recipe.id == shell);
    let text = recipe.ok_or(ActError::NoListener)?.text;
    let copied = tokio::task::spawn_blocking(move || clipboard::copy(&text)).await;
    copied.map_err(std::io::Error::other)??;
    Ok(())
}

async fn open(client: &Client, places: &[OsString]) -> Result<(), ActError> {
    window::open(places, client.page().await.as_deref())?;
    Ok(())
}
