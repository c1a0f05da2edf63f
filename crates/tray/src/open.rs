//! Opens the window, or the page in a browser, logged in.

use std::ffi::OsString;

use privet_api::login_code::LoginCodeRequest;
use privet_api::{Client, ClientError};
use privet_system::{apps, window};

/// What was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The window; one that was open is raised.
    Window,
    /// The page in a browser.
    Browser,
    /// Nothing: there is no display or no browser. This address logs a browser in once, within two minutes.
    Nothing { url: String },
}

/// What to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The window where it is installed, else the page.
    WindowOrPage,
    Page,
    /// Nothing: the address only.
    Address,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Call(#[from] ClientError),
    #[error(transparent)]
    Window(#[from] window::WindowError),
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

/// Opens the window of the engine whose paths `places` name, or its page.
///
/// # Errors
/// The window cannot be started, or there is no window and no page.
pub async fn open(
    client: &Client,
    places: &[OsString],
    target: Target,
) -> Result<Opened, OpenError> {
    let has_session = apps::has_session();
    if target == Target::WindowOrPage && has_session && window::open_window(places)? {
        return Ok(Opened::Window);
    }
    let request = LoginCodeRequest {
        user: privet_system::invoking_user(),
    };
    let url = client.login_code(&request).await?.url;
    if target == Target::Address || !has_session {
        return Ok(Opened::Nothing { url });
    }
    let address = url.clone();
    let opened = tokio::task::spawn_blocking(move || window::open_in_browser(&address)).await?;
    Ok(match opened {
        Ok(()) => Opened::Browser,
        Err(_) => Opened::Nothing { url },
    })
}
