//! The policies. Each chooses among the candidates of one request.

pub(crate) mod hash;
pub(crate) mod latency;
pub(crate) mod least_connections;
pub(crate) mod peak_ewma;
pub(crate) mod round_robin;
pub(crate) mod slot;

/// How a member is selected among those that are available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The first in the configuration's order.
    Failover,
    /// Smooth weighted round-robin (nginx). While no state or weight changes, the selections of one selector in any
    /// window differ from a member's share by less than 1 + 1/2 + … + 1/n (2.93 for 10 members); each run of as many
    /// selections as the sum of weights, from the last change on, is exact.
    RoundRobin,
    /// The fewest requests in flight for its weight; among equals round-robin.
    LeastConnections,
    /// Of two members drawn at random by weight, the one with the lower latency × (requests in flight + 1) ÷ weight.
    /// The latency is a peak EWMA that decays over [`EWMA_DECAY`](crate::EWMA_DECAY). The weight prefers a member; it
    /// is no exact ratio.
    PeakEwma,
    /// The member of [`Request::key`](crate::Request::key), by rendezvous hashing with bounded load: a member with
    /// more than [`LOAD_BOUND`](crate::LOAD_BOUND) times its share of the requests in flight is passed over. Keys
    /// move only from and to the member that comes or goes: its share of all keys.
    Hash,
    /// As [`Policy::Hash`], without the bound on load.
    Sticky,
    /// The lowest smoothed latency, kept until another member is faster by a fifth and by 5 ms. Members without a
    /// measurement come first.
    Latency,
}
