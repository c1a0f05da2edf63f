//! The store that several machines share, as the configuration names it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;

use privet_cache_redis::{RedisSettings, RedisStore};
use privet_config::{CacheRedis, Config, Keyring, Secret};
use privet_net::{Connector, EndpointDialer, EndpointTls, OwnListeners};
use secrecy::{ExposeSecret, SecretString};

use super::disk_key;
use crate::endpoint::connector;

/// The store that the configuration wants; the one of before where nothing about it changed. It is not connected yet.
///
/// # Errors
/// A secret cannot be read or used, or the address is no endpoint: as a sentence, without the secret.
pub(super) fn build(
    config: &Config,
    own: &[SocketAddr],
    keyring: &dyn Keyring,
    previous: Option<&Arc<RedisStore>>,
) -> Result<Option<Arc<RedisStore>>, String> {
    let Some(redis) = config.cache.redis.as_ref().filter(|_| is_used(config)) else {
        return Ok(None);
    };
    let reveal = |what: &str, secret: Option<&Secret>| {
        let revealed = secret.map(|secret| secret.reveal(keyring)).transpose();
        revealed.map_err(|error| format!("the {what} of [cache.redis]: {error}"))
    };
    let password = reveal("password", redis.password.as_ref())?;
    let secret = reveal("secret", redis.secret.as_ref())?;
    let id = id_of(redis, own, &[&password, &secret]);
    if let Some(same) = previous.filter(|store| store.id() == id) {
        return Ok(Some(same.clone()));
    }
    let secret = match &secret {
        None => None,
        Some(text) => Some(disk_key::parse(text).ok_or(
            "the secret of [cache.redis] is not 64 hexadecimal digits: make one with \"openssl rand -hex 32\", the same for \
             all machines",
        )?),
    };
    let dialer = EndpointDialer::new(OwnListeners::new(own.iter().copied()), None);
    let tls = redis.address.is_tls().then(|| {
        let tls = EndpointTls::for_service(redis.ca.as_deref());
        tls.map_err(|error| format!("TLS of [cache.redis]: {error}"))
    });
    let connector: Connector = connector(&redis.address, tls.transpose()?.as_ref(), &dialer)?;
    let settings = RedisSettings {
        id,
        address: redis.address.text.clone(),
        connector,
        username: redis.username.clone(),
        password,
        secret,
        timeout: redis.timeout,
    };
    Ok(Some(RedisStore::new(
        settings,
        previous.map(|store| &**store),
    )))
}

/// Whether a cache is shared.
fn is_used(config: &Config) -> bool {
    let forward = config.cache.enabled && config.cache.shared;
    forward || config.sites.iter().any(|site| site.cache)
}

/// The bytes of the authorities' file that are compared; a larger one is refused when it is loaded.
const MOST_READ: u64 = 1 << 20;

fn id_of(redis: &CacheRedis, own: &[SocketAddr], secrets: &[&Option<SecretString>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{redis:?} {own:?}").hash(&mut hasher);
    // A store whose authorities changed connects anew.
    let authorities = redis.ca.as_ref();
    let authorities = authorities.and_then(|path| privet_regular_file::read(path, MOST_READ).ok());
    authorities.hash(&mut hasher);
    for secret in secrets {
        secret
            .as_ref()
            .map(|secret| secret.expose_secret())
            .hash(&mut hasher);
    }
    hasher.finish()
}
