//! `privet requests`: the requests that could be read.

use privet_api::requests::{RequestPage, RequestRow, RequestsQuery};

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, Terminal, bytes, plain};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Terms that must all match: method:POST status>=400 -host:a.test
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    filter: Option<String>,
    /// Column to sort by; a leading - sorts descending: started, method, url, status, type, up, down, total_ms
    #[arg(long, allow_hyphen_values = true, value_name = "COLUMN")]
    sort: Option<String>,
    /// Rows to skip
    #[arg(long, default_value_t = 0)]
    offset: u32,
    /// Rows to show, at most 1000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Show the queries of URLs, which may hold secrets
    #[arg(long)]
    queries: bool,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let query = RequestsQuery {
        filter: args.filter.clone(),
        sort: args.sort.clone(),
        offset: args.offset,
        limit: args.limit,
        queries: args.queries,
    };
    let page = context.client()?.requests(&query).await?;
    let terminal = &context.terminal;
    if terminal.json {
        terminal.json(&page)?;
    } else {
        terminal.print(&rows(terminal, &page))?;
    }
    Ok(Exit::Done)
}

fn rows(terminal: &Terminal, page: &RequestPage) -> String {
    let mut table = terminal.table(&[
        "method", "url", "status", "type", "up", "down", "ms", "cache", "route",
    ]);
    for row in &page.rows {
        table.row([
            plain(row.method.as_str()),
            plain(row.url.as_str()),
            status(row),
            plain(row.media_type.as_deref().unwrap_or("-")),
            plain(bytes(row.up)),
            plain(bytes(row.down)),
            plain(format!("{:.1}", row.total_ms)),
            plain(row.cache.as_deref().unwrap_or("-")),
            plain(row.route.as_str()),
        ]);
    }
    let shown = page.rows.len();
    let note = if page.recording {
        ""
    } else {
        "\nRequests are not recorded: [log] requests is \"none\", or the mode keeps no history."
    };
    format!("{}\n{shown} of {} shown{note}", table.text(), page.total)
}

fn status(row: &RequestRow) -> (String, Style) {
    match (row.status, &row.error) {
        (Some(status), _) if status >= 500 => (status.to_string(), Style::Error),
        (Some(status), _) if status >= 400 => (status.to_string(), Style::Warning),
        (Some(status), _) => plain(status.to_string()),
        (None, error) => (error.as_deref().unwrap_or("-").to_owned(), Style::Error),
    }
}
