//! What is printed at start: addresses, and a new token.

use privet_api::address::reachable;
use privet_control::ControlServer;
use privet_engine::Engine;

use crate::exit::Failure;
use crate::terminal::{Style, Terminal};

/// Prints the listener addresses, and the token if it is new. The token is printed on a terminal only: other output is kept
/// in journals and files.
pub fn print_addresses(
    terminal: &Terminal,
    engine: &Engine,
    control: &ControlServer,
) -> Result<(), Failure> {
    let listeners = engine.listeners();
    let is_new = control.new_token.is_some();
    let token = control.new_token.as_ref().filter(|_| terminal.is_tty());
    if terminal.json {
        return terminal.json(&serde_json::json!({
            "listeners": listeners,
            "control": control.http().map(|address| format!("http://{}/", reachable(address))),
            "metrics": control.metrics().map(|address| format!("http://{}/metrics", reachable(address))),
            "token": token.map(|token| token.expose()),
        }));
    }
    let mut lines: Vec<String> = listeners
        .iter()
        .map(|listener| {
            let kind = serde_json::to_value(listener.kind).unwrap_or_default();
            format!(
                "{:<8} {}",
                kind.as_str().unwrap_or_default(),
                listener.address
            )
        })
        .collect();
    if let Some(authority) = engine.https().and_then(|https| https.authority) {
        lines.push(format!("trust    {}", authority.path.display()));
        lines.push(format!("         SHA-256 {}", authority.fingerprint));
    }
    if let Some(address) = control.http() {
        // Browsers do not send the fragment, and the page removes it from the address at once.
        let token = token.map(|token| format!("#token={}", token.expose()));
        lines.push(format!(
            "page     http://{}/{}",
            reachable(address),
            token.unwrap_or_default()
        ));
    }
    if let Some(address) = control.metrics() {
        lines.push(format!("metrics  http://{}/metrics", reachable(address)));
    }
    if let Some(token) = token {
        lines.push(format!("token    {}", token.expose()));
    }
    if is_new {
        lines.push(terminal.paint(
            "         a new token is in control.token in the data folder; `privet token show` prints it",
            Style::Dim,
        ));
    }
    lines.push(terminal.paint("Ctrl-C stops.", Style::Dim));
    // A closed standard output does not stop the engine.
    match terminal.print(&lines.join("\n")) {
        Err(Failure::PipeClosed) => Ok(()),
        printed => printed,
    }
}
