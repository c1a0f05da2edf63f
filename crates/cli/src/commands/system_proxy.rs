//! `privet system-proxy on | off | status | repair`: the system proxy, through the running engine or without one.

use privet_api::first_run::{FoundProxy, FoundProxyKind};
use privet_api::system_proxy::{ProxyMethod, SystemProxy, SystemProxyRequest};
use privet_api::{Client, ClientError};
use privet_control::convert;
use privet_system::proxy::SystemProxySession;

use crate::blocking::blocking;
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::Style;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum Action {
    /// Set the running engine as the system proxy; the previous settings are saved and restored later
    On {
        /// Set the addresses of the proxy listeners, even if there is a PAC listener
        #[arg(long, conflicts_with = "pac")]
        manual: bool,
        /// Set the address of the PAC file
        #[arg(long)]
        pac: bool,
    },
    /// Restore the previous settings; settings changed meanwhile are kept
    Off,
    /// Show the current system proxy [default]
    Status,
    /// Turn off a dead proxy that another program left behind
    Repair,
}

pub async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let switch = |enabled, method, repair| SystemProxyRequest {
        enabled,
        method,
        repair,
    };
    let (asked, without_engine_action): (_, fn(&mut SystemProxySession) -> ProxyResult) =
        match args.action.unwrap_or(Action::Status) {
            Action::On { manual, pac } => {
                let method = match (manual, pac) {
                    (true, _) => Some(ProxyMethod::Manual),
                    (_, true) => Some(ProxyMethod::Pac),
                    _ => None,
                };
                // Needs a running engine.
                let replaced = replaced(&client).await;
                let on = client
                    .switch_system_proxy(&switch(true, method, false))
                    .await?;
                let exit = show(context, &on)?;
                if on.enabled {
                    context.print_note(&replaced);
                }
                return Ok(exit);
            }
            Action::Off => (
                client
                    .switch_system_proxy(&switch(false, None, false))
                    .await,
                |session| session.turn_off(),
            ),
            Action::Repair => (
                client.switch_system_proxy(&switch(false, None, true)).await,
                |session| session.repair_leftover(),
            ),
            Action::Status => (client.system_proxy().await, |_| Ok(())),
        };
    let found = match asked {
        Ok(found) => found,
        Err(ClientError::NotRunning(_)) => without_engine(without_engine_action).await?,
        Err(error) => return Err(error.into()),
    };
    show(context, &found)
}

/// What turning the system proxy on replaces, as lines: another proxy that is not an upstream already, a PAC file, or what the
/// network announces.
async fn replaced(client: &Client) -> Vec<String> {
    let Ok(first_run) = client.first_run().await else {
        return Vec::new();
    };
    let known = client.upstreams().await.map_or_else(
        |_| Vec::new(),
        |outbounds| outbounds.upstreams.into_iter().map(|one| one.url).collect(),
    );
    replaced_note(&first_run.found, &known)
}

/// `known`: the addresses of the upstreams.
fn replaced_note(found: &FoundProxy, known: &[String]) -> Vec<String> {
    let Some(target) = &found.target else {
        return Vec::new();
    };
    let before = format!("note: this desktop used {target} before.");
    match (found.kind, found.upstreams.first()) {
        (FoundProxyKind::Proxy, Some(upstream)) => {
            if found.upstreams.iter().any(|one| known.contains(&one.url)) {
                return Vec::new();
            }
            vec![
                format!(
                    "{before} Programs do not go through it while Privet is the system proxy, and what only it reaches fails."
                ),
                "  → to go through it, add it to the configuration, and set it as the route of a mode or rule:".to_owned(),
                "      [[upstream]]".to_owned(),
                format!("      name = {:?}", upstream.name),
                format!("      url = {:?}", upstream.url),
            ]
        }
        (FoundProxyKind::Pac, _) => vec![
            format!(
                "{before} Programs do not use that file while Privet is the system proxy, and Privet cannot evaluate it."
            ),
            "  → to go through the proxy that it names, add that proxy to the configuration as an [[upstream]]"
                .to_owned(),
        ],
        (FoundProxyKind::Elsewhere, _) => vec![
            format!(
                "{before} Programs do not use it while Privet is the system proxy, and Privet cannot read which proxy it is."
            ),
            "  → to go through that proxy, add it to the configuration as an [[upstream]]".to_owned(),
        ],
        _ => Vec::new(),
    }
}

type ProxyResult = Result<(), privet_system::proxy::ProxyError>;

/// Works from the saved settings, which any process of the user can restore.
async fn without_engine(
    work: fn(&mut SystemProxySession) -> ProxyResult,
) -> Result<SystemProxy, Failure> {
    let done = blocking(move || {
        let mut session = SystemProxySession::of_session();
        work(&mut session)?;
        Ok::<_, privet_system::proxy::ProxyError>(convert::system_proxy(session.report()))
    });
    done.await?
        .map_err(|error| Failure::failed(error.to_string()))
}

fn show(context: &Context, found: &SystemProxy) -> Result<Exit, Failure> {
    let terminal = &context.terminal;
    if terminal.json {
        terminal.json(found)?;
    } else {
        let style = match found.state.as_str() {
            "on" => Style::Success,
            "off" | "unsupported" => Style::Plain,
            "leftover" => Style::Error,
            _ => Style::Warning,
        };
        let mut lines = vec![terminal.paint(&found.text, style)];
        if let Some(fix) = &found.fix {
            lines.push(format!("  → {}", terminal.paint(fix, Style::Plain)));
        }
        if let Some(pid) = found.guardian {
            lines.push(terminal.paint(
                &format!("  guardian: process {pid} restores the settings if the engine dies"),
                Style::Dim,
            ));
        }
        terminal.print(&lines.join("\n"))?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use privet_api::first_run::FoundUpstream;

    use super::*;

    fn found(kind: FoundProxyKind, target: &str, urls: &[&str]) -> FoundProxy {
        let upstream = |url: &&str| FoundUpstream {
            name: "corp".to_owned(),
            url: (*url).to_owned(),
        };
        FoundProxy {
            kind,
            text: String::new(),
            target: Some(target.to_owned()),
            upstreams: urls.iter().map(upstream).collect(),
            dead: None,
            can_switch: true,
        }
    }

    #[test]
    fn a_replaced_proxy_is_offered_as_an_upstream_unless_it_is_one() {
        let url = "http://corp:3128";
        let proxy = found(FoundProxyKind::Proxy, "corp:3128", &[url]);
        let note = replaced_note(&proxy, &[]).join("\n");
        assert!(note.contains("used corp:3128 before"), "{note}");
        assert!(note.contains("url = \"http://corp:3128\""), "{note}");
        assert!(replaced_note(&proxy, &[url.to_owned()]).is_empty());
        let pac = found(FoundProxyKind::Pac, "the PAC file http://corp/x.pac", &[]);
        let note = replaced_note(&pac, &[]).join("\n");
        assert!(note.contains("cannot evaluate it"), "{note}");
        let announced = found(
            FoundProxyKind::Elsewhere,
            "whatever the network announces (WPAD)",
            &[],
        );
        let note = replaced_note(&announced, &[]).join("\n");
        assert!(note.contains("(WPAD) before"), "{note}");
        for kind in [FoundProxyKind::Nothing, FoundProxyKind::Ours] {
            assert!(replaced_note(&found(kind, "no proxy", &[]), &[]).is_empty());
        }
    }
}
