//! The page in `ui`: built and checked where Node is installed. Without it Privet is built without its page.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use crate::shell::{self, Done};
use crate::tools;

/// The oldest version of Node that the page's tools support.
const NODE: (u32, u32) = (20, 19);

/// Builds `ui/dist`, which the next build of `privet` embeds; does nothing if it is newer than its sources.
pub fn build() -> Done {
    if let Err(lack) = node() {
        return tools::skip(&format!("Privet is built without its page: {lack}"));
    }
    let ui = shell::root().join("ui");
    let built = modified(&ui.join("dist/index.html"));
    let sources = [
        "src",
        "public",
        "index.html",
        "package-lock.json",
        "vite.config.ts",
    ];
    let newest = sources.iter().filter_map(|name| newest(&ui.join(name)));
    if built.is_some() && newest.max() <= built {
        return Ok(());
    }
    modules(&ui)?;
    npm(&["run", "--silent", "build"])
}

/// Checks types, style and messages, and runs the unit tests and the page in Chromium against the built program.
pub fn check() -> Done {
    if let Err(lack) = node() {
        return tools::skip(&format!("the checks of the page: {lack}"));
    }
    install_tools()?;
    npm(&["run", "--silent", "check"])?;
    npm(&["test", "--silent"])?;
    if shell::has("chromium") {
        return npm(&["run", "--silent", "e2e"]);
    }
    tools::skip("the page in a browser: chromium is missing")
}

/// Installs the tools that build and test the page, in `ui/node_modules`.
///
/// # Errors
/// npm failed.
pub fn install_tools() -> Done {
    modules(&shell::root().join("ui"))
}

/// Checks that the page can be built.
fn node() -> Done {
    let lack = || format!("Node {}.{} or newer, with npm, is missing", NODE.0, NODE.1);
    let version = shell::output("node", &["--version"]).ok_or_else(lack)?;
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return Err(lack());
    };
    if (major, minor) >= NODE && shell::has("npm") {
        Ok(())
    } else {
        Err(lack())
    }
}

/// Installs the page's tools in the versions of the lock file.
fn modules(ui: &Path) -> Done {
    let installed = modified(&ui.join("node_modules/.package-lock.json"));
    if installed >= modified(&ui.join("package-lock.json")) && installed.is_some() {
        return Ok(());
    }
    npm(&["ci", "--no-audit", "--no-fund"])
}

fn npm(words: &[&str]) -> Done {
    let mut command = shell::command("npm", words);
    command
        .current_dir(shell::root().join("ui"))
        .env("PRIVET_BIN", shell::target_dir().join("debug/privet"));
    shell::run_command(command)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// The latest modification time below a path.
fn newest(path: &Path) -> Option<SystemTime> {
    let Ok(folder) = fs::read_dir(path) else {
        return modified(path);
    };
    folder
        .flatten()
        .filter_map(|entry| newest(&entry.path()))
        .max()
}
