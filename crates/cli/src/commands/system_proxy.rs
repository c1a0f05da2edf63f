//! `privet system-proxy on | off | status | repair`: the desktop's proxy, through the running engine, or without one.

use privet_control::calls::system_proxy::{SystemProxy, SystemProxyWish};
use privet_control::{ClientError, Means};
use privet_system::proxy::SystemProxySession;

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::Tone;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    wish: Option<Wish>,
}

#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum Wish {
    /// Point the desktop at the running engine; what was there before is kept and comes back
    On {
        /// By the addresses of the proxy listeners, also where there is a PAC listener
        #[arg(long, conflicts_with = "pac")]
        manual: bool,
        /// By the address of the PAC file
        #[arg(long)]
        pac: bool,
    },
    /// Put back what was there before; what you changed meanwhile stays
    Off,
    /// Show where the desktop points, as measured [default]
    Status,
    /// Turn off a dead proxy that another program left behind
    Repair,
}

pub async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let switch = |enabled, means, repair| SystemProxyWish {
        enabled,
        means,
        repair,
    };
    let (asked, alone): (_, fn(&mut SystemProxySession) -> Alone) =
        match args.wish.unwrap_or(Wish::Status) {
            Wish::On { manual, pac } => {
                let means = match (manual, pac) {
                    (true, _) => Some(Means::Manual),
                    (_, true) => Some(Means::Pac),
                    _ => None,
                };
                // Without an engine there is nothing to point at.
                let on = client
                    .switch_system_proxy(&switch(true, means, false))
                    .await?;
                return show(context, &on);
            }
            Wish::Off => (
                client
                    .switch_system_proxy(&switch(false, None, false))
                    .await,
                |holder| holder.turn_off(),
            ),
            Wish::Repair => (
                client.switch_system_proxy(&switch(false, None, true)).await,
                |holder| holder.repair_leftover(),
            ),
            Wish::Status => (client.system_proxy().await, |_| Ok(())),
        };
    let found = match asked {
        Ok(found) => found,
        Err(ClientError::NotRunning(_)) => without_engine(alone).await?,
        Err(error) => return Err(error.into()),
    };
    show(context, &found)
}

type Alone = Result<(), privet_system::proxy::ProxyError>;

/// The journal is the user's, and any Privet may put back by it.
async fn without_engine(
    work: fn(&mut SystemProxySession) -> Alone,
) -> Result<SystemProxy, Failure> {
    let task = tokio::task::spawn_blocking(move || {
        let mut holder = SystemProxySession::of_session();
        work(&mut holder)?;
        Ok::<_, privet_system::proxy::ProxyError>(holder.look().into())
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
        let tone = match found.state.as_str() {
            "on" => Tone::Good,
            "off" | "unsupported" => Tone::Plain,
            "leftover" => Tone::Bad,
            _ => Tone::Warn,
        };
        let mut lines = vec![terminal.paint(&found.text, tone)];
        if let Some(mend) = &found.mend {
            lines.push(format!("  → {}", terminal.paint(mend, Tone::Plain)));
        }
        if let Some(pid) = found.guardian {
            lines.push(terminal.paint(
                &format!("  guardian: process {pid} puts it back should the engine die"),
                Tone::Dim,
            ));
        }
        terminal.say(&lines.join("\n"))?;
    }
    Ok(Exit::Done)
}
