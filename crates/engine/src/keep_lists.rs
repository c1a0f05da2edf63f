//! The keeper's work on filter lists: reading again, fetching what is due, saying what is wrong.

use std::time::SystemTime;

use crate::fetch::{Fetched, fetch};
use crate::keeper::{Keeper, Order};
use crate::lists::Copy;

impl Keeper {
    /// Every list that is not as it should be is a problem; one that is, is none any more.
    pub(crate) fn say_list_errors(&self) {
        for state in self.lists.states() {
            let about = format!("list:{}", state.name);
            match state.error {
                Some(error) => {
                    let text = format!("list {:?}: {error}", state.name);
                    self.shared.problems.raise(
                        about,
                        text,
                        "mend its source, or set enabled = false",
                    );
                }
                None => self.shared.problems.settle(&about),
            }
        }
    }

    /// Reads or fetches one list now; whether there is one of that name.
    pub(crate) async fn refresh(&mut self, name: &str) -> bool {
        if !self.lists.contains(name) {
            return false;
        }
        let (mut lists, of) = (self.lists.clone(), name.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            lists.reread(&of);
            lists
        });
        if let Ok(lists) = read.await {
            self.lists = lists;
        }
        self.say_list_errors();
        self.swap_lists().await;
        self.start_fetches(Some(name));
        true
    }

    /// Starts the fetches that are due, each a task that reports back as an order.
    pub(crate) fn start_fetches(&mut self, only: Option<&str>) {
        for due in self.lists.due(SystemTime::now(), only) {
            let (shared, orders) = (self.shared.clone(), self.orders.clone());
            let copy = Copy::of(&self.options.data_dir, &due.name);
            self.fetches.spawn(async move {
                let list = due.name.clone();
                let outcome = fetch(due, shared, copy).await;
                let _ = orders.send(Order::Fetched { list, outcome }).await;
            });
        }
    }

    pub(crate) async fn fetched(&mut self, name: &str, outcome: Fetched) {
        let is_new = matches!(outcome, Ok(Some(_)));
        self.lists.fetched(name, SystemTime::now(), outcome);
        self.say_list_errors();
        if is_new {
            self.swap_lists().await;
        }
    }
}
