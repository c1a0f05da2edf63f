//! A body that was stopped may be taken once, by the client that asked for it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a permission waits.
pub const VALID: Duration = Duration::from_secs(15 * 60);
/// The most permissions that wait.
const MOST: usize = 64;

/// Permissions to take a body in spite of what was found in it.
#[derive(Debug, Default)]
pub struct Risks(Mutex<Vec<Risk>>);

#[derive(Debug)]
struct Risk {
    sha256: Arc<str>,
    client: Option<IpAddr>,
    until: Instant,
}

impl Risks {
    /// Lets the client take the body once.
    pub fn permit(&self, sha256: Arc<str>, client: Option<IpAddr>, now: Instant) {
        let mut risks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        risks.retain(|risk| risk.until > now && (&risk.sha256, risk.client) != (&sha256, client));
        if risks.len() >= MOST {
            risks.remove(0);
        }
        risks.push(Risk {
            sha256,
            client,
            until: now + VALID,
        });
    }

    /// Whether a permission of this client waits.
    pub fn waits(&self, client: Option<IpAddr>, now: Instant) -> bool {
        let risks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |risk: &Risk| risk.client == client && risk.until > now;
        risks.iter().any(fits)
    }

    /// Uses a permission up. `false`: there is none.
    pub fn take(&self, sha256: &str, client: Option<IpAddr>, now: Instant) -> bool {
        let mut risks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        risks.retain(|risk| risk.until > now);
        let fits = |risk: &Risk| *risk.sha256 == *sha256 && risk.client == client;
        let found = risks.iter().position(fits);
        found.map(|at| risks.remove(at)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_risk_is_taken_once_by_one_client_in_time() {
        let (risks, now) = (Risks::default(), Instant::now());
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().ok());
        risks.permit("abc".into(), one, now);
        risks.permit("abc".into(), one, now);
        assert!(!risks.take("abc", two, now) && !risks.take("abd", one, now));
        assert!(risks.waits(one, now) && !risks.waits(two, now));
        assert!(risks.take("abc", one, now) && !risks.take("abc", one, now));
        assert!(!risks.waits(one, now));
        risks.permit("abc".into(), one, now);
        assert!(!risks.take("abc", one, now + VALID));
        for number in 0..200 {
            risks.permit(number.to_string().into(), one, now);
        }
        assert!(risks.take("199", one, now) && !risks.take("0", one, now));
    }
}
