//! `/api/v1/apps`: the desktop's applications, their icons, and the proxy settings to copy into programs.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The applications of this desktop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Apps {
    pub start: StartState,
    /// By name; empty if the caller cannot start any.
    pub apps: Vec<AppEntry>,
}

/// Whether this caller can start programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StartState {
    Here,
    /// The caller connected over TCP: only the desktop's own window and command line may start programs.
    Remote,
    /// The engine runs without a screen.
    Headless,
}

/// One application of the menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppEntry {
    #[schema(example = "org.gnome.Maps")]
    pub id: String,
    pub name: String,
    /// The file name of its program, as rules name it.
    #[schema(example = "firefox-esr")]
    pub program: String,
    /// How the program is given the proxy: "environment", "flag" or "own-settings".
    pub proxy_method: String,
}

/// An application that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartedApp {
    pub pid: u32,
    pub program: String,
    /// As in [`AppEntry`].
    pub proxy_method: String,
}

/// A program's icon; `null`: none is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgramIcon {
    pub icon: Option<AppIcon>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppIcon {
    /// "image/png" or "image/svg+xml"; to be drawn as an image, never as a document.
    pub media_type: String,
    /// In Base64.
    pub data: String,
}

/// Whose icon.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IconQuery {
    /// The file name of a program, as connections show it.
    #[param(max_length = 256, example = "firefox")]
    pub program: String,
}

/// The settings to copy into programs that have proxy settings of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recipes {
    /// Clients have to log in: the texts leave name and password out.
    pub login: bool,
    pub recipes: Vec<Recipe>,
}

/// The settings of one program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recipe {
    /// The argument of `privet env --for`.
    #[schema(example = "git")]
    pub id: String,
    #[schema(example = "Git")]
    pub name: String,
    /// The file to put the text into; `null`: it is a command, or an address to open.
    #[schema(example = "~/.curlrc")]
    pub place: Option<String>,
    pub text: String,
    /// What to know before using it.
    pub note: Option<String>,
}

/// The recipes for shells: ids and names.
pub const SHELLS: [(&str, &str); 3] = [
    ("shell", "bash, zsh"),
    ("fish", "fish"),
    ("powershell", "PowerShell"),
];
