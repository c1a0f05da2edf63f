//! `privet system-proxy on | off | status | repair`: the system proxy, through the running engine or without one.

use privet_api::ClientError;
use privet_api::system_proxy::{ProxyMethod, SystemProxy, SystemProxyRequest};
use privet_control::convert;
use privet_system::proxy::SystemProxySession;

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
                let on = client
                    .switch_system_proxy(&switch(true, method, false))
                    .await?;
                return show(context, &on);
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

type ProxyResult = Result<(), privet_system::proxy::ProxyError>;

/// Works from the saved settings, which any process of the user can restore.
async fn without_engine(
    work: fn(&mut SystemProxySession) -> ProxyResult,
) -> Result<SystemProxy, Failure> {
    let task = tokio::task::spawn_blocking(move || {
        let mut session = SystemProxySession::of_session();
        work(&mut session)?;
        Ok::<_, privet_system::proxy::ProxyError>(convert::system_proxy(session.report()))
    });
    task.await
        .map_err(|error| Failure::failed(error.to_string()))?
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
