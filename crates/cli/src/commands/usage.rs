//! `privet usage [wipe]`: traffic totals, and deleting them together with the history.

use privet_api::connections::GroupBy;
use privet_api::now_ms;
use privet_api::usage::{UsageQuery, WipeQuery};

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{bytes, plain};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Group by [default: domain]
    #[arg(long, value_parser = ["app", "domain", "route", "verdict"])]
    by: Option<String>,
    /// Time range: 1h, 24h, 30d [default: 24h]
    #[arg(long, value_name = "TIME")]
    last: Option<String>,
    /// Also as a time series with this step (1m, 1h); shown with --json
    #[arg(long, value_name = "TIME")]
    step: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Delete the connection history and totals, in memory and on disk; this cannot be undone
    Wipe(WipeArgs),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct WipeArgs {
    /// Start of the range: RFC 3339, or how long ago: 2h, 7d
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// End of the range: RFC 3339, or how long ago [default: now]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Everything
    #[arg(long, conflicts_with_all = ["from", "to"])]
    all: bool,
}

async fn wipe(context: &Context, args: &WipeArgs) -> Result<Exit, Failure> {
    let now = now_ms();
    let time = |text: &Option<String>| text.as_deref().map(|text| time(text, now)).transpose();
    let query = WipeQuery {
        from: time(&args.from)?,
        to: time(&args.to)?,
    };
    let wiped = context.client()?.wipe_usage(&query).await?;
    match (context.terminal.json, wiped.all) {
        (true, _) => context.terminal.json(&wiped)?,
        (false, true) => context.terminal.print("deleted all history and totals")?,
        (false, false) => context
            .terminal
            .print("deleted history and totals of that range")?,
    }
    Ok(Exit::Done)
}

/// Milliseconds since 1970.
fn time(text: &str, now: u64) -> Result<u64, Failure> {
    if let Ok(ago) = milliseconds(text) {
        return Ok(now.saturating_sub(ago));
    }
    let since = privet_config::parse_timestamp(text)
        .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
        .and_then(|since| u64::try_from(since.as_millis()).ok());
    since.ok_or_else(|| {
        Failure::usage(format!(
            "\"{text}\" is not a time; write 2026-11-24T19:00:00Z, or how long ago: 2h, 7d"
        ))
    })
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    if let Some(Action::Wipe(range)) = &args.action {
        // Else a wipe would go further than such a request seems to say.
        if args.by.is_some() || args.last.is_some() || args.step.is_some() {
            let text = "`usage wipe` takes --from and --to, or --all; nothing was deleted";
            return Err(Failure::usage(text));
        }
        return wipe(context, range).await;
    }
    let by = args.by.as_deref().unwrap_or("domain");
    let last = args.last.as_deref().unwrap_or("24h");
    let now = now_ms();
    let query = UsageQuery {
        by: GroupBy::parse(by),
        from: Some(now.saturating_sub(milliseconds(last)?)),
        to: Some(now),
        step: match &args.step {
            Some(step) => Some(milliseconds(step)? / 1000),
            None => None,
        },
    };
    let usage = context.client()?.usage(&query).await?;
    if context.terminal.json {
        context.terminal.json(&usage)?;
        return Ok(Exit::Done);
    }
    let mut table = context.terminal.table(&[by, "connections", "up", "down"]);
    for row in &usage.rows {
        table.row([
            plain(row.key.as_str()),
            plain(row.connections.to_string()),
            plain(bytes(row.up)),
            plain(bytes(row.down)),
        ]);
    }
    context.terminal.print(&table.text())?;
    Ok(Exit::Done)
}

fn milliseconds(text: &str) -> Result<u64, Failure> {
    privet_config::parse_duration(text)
        .and_then(|duration| u64::try_from(duration.as_millis()).ok())
        .ok_or_else(|| {
            Failure::usage(format!(
                "\"{text}\" is not a time; write 90s, 15m, 24h or 30d"
            ))
        })
}
