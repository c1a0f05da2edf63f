//! `privet close ID | --filter QUERY`: closes connections.

use privet_api::ClientError;
use privet_api::connections::Closed;

use crate::commands::Context;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Args {
    /// Id of the connection, as `privet connections` shows it
    id: Option<u64>,
    /// Close all that match; * matches all
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    filter: Option<String>,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let closed = match (args.id, &args.filter) {
        (Some(id), _) => match client.close(id).await {
            Err(ClientError::Problem(problem)) if problem.status == 404 => Closed { closed: 0 },
            closed => closed?,
        },
        (None, Some(filter)) => client.close_matching(filter).await?,
        (None, None) => return Err(Failure::usage("give a connection's id, or --filter")),
    };
    if context.terminal.json {
        context.terminal.json(&closed)?;
    } else {
        context
            .terminal
            .print(&format!("{} closed", closed.closed))?;
    }
    Ok(if closed.closed == 0 {
        Exit::Negative
    } else {
        Exit::Done
    })
}
