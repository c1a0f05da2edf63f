//! `privet changes` and `privet undo [ID]`: the timeline and undo.

use privet_api::Client;
use privet_api::changes::{ChangesQuery, MAX_CHANGES, TimelineEntry};
use privet_api::now_ms;

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, ago, plain};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Number of changes, newest first, at most 200
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
    /// Number of newest changes to skip
    #[arg(long, default_value_t = 0, value_name = "N")]
    offset: u32,
}

#[derive(Debug, clap::Args)]
pub struct UndoArgs {
    /// The change's number, as `privet changes` shows it [default: the newest not undone]
    id: Option<u64>,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let query = ChangesQuery {
        offset: Some(args.offset),
        limit: Some(args.limit),
    };
    let timeline = context.client()?.changes(&query).await?;
    let terminal = &context.terminal;
    if terminal.json {
        terminal.json(&timeline)?;
        return Ok(Exit::Done);
    }
    if timeline.changes.is_empty() {
        terminal.print("no changes yet")?;
        return Ok(Exit::Done);
    }
    let mut table = terminal.table(&["change", "when", "by", "what", "undo"]);
    let now = now_ms();
    for entry in &timeline.changes {
        table.row([
            plain(entry.id.to_string()),
            plain(ago(now, entry.at_ms)),
            plain(entry.client.as_str()),
            plain(what(entry)),
            undo_state(entry),
        ]);
    }
    terminal.print(&table.text())?;
    Ok(Exit::Done)
}

pub async fn undo(context: &Context, args: &UndoArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = match args.id {
        Some(id) => id,
        None => newest(&client).await?,
    };
    let made = client.undo(id).await?;
    if context.terminal.json {
        context.terminal.json(&made)?;
    } else {
        let line = format!("{} (redo with: privet undo {})", what(&made), made.id);
        context
            .terminal
            .print(&context.terminal.paint(&line, Style::Success))?;
    }
    Ok(Exit::Done)
}

/// The newest change that is not undone, so that repeated undo goes further back.
async fn newest(client: &Client) -> Result<u64, Failure> {
    let query = ChangesQuery {
        offset: None,
        limit: Some(MAX_CHANGES),
    };
    let changes = client.changes(&query).await?.changes;
    let mut open = changes
        .iter()
        .filter(|entry| entry.undoes.is_none() && entry.undone_by.is_none());
    let newest = open.next();
    newest
        .map(|entry| entry.id)
        .ok_or_else(|| Failure::with_help("nothing to undo", "`privet changes` shows the timeline"))
}

fn what(entry: &TimelineEntry) -> String {
    match entry.undoes {
        Some(id) => format!("change {id} was undone: {}", entry.text),
        None => entry.text.clone(),
    }
}

fn undo_state(entry: &TimelineEntry) -> (String, Style) {
    match (&entry.obstacle, entry.undone_by) {
        (_, Some(by)) => (format!("undone by {by}"), Style::Dim),
        (Some(obstacle), None) => (obstacle.clone(), Style::Dim),
        (None, None) => (format!("privet undo {}", entry.id), Style::Plain),
    }
}
