//! `privet openapi`: prints the OpenAPI document of the control API.

use crate::commands::Context;
use crate::exit::{Exit, Failure};

pub fn run(context: &Context) -> Result<Exit, Failure> {
    let document =
        privet_control::openapi_json().map_err(|error| Failure::failed(error.to_string()))?;
    context.terminal.print(&document)?;
    Ok(Exit::Done)
}
