//! The attempts of one dial through an upstream or a group: which chain is next, and who is to blame for a failure.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_balance::{Failure, Fallback, Lease};
use privet_config::Scheme;
use smallvec::SmallVec;

use crate::chain::Chain;
use crate::group::{Group, dice};
use crate::hop::HandshakeTimeouts;
use crate::{DialError, DialErrorKind};

/// No further member is tried after this time.
const DEADLINE: Duration = Duration::from_secs(45);

/// An upstream, or a group of them.
#[derive(Clone, Copy)]
pub(crate) enum Outbound<'a> {
    Upstream(&'a Arc<Chain>),
    Group(&'a Group),
}

impl Outbound<'_> {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Upstream(chain) => &chain.last().name,
            Self::Group(group) => &group.name,
        }
    }

    /// Whether a connection may go through a hop that cannot carry a host name (SOCKS4).
    pub(crate) fn needs_addresses(&self) -> bool {
        let socks4 = |chain: &Arc<Chain>| chain.last().scheme == Scheme::Socks4;
        match self {
            Self::Upstream(chain) => socks4(chain),
            Self::Group(group) => group.chains().iter().any(socks4),
        }
    }
}

pub(crate) struct Attempts<'a> {
    outbound: Outbound<'a>,
    /// Hash of the client's address without its port: the key of the policy "sticky".
    client: u64,
    started: Instant,
    /// Which members may be tried when none is up.
    fallback: Fallback,
    /// Of the current attempt through a group.
    lease: Option<Lease>,
    tried: SmallVec<[usize; 8]>,
    /// Members that timed out where the target may be to blame. They are probed once another member succeeds.
    suspects: SmallVec<[usize; 2]>,
    last: Option<DialError>,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(outbound: Outbound<'a>, client: SocketAddr, fallback: Fallback) -> Self {
        Self {
            outbound,
            client: sticky_key(client.ip()),
            started: Instant::now(),
            fallback,
            lease: None,
            tried: SmallVec::new(),
            suspects: SmallVec::new(),
            last: None,
        }
    }

    /// The next chain to try, and its time limits.
    pub(crate) fn next(&mut self) -> Option<(Arc<Chain>, HandshakeTimeouts)> {
        if self.started.elapsed() >= DEADLINE {
            return None;
        }
        match self.outbound {
            Outbound::Upstream(_) if !self.tried.is_empty() => None,
            Outbound::Upstream(chain) => {
                self.tried.push(0);
                Some((chain.clone(), HandshakeTimeouts::DEFAULT))
            }
            Outbound::Group(group) => {
                let lease = group.select(self.client, &self.tried, self.fallback)?;
                let member = lease.member();
                self.lease = Some(lease);
                self.tried.push(member);
                let timeouts = if self.tried.len() < group.len() {
                    HandshakeTimeouts::WITH_FAILOVER
                } else {
                    HandshakeTimeouts::DEFAULT
                };
                Some((group.chain(member)?.clone(), timeouts))
            }
        }
    }

    /// Reports that the last attempt succeeded.
    pub(crate) fn succeeded(&self, chain: &Chain, latency: Option<Duration>) {
        chain.record.succeeded(latency);
        if let Some(lease) = &self.lease {
            lease.succeeded(latency, Instant::now());
        }
        if let Outbound::Group(group) = self.outbound {
            for suspect in &self.suspects {
                group.suspected(*suspect);
            }
        }
    }

    /// Whether a member timed out where the target may be to blame.
    pub(crate) fn has_suspects(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// Reports that the last attempt failed. Returns the error where no other member could do better.
    pub(crate) fn failed(&mut self, chain: &Chain, error: DialError) -> Option<DialError> {
        match error.kind {
            DialErrorKind::Exhausted | DialErrorKind::Loop => return Some(error),
            kind if kind.blames_upstream() => {
                chain.record.failed(&error.text);
                if let Some(lease) = &self.lease {
                    lease.failed(Failure::Connect, Instant::now(), dice());
                }
            }
            DialErrorKind::TimedOut => self.suspects.extend(self.tried.last().copied()),
            // Another member may support it.
            DialErrorKind::Unsupported => {}
            _ => {
                chain.record.succeeded(None);
                if let Some(lease) = &self.lease {
                    lease.succeeded(None, Instant::now());
                }
                return Some(error);
            }
        }
        self.last = Some(error);
        None
    }

    /// The error to report when every attempt failed, or none was made.
    pub(crate) fn into_error(self) -> DialError {
        match (self.last, self.outbound) {
            (Some(error), Outbound::Group(group)) if error.kind.blames_upstream() => {
                let text = format!("no member of group {} works; {}", group.name, error.text);
                DialError { text, ..error }
            }
            (Some(error), _) => error,
            (None, Outbound::Group(group)) => DialError::here(
                DialErrorKind::UpstreamDown,
                format!("every member of group {} is down", group.name),
            ),
            (None, Outbound::Upstream(chain)) => DialError::here(
                DialErrorKind::UpstreamDown,
                format!("upstream {} is down", chain.last().name),
            ),
        }
    }
}

fn sticky_key(client: IpAddr) -> u64 {
    let mut hasher = DefaultHasher::new();
    client.to_canonical().hash(&mut hasher);
    hasher.finish()
}
