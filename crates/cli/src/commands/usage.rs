//! `privet usage`: traffic totals.

use privet_api::connections::GroupBy;
use privet_api::now_ms;
use privet_api::usage::UsageQuery;

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{bytes, plain};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Group by
    #[arg(long, default_value = "domain", value_parser = ["app", "domain", "route", "verdict"])]
    by: String,
    /// Time range: 1h, 24h, 30d
    #[arg(long, default_value = "24h", value_name = "TIME")]
    last: String,
    /// Also as a time series with this step (1m, 1h); shown with --json
    #[arg(long, value_name = "TIME")]
    step: Option<String>,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let now = now_ms();
    let query = UsageQuery {
        by: GroupBy::parse(&args.by),
        from: Some(now.saturating_sub(milliseconds(&args.last)?)),
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
    let mut table = context
        .terminal
        .table(&[&args.by, "connections", "up", "down"]);
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
