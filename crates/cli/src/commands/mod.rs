//! The commands, one file each.

use privet_api::Client;
use privet_api::address::reachable;
use privet_api::status::Status;
use privet_system::proxy_environment::ProxyAddresses;

use crate::exit::Failure;
use crate::global_options::GlobalOptions;
use crate::terminal::{Style, Terminal};

pub mod agent;
pub mod changes;
pub mod check;
pub mod close;
pub mod completions;
pub mod connections;
pub mod doctor;
pub mod env;
pub mod identity;
pub mod lists;
pub mod login;
pub mod mode;
pub mod open;
pub mod openapi;
pub mod quit;
pub mod requests;
pub mod rules;
pub mod run;
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

    /// Proxy addresses of the running engine, as programs on this machine reach them.
    pub async fn proxy(&self) -> Result<ProxyAddresses, Failure> {
        let status = self.status().await?;
        let first = |kinds: &[&str]| {
            kinds.iter().find_map(|kind| {
                let listener = status.listeners.iter().find(|l| l.kind == *kind)?;
                Some(reachable_address(&listener.address))
            })
        };
        let addresses = ProxyAddresses {
            http: first(&["mixed", "http"]),
            socks: first(&["mixed", "socks"]),
            pac: first(&["pac"]).map(|address| format!("http://{address}/proxy.pac")),
        };
        if addresses.http.is_none() && addresses.socks.is_none() {
            return Err(Failure::with_help(
                "the engine has no proxy listener",
                "add one to the configuration: [listen] mixed = [\"127.0.0.1:7280\"]",
            ));
        }
        Ok(addresses)
    }

    /// Prints a line to standard error.
    pub fn print_error(&self, text: &str) {
        let line = format!("privet: {}\n", self.terminal.paint(text, Style::Plain));
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    }
}

/// A listener's address as programs on this machine use it. Text that is no address is kept.
fn reachable_address(listener: &str) -> String {
    listener.parse().map_or_else(
        |_| listener.to_owned(),
        |address| reachable(address).to_string(),
    )
}
