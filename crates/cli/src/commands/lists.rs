//! `privet lists [refresh NAME]`: the blocklists.

use privet_control::calls::lists::List;
use privet_control::logs::now_ms;

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Terminal, Tone, plain, span};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Fetch or read a list anew; a failure leaves the last good one in force
    Refresh {
        /// The list's name
        name: String,
    },
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let terminal = &context.terminal;
    match &args.action {
        None => {
            let lists = client.lists().await?;
            if terminal.json {
                terminal.json(&lists)?;
            } else if lists.lists.is_empty() {
                terminal.say("no lists; add one to the configuration: [[filter.list]]")?;
            } else {
                terminal.say(&human(terminal, &lists.lists))?;
            }
        }
        Some(Action::Refresh { name }) => {
            let list = client.refresh_list(name).await?;
            if terminal.json {
                terminal.json(&list)?;
            } else {
                terminal.say(&human(terminal, std::slice::from_ref(&list)))?;
            }
            if list.error.is_some() {
                return Ok(Exit::Wrong);
            }
        }
    }
    Ok(Exit::Done)
}

fn human(terminal: &Terminal, lists: &[List]) -> String {
    let mut table = terminal.table(&["list", "entries", "hits", "updated", "source", "state"]);
    let now = now_ms();
    for list in lists {
        let state = match (&list.error, list.enabled) {
            (Some(error), _) => (error.clone(), Tone::Bad),
            (None, true) => ("on".to_owned(), Tone::Good),
            (None, false) => ("off".to_owned(), Tone::Dim),
        };
        table.row([
            plain(list.name.as_str()),
            plain(list.entries.to_string()),
            plain(list.hits.to_string()),
            plain(list.updated_ms.map_or_else(
                || "never".to_owned(),
                |at| format!("{} ago", span(now.saturating_sub(at))),
            )),
            plain(list.source.as_str()),
            state,
        ]);
    }
    table.text()
}
