//! Makes the authority of inspection anew when it has expired, and says so, and before.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use privet_tls::{Date, EXPIRES_SOON};

use crate::inspection::AuthorityFacts;
use crate::supervise::supervisor::Supervisor;

/// The subject of the problem.
const ABOUT: &str = "inspection:authority";
const FIX: &str = "privet inspect trust; for programs with a store of their own: privet inspect ca";
/// How often an authority that has expired is made anew, where that failed.
const RETRY: Duration = Duration::from_secs(60);

impl Supervisor {
    /// Looks at the authority's end.
    pub(crate) async fn tick_inspection(&mut self) {
        let now = SystemTime::now();
        let expired = self
            .authority()
            .is_some_and(|authority| !authority.is_valid_at(now));
        let tried = self
            .authority_made_at
            .is_some_and(|at| at.elapsed() < RETRY);
        if expired && !tried {
            self.authority_made_at = Some(Instant::now());
            self.apply_lists().await;
        }
        let problems = &self.shared.problems;
        match self
            .authority()
            .and_then(|authority| problem(&authority, now))
        {
            None => problems.clear(ABOUT),
            Some(text) => problems.raise_if_new(ABOUT, text, FIX),
        }
    }

    fn authority(&self) -> Option<Arc<AuthorityFacts>> {
        let snapshot = self.shared.snapshot.load();
        let inspection = snapshot.inspection.as_ref();
        inspection.map(|inspection| inspection.authority().clone())
    }
}

fn problem(authority: &AuthorityFacts, now: SystemTime) -> Option<String> {
    let end = Date(authority.not_after);
    match authority.not_after.duration_since(now) {
        Err(_) => Some(format!("the inspection authority expired {end}")),
        Ok(left) if left < EXPIRES_SOON => Some(format!(
            "the inspection authority expires {end}: a new one is made then, which programs have to trust"
        )),
        Ok(_) if authority.replaces => Some(
            "the inspection authority was made anew, since the one before had expired or could not be read: \
             programs have to trust it"
                .to_owned(),
        ),
        Ok(_) => None,
    }
}
