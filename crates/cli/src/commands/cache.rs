//! `privet cache`: what the HTTP cache holds and did, and purges.

use privet_api::cache::{
    CacheEntry, CacheFigures, CacheQuery, CacheRedis, CacheState, PinRequest, PurgeQuery,
    SavedFigures, UndoPurge,
};

use privet_config::format_timestamp_seconds;
use privet_config::unix_time::from_unix_ms;

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, Terminal, bytes, plain};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List stored responses
    Ls(LsArgs),
    /// Show the stored responses of a URL with their fields
    Show { url: String },
    /// Say why a URL is or is not answered from the cache
    Explain { url: String },
    /// Remove stored responses
    Purge(PurgeArgs),
    /// Take a soft purge back
    Undo {
        /// The number that the purge said
        purge: u32,
    },
    /// Keep a URL's responses although the cache is full
    Pin { url: String },
    /// Let a URL's responses leave again
    Unpin { url: String },
    /// Show what the caches did and saved
    Stats,
}

#[derive(Debug, clap::Args)]
struct LsArgs {
    /// Text that the URL contains
    filter: Option<String>,
    /// Entries to skip
    #[arg(long, default_value_t = 0)]
    offset: u32,
    /// Entries to show, at most 1000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Show the queries of URLs, which may hold secrets
    #[arg(long)]
    queries: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false, id = "what")]
struct What {
    /// URLs that begin so
    #[arg(long)]
    prefix: Option<String>,
    /// A host, with all its ports
    #[arg(long)]
    host: Option<String>,
    /// One URL
    #[arg(long)]
    url: Option<String>,
    /// A tag that Cache-Tag or Surrogate-Key of the response names
    #[arg(long)]
    tag: Option<String>,
    /// A site: its domain, all below it, and what its pages have loaded
    #[arg(long)]
    site: Option<String>,
    /// Everything
    #[arg(long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
struct PurgeArgs {
    #[command(flatten)]
    what: What,
    /// Keep the responses; each is used only once the origin has confirmed it
    #[arg(long)]
    soft: bool,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        Command::Ls(args) => list(context, args).await,
        Command::Show { url } => show(context, url, shown).await,
        Command::Explain { url } => show(context, url, explained).await,
        Command::Purge(args) => purge(context, args).await,
        Command::Undo { purge } => undo(context, *purge).await,
        Command::Pin { url } => pin(context, url, true).await,
        Command::Unpin { url } => pin(context, url, false).await,
        Command::Stats => stats(context).await,
    }
}

async fn list(context: &Context, args: &LsArgs) -> Result<Exit, Failure> {
    let query = CacheQuery {
        filter: args.filter.clone(),
        offset: args.offset,
        limit: args.limit,
        queries: args.queries,
        ..CacheQuery::default()
    };
    let state = context.client()?.cache(&query).await?;
    if context.terminal.json {
        context.terminal.json(&state)?;
    } else {
        context.terminal.print(&rows(&context.terminal, &state))?;
    }
    Ok(Exit::Done)
}

fn rows(terminal: &Terminal, state: &CacheState) -> String {
    let mut table = terminal.table(&["cache", "url", "status", "type", "size", "hits", "fresh"]);
    for entry in &state.entries {
        let fresh = match entry.fresh {
            true => (format!("{} s", entry.ttl), Style::Success),
            false => ("ask first".to_owned(), Style::Dim),
        };
        table.row([
            plain(match entry.cache.as_str() {
                "forward" => "proxy",
                other => other,
            }),
            plain(entry.url.as_str()),
            plain(entry.status.to_string()),
            plain(entry.media_type.as_deref().unwrap_or("-")),
            plain(entry.size.map_or_else(|| "arriving".to_owned(), bytes)),
            plain(entry.hits.to_string()),
            fresh,
        ]);
    }
    let count = state.entries.len();
    format!(
        "{}\n{count} of {} shown{}",
        table.text(),
        state.total,
        note(state)
    )
}

fn note(state: &CacheState) -> &'static str {
    match (&state.forward, &state.sites) {
        (None, None) => "\nThe cache is off: a [cache] section in the configuration turns it on.",
        _ => "",
    }
}

async fn show(
    context: &Context,
    url: &str,
    text: fn(&CacheEntry) -> String,
) -> Result<Exit, Failure> {
    let query = CacheQuery {
        url: Some(url.to_owned()),
        ..CacheQuery::default()
    };
    let state = context.client()?.cache(&query).await?;
    if context.terminal.json {
        context.terminal.json(&state)?;
    } else if state.entries.is_empty() {
        let note = note(&state);
        context
            .terminal
            .print(&format!("Nothing is stored for {url}.{note}"))?;
    } else {
        let texts: Vec<_> = state.entries.iter().map(text).collect();
        context.terminal.print(&texts.join("\n\n"))?;
    }
    Ok(Exit::Done)
}

fn shown(entry: &CacheEntry) -> String {
    format!(
        "{}\n{}\n{}",
        entry.url,
        entry.status,
        entry.fields.join("\n")
    )
}

fn explained(entry: &CacheEntry) -> String {
    let verdict = match &entry.why {
        None => format!("It is fresh for {} s more and answers at once.", entry.ttl),
        Some(why) => format!("The origin is asked first: {why}"),
    };
    let vary = match &entry.vary {
        Some(fields) => format!("\nIt answers requests with the same {fields}."),
        None => String::new(),
    };
    format!(
        "{} ({}, in the cache of {})\nIt is {} s old. {verdict}{vary}\nIt was found {} times.",
        entry.url,
        entry.status,
        match entry.cache.as_str() {
            "sites" => "sites",
            _ => "the proxy",
        },
        entry.age,
        entry.hits
    )
}

async fn purge(context: &Context, args: &PurgeArgs) -> Result<Exit, Failure> {
    let What {
        prefix,
        host,
        url,
        tag,
        site,
        all,
    } = &args.what;
    let query = PurgeQuery {
        prefix: prefix.clone().or_else(|| all.then(String::new)),
        host: host.clone(),
        url: url.clone(),
        tag: tag.clone(),
        site: site.clone(),
        soft: args.soft,
    };
    let purged = context.client()?.purge_cache(&query).await?;
    if context.terminal.json {
        context.terminal.json(&purged)?;
    } else {
        let what = match args.soft {
            true => "marked",
            false => "removed",
        };
        let note = match purged.durable {
            true => "",
            false => "\nThe disk could not be written: they may be back after a restart.",
        };
        let undo = purged
            .undo
            .map(|number| format!("\n`privet cache undo {number}` takes it back."));
        let undo = undo.unwrap_or_default();
        let text = format!("{} stored responses {what}{note}{undo}", purged.count);
        context.terminal.print(&text)?;
    }
    Ok(Exit::Done)
}

async fn undo(context: &Context, purge: u32) -> Result<Exit, Failure> {
    let restored = context.client()?.undo_purge(&UndoPurge { purge }).await?;
    if context.terminal.json {
        context.terminal.json(&restored)?;
    } else {
        let text = format!("{} stored responses may be used again", restored.count);
        context.terminal.print(&text)?;
    }
    Ok(Exit::Done)
}

async fn pin(context: &Context, url: &str, pinned: bool) -> Result<Exit, Failure> {
    let request = PinRequest {
        url: url.to_owned(),
        pinned,
    };
    let changed = context.client()?.pin_cached(&request).await?;
    if context.terminal.json {
        context.terminal.json(&changed)?;
    } else {
        let what = match pinned {
            true => "stay",
            false => "may leave",
        };
        let text = format!("{} stored responses {what}", changed.count);
        context.terminal.print(&text)?;
    }
    Ok(Exit::Done)
}

/// What was saved, as a sentence.
fn saved(saved: &SavedFigures) -> String {
    format!(
        "Of {} requests in 30 days {} were answered from the store. That saved {} and {:.1} s.",
        saved.requests,
        saved.hits,
        bytes(saved.bytes),
        saved.time_ms / 1000.0
    )
}

async fn stats(context: &Context) -> Result<Exit, Failure> {
    let query = CacheQuery {
        limit: 0,
        ..CacheQuery::default()
    };
    let state = context.client()?.cache(&query).await?;
    if context.terminal.json {
        context.terminal.json(&state)?;
        return Ok(Exit::Done);
    }
    let mut table = context.terminal.table(&[
        "cache",
        "hits",
        "refreshed",
        "validated",
        "missed",
        "waited",
        "bypassed",
        "entries",
        "memory",
    ]);
    let caches = [("proxy", &state.forward), ("sites", &state.sites)];
    for (name, figures) in caches {
        if let Some(figures) = figures {
            table.row(figures_row(name, figures).map(plain));
        }
    }
    let saved = saved(&state.saved.total);
    let shared = state.redis.as_ref().map(shared).unwrap_or_default();
    let text = format!("{}\n{saved}{shared}{}", table.text(), note(&state));
    context.terminal.print(&text)?;
    Ok(Exit::Done)
}

/// What the store that machines share did, as a line of its own.
fn shared(redis: &CacheRedis) -> String {
    let state = match (&redis.problem, redis.connected) {
        (_, true) => "in use".to_owned(),
        (Some(why), false) => match redis.retry_ms {
            Some(until) => {
                let until = format_timestamp_seconds(from_unix_ms(until));
                format!("left alone until {until}: {why}")
            }
            None => format!("left alone: {why}"),
        },
        (None, false) => "away".to_owned(),
    };
    format!(
        "\nRedis at {}: {state}. {} hits, {} misses, {} skipped, {} refused, {} written, {} dropped, {} failures.",
        redis.address,
        redis.hits,
        redis.misses,
        redis.skipped,
        redis.refused,
        redis.written,
        redis.dropped,
        redis.failures
    )
}

fn figures_row(name: &str, figures: &CacheFigures) -> [String; 9] {
    [
        name.to_owned(),
        figures.hits.to_string(),
        figures.refreshed.to_string(),
        figures.validated.to_string(),
        figures.missed.to_string(),
        figures.waited.to_string(),
        figures.bypassed.to_string(),
        figures.entries.to_string(),
        format!(
            "{} of {}",
            bytes(figures.memory),
            bytes(figures.memory_limit)
        ),
    ]
}
