//! `privet identity`: a new identity towards upstreams that isolate by credentials.

use crate::commands::Context;
use crate::exit::{Exit, Failure};

pub async fn run(context: &Context) -> Result<Exit, Failure> {
    let identity = context.client()?.rotate_identity().await?;
    if context.terminal.json {
        context.terminal.json(&identity)?;
    } else {
        context
            .terminal
            .say("new identity: connections from now on share no circuit with earlier ones")?;
    }
    Ok(Exit::Done)
}
