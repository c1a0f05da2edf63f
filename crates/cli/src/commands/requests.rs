//! `privet requests`: the requests that could be read.

use privet_api::requests::{
    NotRecorded, RequestExportQuery, RequestPage, RequestRow, RequestsQuery,
};

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, Terminal, bytes, plain};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Terms that must all match: method:POST status>=400 -host:a.test
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    filter: Option<String>,
    /// Column to sort by; a leading - sorts descending: started, method, url, status, type, up, down, first_byte_ms, total_ms, cache, scan
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
    /// Export all matching requests, at most 20000, as har
    #[arg(long, value_parser = ["har"], conflicts_with_all = ["offset", "limit"])]
    format: Option<String>,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let query = RequestsQuery {
        filter: args.filter.clone(),
        sort: args.sort.clone(),
        offset: args.offset,
        limit: args.limit,
        queries: args.queries,
    };
    let client = context.client()?;
    let terminal = &context.terminal;
    if args.format.is_some() {
        let query = RequestExportQuery {
            filter: query.filter,
            sort: query.sort,
            queries: query.queries,
        };
        terminal.print_bytes(&client.export_requests(&query).await?)?;
        return Ok(Exit::Done);
    }
    let page = client.requests(&query).await?;
    if terminal.json {
        terminal.json(&page)?;
    } else {
        terminal.print(&rows(terminal, &page))?;
    }
    Ok(Exit::Done)
}

fn rows(terminal: &Terminal, page: &RequestPage) -> String {
    let mut headings = vec![
        "method", "url", "status", "type", "up", "down", "ms", "cache", "route",
    ];
    let shows_scans = page.rows.iter().any(|row| row.scan.is_some());
    if shows_scans {
        headings.push("scan");
    }
    let mut table = terminal.table(&headings);
    for row in &page.rows {
        let mut cells = vec![
            plain(row.method.as_str()),
            plain(row.url.as_str()),
            status(row),
            plain(row.media_type.as_deref().unwrap_or("-")),
            plain(bytes(row.up)),
            plain(bytes(row.down)),
            plain(format!("{:.1}", row.total_ms)),
            plain(row.cache.as_deref().unwrap_or("-")),
            plain(row.route.as_str()),
        ];
        if shows_scans {
            cells.push(scan(row));
        }
        table.row(cells);
    }
    let shown = page.rows.len();
    let note = match page.not_recorded {
        None => "",
        Some(NotRecorded::LogRequests) => {
            "\nRequests are not recorded: [log] requests is \"none\"."
        }
        Some(NotRecorded::LogConnections) => {
            "\nRequests are not recorded: [log] connections is \"none\"."
        }
        Some(NotRecorded::ModeHistory) => {
            "\nRequests are not recorded: the mode has history = false."
        }
    };
    format!("{}\n{shown} of {} shown{note}", table.text(), page.total)
}

/// The verdict, and the rule that stopped the body.
fn scan(row: &RequestRow) -> (String, Style) {
    let verdict = row.scan.as_deref().unwrap_or("-");
    match &row.scan_rule {
        Some(rule) => (format!("{verdict}: {rule}"), Style::Warning),
        None => plain(verdict),
    }
}

fn status(row: &RequestRow) -> (String, Style) {
    match (row.status, &row.error) {
        (Some(status), _) if status >= 500 => (status.to_string(), Style::Error),
        (Some(status), _) if status >= 400 => (status.to_string(), Style::Warning),
        (Some(status), _) => plain(status.to_string()),
        (None, error) => (error.as_deref().unwrap_or("-").to_owned(), Style::Error),
    }
}
