//! /api/v1/cache: what the HTTP caches hold, did and saved; purges and pins.

pub(crate) mod entries;
pub(crate) mod purge;
mod savings;

use privet_api::Problem;

use crate::extract;

/// Longest URL, or beginning of one, in characters.
const MAX_URL: usize = 2048;

/// Checks the texts of a query, each with its name and its most characters, and returns how many are there.
fn check_lengths(texts: &[(&str, &Option<String>, usize)]) -> Result<usize, Problem> {
    let mut given = 0;
    for (name, text, most) in texts {
        if let Some(text) = text {
            extract::check_length(text, *most, name)?;
            given += 1;
        }
    }
    Ok(given)
}
