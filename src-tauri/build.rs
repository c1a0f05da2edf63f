//! Generates a permission for each command below, embeds the capabilities, and rebuilds when the page changes.

use tauri_build::{AppManifest, Attributes};

/// As `main.rs` registers them; `capabilities/window.json` grants them.
const COMMANDS: &[&str] = &["attach", "call", "watch", "next", "unwatch", "link"];

fn main() {
    println!("cargo::rerun-if-changed=../ui/dist");
    let attributes = Attributes::new().app_manifest(AppManifest::new().commands(COMMANDS));
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo::error={error:#}");
    }
}
