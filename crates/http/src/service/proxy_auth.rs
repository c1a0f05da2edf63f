//! Basic authentication to the proxy (RFC 7617). A connection caches its last valid credentials until the next
//! reload, so that the password is not checked for every request.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use privet_gateway::Gateway;

/// The challenge, as a field line.
pub const CHALLENGE: &str = "Proxy-Authenticate: Basic realm=\"Privet\", charset=\"UTF-8\"\r\n";
/// The longest credentials that are checked, in bytes.
const MAX_CREDENTIALS: usize = 1024;

/// The cached credentials of a connection.
#[derive(Default)]
pub struct ProxyAuth(Option<CachedCredentials>);

struct CachedCredentials {
    credentials: Box<[u8]>,
    user: Arc<str>,
    /// The policy generation that they were checked under.
    generation: u64,
}

impl ProxyAuth {
    /// The user of a `Proxy-Authorization` value; `None`: respond with a 407.
    pub async fn check<R: Gateway>(
        &mut self,
        gateway: &R,
        client: IpAddr,
        value: Option<&[u8]>,
    ) -> Option<Arc<str>> {
        let value = value?;
        let generation = gateway.policy_generation();
        if let Some(known) = &self.0
            && known.generation == generation
            && *known.credentials == *value
        {
            return Some(known.user.clone());
        }
        let (name, password) = parse_basic(value)?;
        let user = gateway.authenticate(client, &name, &password).await?;
        self.0 = Some(CachedCredentials {
            credentials: value.into(),
            user: user.clone(),
            generation,
        });
        Some(user)
    }
}

/// User name and password of `Basic <base64>`.
pub(super) fn parse_basic(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    if value.len() > MAX_CREDENTIALS {
        return None;
    }
    let (scheme, rest) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let plain = STANDARD.decode(rest.trim_ascii()).ok()?;
    let colon = plain.iter().position(|&byte| byte == b':')?;
    let (name, password) = plain.split_at_checked(colon)?;
    Some((name.to_vec(), password.get(1..)?.to_vec()))
}
