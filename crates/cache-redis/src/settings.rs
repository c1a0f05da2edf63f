//! How the server is reached.

use std::time::Duration;

use privet_cache::DiskKey;
use privet_net::Connector;
use secrecy::SecretString;

/// How the server is reached.
pub struct RedisSettings {
    /// The same for the same settings: a store whose settings did not change is kept.
    pub id: u64,
    /// As the configuration says it.
    pub address: String,
    pub connector: Connector,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    /// What values are encrypted under.
    pub secret: Option<DiskKey>,
    /// How long a request waits.
    pub timeout: Duration,
}
