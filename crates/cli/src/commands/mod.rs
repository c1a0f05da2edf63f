//! The commands, one file each.

use privet_api::Client;
use privet_api::status::Status;

use crate::exit::Failure;
use crate::global_options::GlobalOptions;
use crate::terminal::{Style, Terminal};

pub mod agent;
pub mod cache;
pub mod changes;
pub mod check;
pub mod close;
pub mod completions;
pub mod connections;
pub mod doctor;
pub mod env;
pub mod identity;
pub mod inspect;
pub mod lists;
pub mod login;
pub mod mode;
pub mod open;
pub mod openapi;
mod proxy_addresses;
pub mod quit;
pub mod requests;
pub mod rules;
pub mod run;
pub mod scan;
pub mod secret;
pub mod serve;
pub mod sites;
pub mod status;
pub mod system_proxy;
pub mod test;
pub mod token;
pub mod upstreams;
pub mod usage;
pub mod why;

/// Global options and output, for every command.
pub struct Context {
    pub options: GlobalOptions,
    pub terminal: Terminal,
}

impl Context {
    pub fn client(&self) -> Result<Client, Failure> {
        self.options.client()
    }

    pub async fn status(&self) -> Result<Status, Failure> {
        Ok(self.client()?.status().await?)
    }

    /// Prints a line to standard error.
    pub fn print_error(&self, text: &str) {
        self.print_note(&[text.to_owned()]);
    }

    /// As [`Self::print_error`], with further lines below the first.
    pub fn print_note(&self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let lines: Vec<String> = lines
            .iter()
            .map(|line| self.terminal.paint(line, Style::Plain))
            .collect();
        let text = format!("privet: {}\n", lines.join("\n"));
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    }
}
