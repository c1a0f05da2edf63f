//! Carries out clicks, each as one call of the control API.

use privet_api::rules::NewRule;
use privet_api::status::ModeRequest;
use privet_api::system_proxy::SystemProxyRequest;
use privet_api::{Client, ClientError};
use privet_system::clipboard;
use serde_json::json;
use std::ffi::OsString;

use crate::open::{OpenError, Opened, Target, open};
use crate::view::{Action, PAUSE_MODE, PauseLength};

/// How long a blocked host is allowed.
const UNBLOCK_TIME: &str = "1h";

/// A click failed.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    #[error(transparent)]
    Call(#[from] ClientError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("no browser was found; `privet open` prints an address to open")]
    NothingToOpen,
    #[error("the clipboard: {0}")]
    Clipboard(#[from] clipboard::ClipboardError),
    #[error("the clipboard: {0}")]
    ClipboardTask(#[from] tokio::task::JoinError),
    #[error("the engine has no proxy listener to copy")]
    NoListener,
    #[error("nothing gets through in this mode: its route is \"none\"")]
    NoRoute,
}

/// Carries out an action, except [`Action::Quit`], which is the caller's. `places` are the arguments that name this engine's
/// paths to the window.
///
/// # Errors
/// The action failed; the menu shows why.
pub async fn perform(
    client: &Client,
    places: &[OsString],
    action: &Action,
) -> Result<(), ActionError> {
    match action {
        Action::TurnSystemProxyOn => switch_system_proxy(client, true).await?,
        Action::TurnSystemProxyOff => switch_system_proxy(client, false).await?,
        Action::SetMode(name) => set_mode(client, name, None).await?,
        Action::SetRoute { mode, route } => {
            let change = json!({ "modes": { mode: { "route": route } } });
            let (_, version) = client.config().await?;
            client.patch_config(&change, version.as_deref()).await?;
        }
        Action::Pause(PauseLength::For(length)) => {
            let length = format!("{}s", length.as_secs());
            set_mode(client, PAUSE_MODE, Some(length)).await?;
        }
        Action::Pause(PauseLength::UntilRestart) => {
            set_mode(client, PAUSE_MODE, Some("restart".to_owned())).await?;
        }
        Action::NewIdentity => {
            client.rotate_identity().await?;
        }
        Action::CloseAll => {
            client.close_matching("*").await?;
        }
        Action::CopyProxy(shell) => copy_proxy(client, shell).await?,
        Action::Unblock(host) => unblock(client, host).await?,
        Action::OpenWindow => open_window(client, places).await?,
        Action::Quit => {}
    }
    Ok(())
}

async fn switch_system_proxy(client: &Client, enabled: bool) -> Result<(), ActionError> {
    let request = SystemProxyRequest {
        enabled,
        method: None,
        repair: false,
    };
    client.switch_system_proxy(&request).await?;
    Ok(())
}

/// `length`: as the API takes it; `None`: until changed.
async fn set_mode(client: &Client, name: &str, length: Option<String>) -> Result<(), ActionError> {
    let request = ModeRequest {
        mode: name.to_owned(),
        duration: length,
    };
    client.set_mode(&request).await?;
    Ok(())
}

/// Adds a temporary rule before all others, with the route of the current mode and without the filter.
async fn unblock(client: &Client, host: &str) -> Result<(), ActionError> {
    let route = client.status().await?.route.name;
    if route == "none" {
        return Err(ActionError::NoRoute);
    }
    let matches = match host.parse::<std::net::IpAddr>() {
        Ok(ip) => json!({ "ip": [ip.to_string()] }),
        Err(_) => json!({ "domain": [host] }),
    };
    let request = NewRule {
        rule: json!({ "match": matches, "use": route, "filter": false }),
        position: 1,
        lifetime: Some(UNBLOCK_TIME.to_owned()),
    };
    let (_, version) = client.versioned_rules().await?;
    client.add_rule(&request, false, version.as_deref()).await?;
    Ok(())
}

/// Copies the commands that set the proxy in that shell.
async fn copy_proxy(client: &Client, shell: &str) -> Result<(), ActionError> {
    let settings = client.recipes().await?;
    let recipe = settings
        .recipes
        .into_iter()
        .find(|recipe| recipe.id == shell);
    let text = recipe.ok_or(ActionError::NoListener)?.text;
    let copied = tokio::task::spawn_blocking(move || clipboard::copy(&text)).await;
    Ok(copied??)
}

/// A tray has a display; without a browser on it, the menu shows why nothing opened.
async fn open_window(client: &Client, places: &[OsString]) -> Result<(), ActionError> {
    match open(client, places, Target::WindowOrPage).await? {
        Opened::Window | Opened::Browser => Ok(()),
        Opened::Nothing { .. } => Err(ActionError::NothingToOpen),
    }
}
