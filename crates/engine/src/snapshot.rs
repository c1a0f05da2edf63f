//! All that a connection is decided by, as one value that is swapped whole.

use std::sync::Arc;

use privet_config::Config;
use privet_net::Outward;
use privet_policy::{List, Policy};

use crate::login::Users;

/// One generation of the configuration, ready to use. Never changed, only replaced.
pub struct Snapshot {
    pub config: Arc<Config>,
    pub policy: Policy,
    pub outward: Arc<Outward>,
    /// The lists that the policy filters by, in the file's order.
    pub lists: Vec<Arc<List>>,
    pub(crate) users: Users,
    /// Counts up with every swap; connections to origins are shared only within one generation.
    pub generation: u64,
}
