//! A temporary rule and whether its connection was seen.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_config::{Config, Rule, RuleAction};
use privet_policy::TemporaryRule;

use super::lifetime::TemporaryLifetime;

/// How long a connection may take from claiming its rule to its row in the connection log.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(120);

/// A temporary rule, and since when the connection that claimed it has not been seen.
pub(crate) struct TrackedRule {
    pub(crate) rule: TemporaryRule,
    unseen_since: Option<Instant>,
}

impl TrackedRule {
    pub(super) fn new(number: u32, rule: Rule, lifetime: TemporaryLifetime, now_ms: u64) -> Self {
        let rule = TemporaryRule {
            number,
            rule,
            single_use: (lifetime == TemporaryLifetime::Once).then(Arc::default),
            hit_counter: Arc::default(),
        };
        rule.hit_counter.begin(now_ms);
        Self {
            rule,
            unseen_since: None,
        }
    }

    pub(super) fn lifetime(&self) -> TemporaryLifetime {
        match self.rule.single_use {
            Some(_) => TemporaryLifetime::Once,
            None => TemporaryLifetime::UntilQuit,
        }
    }

    /// Whether the rule is spent: the connection that claimed it is not among the `live` clients any more. A spent rule
    /// expires, so that no other connection from the same port is taken for it.
    pub(super) fn is_spent(&mut self, live: &HashSet<SocketAddr>, now: Instant) -> bool {
        let Some(single_use) = self.rule.single_use.as_ref() else {
            return false;
        };
        let Some(client) = single_use.client() else {
            return false;
        };
        if live.contains(&client) {
            self.unseen_since = None;
            return false;
        }
        let since = *self.unseen_since.get_or_insert(now);
        let spent = now.duration_since(since) >= CONNECT_TIMEOUT;
        if spent {
            single_use.expire();
        }
        spent
    }

    /// Whether the upstream or group that the rule names exists in `config`.
    pub(super) fn has_outbound(&self, config: &Config) -> bool {
        let RuleAction::Outbound(name) = &self.rule.rule.action else {
            return true;
        };
        let upstreams = config.upstreams.iter().map(|upstream| &upstream.name);
        let mut outbounds = upstreams.chain(config.groups.iter().map(|group| &group.name));
        outbounds.any(|known| known == name)
    }
}

/// Whether the rule can still match a new connection: a rule for one connection cannot once it was claimed.
pub(crate) fn is_open(rule: &TemporaryRule) -> bool {
    rule.single_use
        .as_ref()
        .is_none_or(|single_use| single_use.is_unclaimed())
}
