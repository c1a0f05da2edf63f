//! `privet lists …`: the blocklists, what they do, and what can be done with them.

use privet_control::Client;
use privet_control::calls::lists::{Act, List, ListWish};
use privet_control::catalogue::{self, CATALOGUE};
use privet_control::logs::now_ms;

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Terminal, Tone, bytes, plain, span};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Fetch or read a list anew; a failure leaves the last good one in force
    Refresh { name: String },
    /// Put the update in force that is held back
    Accept { name: String },
    /// Keep the version in force, and ask no more about the update that is held back
    Keep { name: String },
    /// Go back to the version before; no update is taken until `resume`
    Rollback { name: String },
    /// Take the newest version, and updates again
    Resume { name: String },
    /// End the probation: the list blocks from now on
    Block { name: String },
    /// Turn a list on
    On { name: String },
    /// Turn a list off
    Off { name: String },
    /// Show well-known lists that can be added
    Catalogue,
    /// Add a list of the catalogue, or any with --source
    Add(AddArgs),
    /// Take a list out of the configuration
    Remove { name: String },
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Its id in the catalogue; with --source, its name
    id: String,
    /// A path or an http(s) URL
    #[arg(long)]
    source: Option<String>,
    /// As in the configuration
    #[arg(long, value_parser = ["auto", "adblock", "hosts", "domains", "dnsmasq", "rpz"])]
    format: Option<String>,
    /// For so long it only counts what it would block; 0: it blocks at once [default: 24h]
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
        Action::Add(wish) => return add(context, wish).await,
        Action::Remove { name } => {
            let change = context.client()?.remove_list(name).await?;
            match terminal.json {
                true => terminal.json(&change)?,
                false => terminal.say(&format!("{name} is taken out"))?,
            }
            return Ok(Exit::Done);
        }
        Action::Accept { name } => (name, Act::Accept),
        Action::Keep { name } => (name, Act::Keep),
        Action::Rollback { name } => (name, Act::Rollback),
        Action::Resume { name } => (name, Act::Resume),
        Action::Block { name } => (name, Act::Block),
        Action::On { name } => (name, Act::Enable),
        Action::Off { name } => (name, Act::Disable),
    };
    let list = context.client()?.act_on_list(name, act).await?;
    show(terminal, &list)?;
    Ok(Exit::Done)
}

async fn show_all(context: &Context) -> Result<Exit, Failure> {
    let terminal = &context.terminal;
    let lists = context.client()?.lists().await?;
    if terminal.json {
        terminal.json(&lists)?;
    } else if lists.lists.is_empty() {
        terminal.say("no lists; `privet lists catalogue` shows well-known ones")?;
    } else {
        terminal.say(&human(terminal, &lists.lists))?;
    }
    Ok(Exit::Done)
}

/// A list whose refresh failed is wrong.
fn show_one(terminal: &Terminal, list: &List) -> Result<Exit, Failure> {
    show(terminal, list)?;
    Ok(match list.error {
        Some(_) => Exit::Wrong,
        None => Exit::Done,
    })
}

fn show(terminal: &Terminal, list: &List) -> Result<(), Failure> {
    match terminal.json {
        true => terminal.json(list),
        false => terminal.say(&human(terminal, std::slice::from_ref(list))),
    }
}

async fn add(context: &Context, args: &AddArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let wish = ListWish {
        id: args.source.is_none().then(|| args.id.clone()),
        name: args.source.as_ref().map(|_| args.id.clone()),
        source: args.source.clone(),
        format: args.format.clone(),
        probation: args.probation.clone(),
        refresh: None,
    };
    let change = client.add_list(&wish).await?;
    if context.terminal.json {
        context.terminal.json(&change)?;
        return Ok(Exit::Done);
    }
    let name = match catalogue::find(&args.id).filter(|_| args.source.is_none()) {
        Some(entry) => entry.name,
        None => &args.id,
    };
    say_added(context, &client, name).await
}

async fn say_added(context: &Context, client: &Client, name: &str) -> Result<Exit, Failure> {
    let lists = client.lists().await?.lists;
    let added: Vec<List> = lists.into_iter().filter(|list| list.name == name).collect();
    context.terminal.say(&human(&context.terminal, &added))?;
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
    terminal.say(&table.text())?;
    terminal.say("add one with `privet lists add ID`; it is fetched then, by the mode's way, and counts for a day before it blocks")?;
    Ok(Exit::Done)
}

fn human(terminal: &Terminal, lists: &[List]) -> String {
    let mut table = terminal.table(&[
        "list", "format", "entries", "size", "hits 24h", "hits", "updated", "next", "state",
    ]);
    let now = now_ms();
    let ago = |at: u64| format!("{} ago", span(now.saturating_sub(at)));
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
        text.push_str(&terminal.paint(&line, Tone::Plain));
    }
    text
}

fn state(list: &List, now: u64) -> (String, Tone) {
    let (mut text, tone) = match (&list.error, list.state.as_str()) {
        (Some(_), _) => ("failed".to_owned(), Tone::Bad),
        (None, "counting") => {
            let left = list.counting_until_ms.unwrap_or(now).saturating_sub(now);
            (format!("counting, {} left", span(left)), Tone::Warn)
        }
        (None, "blocking") => ("blocking".to_owned(), Tone::Good),
        (None, other) => (other.to_owned(), Tone::Dim),
    };
    if list.pinned {
        text.push_str(", held at an earlier version");
    }
    (text, tone)
}

/// What does not fit in a row: what it would block, what is held back, what failed and the mend.
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
    if let Some(held) = list.held.as_ref().filter(|held| !held.declined) {
        lines.push(format!(
            "{name}: update held back: {}; `privet lists accept` or `privet lists keep`",
            held.text
        ));
    }
    if let Some(error) = &list.error {
        lines.push(format!("{name}: {error}"));
        lines.extend(list.mend.as_ref().map(|mend| format!("{name}: {mend}")));
    }
    lines
}
