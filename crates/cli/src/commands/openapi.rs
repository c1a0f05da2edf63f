//! `privet openapi`: the API's document, as the engine serves it.

use crate::commands::Context;
use crate::exit::{Exit, Failure};

pub fn run(context: &Context) -> Result<Exit, Failure> {
    let document =
        privet_control::openapi_json().map_err(|error| Failure::failed(error.to_string()))?;
    context.terminal.say(&document)?;
    Ok(Exit::Done)
}
