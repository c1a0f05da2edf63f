//! The settings of the store.

use std::time::Duration;

use privet_cache::DiskKey;
use privet_net::Connector;
use secrecy::SecretString;

/// The settings of the store.
pub struct RedisSettings {
    /// The same for the same settings: a store whose settings did not change is kept.
    pub id: u64,
    /// As written in the configuration, for messages.
    pub address: String,
    pub connector: Connector,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    /// The key that encrypts values.
    pub secret: Option<DiskKey>,
    /// Longest time that a request waits for a reply.
    pub timeout: Duration,
}
