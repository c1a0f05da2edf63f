//! The calls on blocklists: `states` answers them, `changes` adds, removes and changes them in the configuration.

pub(crate) mod changes;
pub(crate) mod states;

use privet_api::{Problem, escape};
use privet_engine::ListState;

use crate::known_names::known_names;
use crate::state::ApiState;

/// # Errors
/// 404: there is no list with that name.
async fn find(api: &ApiState, name: &str) -> Result<ListState, Problem> {
    let lists = api.engine.lists().await;
    let found = lists.into_iter().find(|list| list.name == name);
    found.ok_or_else(|| unknown(api, name))
}

fn unknown(api: &ApiState, name: &str) -> Problem {
    let config = api.engine.config();
    let known = known_names(config.filter.lists.iter().map(|list| &list.name));
    Problem::not_found(format!("There is no list \"{}\"{known}.", escape(name)))
}
