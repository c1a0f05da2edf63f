//! `privet identity`: new credentials with upstreams that isolate by them.

use crate::commands::Context;
use crate::exit::{Exit, Failure};

pub async fn run(context: &Context) -> Result<Exit, Failure> {
    let identity = context.client()?.rotate_identity().await?;
    if context.terminal.json {
        context.terminal.json(&identity)?;
    } else {
        context
            .terminal
            .print("new identity: new connections share no circuit with earlier ones")?;
    }
    Ok(Exit::Done)
}
