//! The client allow-list.

use std::net::IpAddr;

use privet_config::Config;

/// Whether a client may connect: it is in `allow_clients`; without that key it comes from loopback, or has to log in (the
/// configuration refuses a listener beyond loopback that has neither).
pub(crate) fn is_allowed(config: &Config, client: IpAddr) -> bool {
    let client = client.to_canonical();
    match &config.listen.allow_clients {
        Some(networks) => networks.iter().any(|network| network.contains(&client)),
        None => client.is_loopback() || !config.listen.users.is_empty(),
    }
}
