//! `privet lists`: shows and manages blocklists.

use privet_api::Client;
use privet_api::catalogue::{self, CATALOGUE};
use privet_api::lists::{List, ListAction, NewList};
use privet_api::now_ms;

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, Terminal, ago, bytes, plain, span};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Update a list now; on failure the last good version stays in use
    Refresh { name: String },
    /// Show the lines of a list that could not be used, with the reason of each
    Lines { name: String },
    /// Use the update that is held back
    Accept { name: String },
    /// Keep the current version and decline the update that is held back
    Keep { name: String },
    /// Roll back to the previous version; updates stop until `resume`
    Rollback { name: String },
    /// Use the newest version and resume updates
    Resume { name: String },
    /// End the probation: the list blocks from now on
    Block { name: String },
    /// Turn a list on
    On { name: String },
    /// Turn a list off
    Off { name: String },
    /// Show well-known lists
    Catalogue,
    /// Add a list from the catalogue, or any list with --source
    Add(AddArgs),
    /// Remove a list from the configuration
    Remove { name: String },
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Id in the catalogue; with --source, the name of the list
    id: String,
    /// A path or an http(s) URL
    #[arg(long)]
    source: Option<String>,
    /// Format of the list [default: auto]
    #[arg(long, value_parser = ["auto", "adblock", "hosts", "domains", "dnsmasq", "rpz"])]
    format: Option<String>,
    /// How long the list only counts what it would block; 0 blocks at once [default: 24h]
    #[arg(long, value_name = "TIME")]
    probation: Option<String>,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let terminal = &context.terminal;
    let Some(action) = &args.action else {
        return show_all(context).await;
    };
    let (name, act) = match action {
        Action::Catalogue => return show_catalogue(terminal),
        Action::Refresh { name } => {
            return show_one(terminal, &context.client()?.refresh_list(name).await?);
        }
        Action::Lines { name } => return show_lines(context, name).await,
        Action::Add(args) => return add(context, args).await,
        Action::Remove { name } => {
            let change = context.client()?.remove_list(name).await?;
            match terminal.json {
                true => terminal.json(&change)?,
                false => terminal.print(&format!("{name} removed"))?,
            }
            return Ok(Exit::Done);
        }
        Action::Accept { name } => (name, ListAction::Accept),
        Action::Keep { name } => (name, ListAction::Keep),
        Action::Rollback { name } => (name, ListAction::Rollback),
        Action::Resume { name } => (name, ListAction::Resume),
        Action::Block { name } => (name, ListAction::Block),
        Action::On { name } => (name, ListAction::Enable),
        Action::Off { name } => (name, ListAction::Disable),
    };
    let client = context.client()?;
    let (_, version) = client.versioned_lists().await?;
    let list = client.act_on_list(name, act, version.as_deref()).await?;
    show(terminal, &list)?;
    Ok(Exit::Done)
}

async fn show_all(context: &Context) -> Result<Exit, Failure> {
    let terminal = &context.terminal;
    let lists = context.client()?.lists().await?;
    if terminal.json {
        terminal.json(&lists)?;
    } else if lists.lists.is_empty() {
        terminal.print("no lists; `privet lists catalogue` shows well-known ones")?;
    } else {
        terminal.print(&human(terminal, &lists.lists))?;
    }
    Ok(Exit::Done)
}

/// Exit code 1 if the refresh failed.
fn show_one(terminal: &Terminal, list: &List) -> Result<Exit, Failure> {
    show(terminal, list)?;
    Ok(match list.error {
        Some(_) => Exit::CheckFailed,
        None => Exit::Done,
    })
}

fn show(terminal: &Terminal, list: &List) -> Result<(), Failure> {
    match terminal.json {
        true => terminal.json(list),
        false => terminal.print(&human(terminal, std::slice::from_ref(list))),
    }
}

async fn show_lines(context: &Context, name: &str) -> Result<Exit, Failure> {
    let terminal = &context.terminal;
    let found = context.client()?.list_lines(name).await?;
    if terminal.json {
        terminal.json(&found)?;
        return Ok(Exit::Done);
    }
    if !found.lines.is_empty() {
        let mut table = terminal.table(&["line", "reason", "text"]);
        for line in &found.lines {
            table.row([
                plain(line.line.to_string()),
                plain(line.reason.as_str()),
                plain(line.text.as_deref().unwrap_or("–")),
            ]);
        }
        terminal.print(&table.text())?;
    }
    let shown = found.lines.len() as u64;
    if found.skipped > shown {
        terminal.print(&format!("{} more were skipped", found.skipped - shown))?;
    }
    terminal.print(&format!(
        "{name}: {}, {} of them for HTTPS too; skipped: {}; not for a proxy: {}",
        counted(found.entries, "entry", "entries"),
        found.host_entries,
        counted(found.skipped, "line", "lines"),
        counted(found.ignored, "line", "lines")
    ))?;
    Ok(Exit::Done)
}

async fn add(context: &Context, args: &AddArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let request = NewList {
        id: args.source.is_none().then(|| args.id.clone()),
        name: args.source.as_ref().map(|_| args.id.clone()),
        source: args.source.clone(),
        format: args.format.clone(),
        probation: args.probation.clone(),
        refresh: None,
    };
    let change = client.add_list(&request).await?;
    if context.terminal.json {
        context.terminal.json(&change)?;
        return Ok(Exit::Done);
    }
    let name = match catalogue::find(&args.id).filter(|_| args.source.is_none()) {
        Some(entry) => entry.name,
        None => &args.id,
    };
    print_added(context, &client, name).await
}

async fn print_added(context: &Context, client: &Client, name: &str) -> Result<Exit, Failure> {
    let lists = client.lists().await?.lists;
    let added: Vec<List> = lists.into_iter().filter(|list| list.name == name).collect();
    context.terminal.print(&human(&context.terminal, &added))?;
    Ok(Exit::Done)
}

fn show_catalogue(terminal: &Terminal) -> Result<Exit, Failure> {
    if terminal.json {
        terminal.json(&CATALOGUE.as_slice())?;
        return Ok(Exit::Done);
    }
    let mut table = terminal.table(&["id", "does", "may break", "licence"]);
    for entry in &CATALOGUE {
        table.row([
            plain(entry.id),
            plain(entry.does),
            plain(entry.may_break),
            plain(entry.licence),
        ]);
    }
    terminal.print(&table.text())?;
    terminal.print("add one with `privet lists add ID`; it is downloaded over the mode's route and counts for a day before it blocks")?;
    Ok(Exit::Done)
}

fn human(terminal: &Terminal, lists: &[List]) -> String {
    let mut table = terminal.table(&[
        "list", "format", "entries", "size", "hits 24h", "hits", "updated", "next", "state",
    ]);
    let now = now_ms();
    let ago = |at: u64| ago(now, at);
    for list in lists {
        table.row([
            plain(list.name.as_str()),
            plain(list.format.as_deref().unwrap_or("–")),
            plain(list.entries.to_string()),
            plain(bytes(list.bytes)),
            plain(list.hits_day.to_string()),
            plain(list.hits.to_string()),
            plain(list.updated_ms.map_or_else(|| "never".to_owned(), ago)),
            plain(list.next_refresh_ms.map_or_else(
                || "–".to_owned(),
                |at| format!("in {}", span(at.saturating_sub(now))),
            )),
            state(list, now),
        ]);
    }
    let mut text = table.text();
    for line in lists.iter().flat_map(details) {
        text.push('\n');
        text.push_str(&terminal.paint(&line, Style::Plain));
    }
    text
}

fn state(list: &List, now: u64) -> (String, Style) {
    let (mut text, style) = match (&list.error, list.state.as_str()) {
        (Some(_), "waiting") => ("failed".to_owned(), Style::Error),
        (Some(_), _) => ("stale: update failed".to_owned(), Style::Error),
        (None, "counting") => {
            let left = list.counting_until_ms.unwrap_or(now).saturating_sub(now);
            (format!("counting, {} left", span(left)), Style::Warning)
        }
        (None, "blocking") => ("blocking".to_owned(), Style::Success),
        (None, other) => (other.to_owned(), Style::Dim),
    };
    if list.pinned {
        text.push_str(", pinned to an earlier version");
    }
    (text, style)
}

/// Details below the table: what it would block, a held update, an error and its fix.
fn details(list: &List) -> Vec<String> {
    let name = &list.name;
    let mut lines = Vec::new();
    if list.state == "counting" {
        let hosts = list.would_block.hosts.iter().take(5);
        let hosts: Vec<String> = hosts
            .map(|one| format!("{} ({})", one.host, one.connections))
            .collect();
        let of = match hosts.is_empty() {
            true => String::new(),
            false => format!(": {}", hosts.join(", ")),
        };
        let connections = list.would_block.connections;
        lines.push(format!(
            "{name}: it would have blocked {connections} connections{of}"
        ));
    }
    if list.skipped > 0 {
        lines.push(format!(
            "{name}: {} skipped; `privet lists lines {name}` shows what",
            counted(list.skipped, "line", "lines")
        ));
    }
    if list.host_entries < list.entries {
        lines.push(format!(
            "{name}: {} of {} entries work on HTTPS, the others on plain HTTP only",
            list.host_entries, list.entries
        ));
    }
    if let Some(error) = &list.not_stored {
        lines.push(format!(
            "{name}: used from memory: it cannot be stored: {error}"
        ));
    }
    if let Some(held) = list.held.as_ref().filter(|held| !held.declined) {
        lines.push(format!(
            "{name}: update held back: {}; `privet lists accept` or `privet lists keep`",
            held.text
        ));
    }
    if let Some(error) = &list.error {
        lines.push(format!("{name}: {error}"));
        lines.extend(list.fix.as_ref().map(|fix| format!("{name}: {fix}")));
    }
    lines
}

/// "1 line", "2 lines".
fn counted(count: u64, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}
