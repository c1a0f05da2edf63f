//! `privet connections`: the connections table, once or live.

use privet_api::ClientError;
use privet_api::connections::{ConnectionPage, ConnectionRow, ConnectionsQuery, GroupBy, RowState};
use privet_api::events::EventsQuery;
use privet_api::export::{ExportFormat, ExportQuery};

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, Terminal, bytes, plain, span};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print again whenever something changes
    #[arg(long, short)]
    watch: bool,
    /// Which table
    #[arg(long, default_value = "active", value_parser = ["active", "closed", "blocked"])]
    state: String,
    /// Terms that must all match: app:firefox -host:*.corp up>1M
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    filter: Option<String>,
    /// Group by app, domain, route or verdict
    #[arg(long, value_parser = ["app", "domain", "route", "verdict"])]
    group: Option<String>,
    /// Column to sort by; a leading - sorts descending
    #[arg(long, allow_hyphen_values = true, value_name = "COLUMN")]
    sort: Option<String>,
    /// Rows to skip
    #[arg(long, default_value_t = 0)]
    offset: u32,
    /// Rows to show, at most 1000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Export all matching rows, at most 20000, as csv or har
    #[arg(long, value_parser = ["csv", "har"], conflicts_with_all = ["watch", "group", "offset", "limit"])]
    format: Option<String>,
    /// Show the queries of URLs in HAR, which may hold secrets
    #[arg(long, requires = "format")]
    queries: bool,
}

impl Args {
    fn state(&self) -> RowState {
        match self.state.as_str() {
            "closed" => RowState::Closed,
            "blocked" => RowState::Blocked,
            _ => RowState::Active,
        }
    }

    fn export(&self, format: &str) -> ExportQuery {
        ExportQuery {
            format: match format {
                "har" => ExportFormat::Har,
                _ => ExportFormat::Csv,
            },
            state: Some(self.state()),
            filter: self.filter.clone(),
            sort: self.sort.clone(),
            queries: self.queries,
        }
    }

    fn query(&self) -> ConnectionsQuery {
        ConnectionsQuery {
            state: self.state(),
            filter: self.filter.clone(),
            ids: None,
            group: self.group.as_deref().and_then(GroupBy::parse),
            sort: self.sort.clone(),
            offset: self.offset,
            limit: self.limit,
        }
    }
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    if let Some(format) = &args.format {
        context
            .terminal
            .print_bytes(&client.export(&args.export(format)).await?)?;
        return Ok(Exit::Done);
    }
    if args.watch {
        return watch(context, args).await;
    }
    let page = client.connections(&args.query()).await?;
    show(&context.terminal, &page)?;
    Ok(Exit::Done)
}

async fn watch(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let query = EventsQuery::for_connections(args.query());
    let mut events = context.client()?.watch(&query).await?;
    while let Some(event) = events.next().await.map_err(ClientError::from)? {
        if event.name != "connections" {
            continue;
        }
        let page: ConnectionPage = serde_json::from_str(&event.data)
            .map_err(|error| Failure::failed(format!("invalid event from the engine: {error}")))?;
        if context.terminal.is_tty() && !context.terminal.json {
            context.terminal.print("\x1b[H\x1b[2J")?;
        }
        show(&context.terminal, &page)?;
    }
    Err(Failure::NoEngine("the engine stopped".to_owned()))
}

fn show(terminal: &Terminal, page: &ConnectionPage) -> Result<(), Failure> {
    if terminal.json {
        return terminal.json(page);
    }
    if page.groups.is_empty() {
        terminal.print(&rows(terminal, page))
    } else {
        terminal.print(&groups(terminal, page))
    }
}

fn rows(terminal: &Terminal, page: &ConnectionPage) -> String {
    let mut table = terminal.table(&[
        "id", "app", "target", "proto", "verdict", "route", "up", "down", "age", "why",
    ]);
    for row in &page.rows {
        table.row([
            plain(row.id.to_string()),
            plain(row.app.as_deref().unwrap_or("-")),
            plain(target(row)),
            plain(row.protocol.as_str()),
            (row.verdict.to_string(), style(&row.verdict)),
            plain(row.route.as_str()),
            plain(bytes(row.up)),
            plain(bytes(row.down)),
            plain(span(row.age_ms)),
            (
                row.error.as_deref().unwrap_or(&row.reason).to_owned(),
                Style::Dim,
            ),
        ]);
    }
    format!("{}\n{}", table.text(), foot(page, page.rows.len()))
}

fn groups(terminal: &Terminal, page: &ConnectionPage) -> String {
    let mut table = terminal.table(&["group", "connections", "up", "down", "up/s", "down/s"]);
    for group in &page.groups {
        table.row([
            plain(group.key.as_str()),
            plain(group.rows.to_string()),
            plain(bytes(group.up)),
            plain(bytes(group.down)),
            plain(bytes(group.up_speed)),
            plain(bytes(group.down_speed)),
        ]);
    }
    format!("{}\n{}", table.text(), foot(page, page.groups.len()))
}

fn foot(page: &ConnectionPage, shown: usize) -> String {
    format!(
        "{shown} of {} shown, ↑ {} ↓ {}",
        page.total,
        bytes(page.up),
        bytes(page.down)
    )
}

fn target(row: &ConnectionRow) -> String {
    if row.host.contains(':') {
        format!("[{}]:{}", row.host, row.port)
    } else {
        format!("{}:{}", row.host, row.port)
    }
}

fn style(verdict: &str) -> Style {
    match verdict {
        "blocked" | "failed" => Style::Error,
        "direct" => Style::Warning,
        _ => Style::Success,
    }
}
