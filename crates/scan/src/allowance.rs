//! Permissions to receive a stopped body once, for the client that asked for it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a permission waits.
pub const VALID: Duration = Duration::from_secs(15 * 60);
/// The most permissions that wait.
const MOST: usize = 64;

/// Permissions to take a body in spite of what was found in it.
#[derive(Debug, Default)]
pub struct Allowances(Mutex<Vec<Allowance>>);

#[derive(Debug)]
struct Allowance {
    sha256: Arc<str>,
    client: Option<IpAddr>,
    until: Instant,
}

impl Allowances {
    /// Lets the client take the body once.
    pub fn permit(&self, sha256: Arc<str>, client: Option<IpAddr>, now: Instant) {
        let mut allowances = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        allowances.retain(|allowance| {
            allowance.until > now && (&allowance.sha256, allowance.client) != (&sha256, client)
        });
        if allowances.len() >= MOST {
            allowances.remove(0);
        }
        allowances.push(Allowance {
            sha256,
            client,
            until: now + VALID,
        });
    }

    /// Whether a permission of this client waits.
    pub fn waits(&self, client: Option<IpAddr>, now: Instant) -> bool {
        let allowances = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |allowance: &Allowance| allowance.client == client && allowance.until > now;
        allowances.iter().any(fits)
    }

    /// Uses a permission up. `false`: there is none.
    pub fn take(&self, sha256: &str, client: Option<IpAddr>, now: Instant) -> bool {
        let mut allowances = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        allowances.retain(|allowance| allowance.until > now);
        let fits =
            |allowance: &Allowance| *allowance.sha256 == *sha256 && allowance.client == client;
        let found = allowances.iter().position(fits);
        found.map(|at| allowances.remove(at)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_risk_is_taken_once_by_one_client_in_time() {
        let (allowances, now) = (Allowances::default(), Instant::now());
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().ok());
        allowances.permit("abc".into(), one, now);
        allowances.permit("abc".into(), one, now);
        assert!(!allowances.take("abc", two, now) && !allowances.take("abd", one, now));
        assert!(allowances.waits(one, now) && !allowances.waits(two, now));
        assert!(allowances.take("abc", one, now) && !allowances.take("abc", one, now));
        assert!(!allowances.waits(one, now));
        allowances.permit("abc".into(), one, now);
        assert!(!allowances.take("abc", one, now + VALID));
        for number in 0..200 {
            allowances.permit(number.to_string().into(), one, now);
        }
        assert!(allowances.take("199", one, now) && !allowances.take("0", one, now));
    }
}
