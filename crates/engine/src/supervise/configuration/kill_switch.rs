//! A kill switch that an edit of the file turns on holds at once: the rest of the edit may have to wait for the keyring,
//! for lists or for a listener, or may fail.

use privet_config::{Config, RouteRef};

use crate::supervise::configuration::report::ConfigSource;
use crate::supervise::supervisor::Supervisor;

impl Supervisor {
    /// Holds back direct connections where the changed file asks for it in the mode that it selects.
    pub(crate) async fn apply_kill_switch_of_file(&self) {
        let Ok(loaded) = self.parse(ConfigSource::File).await else {
            return;
        };
        let config = loaded.config;
        let before = self.mode_before(&ConfigSource::File).await;
        let modes = self.shared.modes();
        let name = match before.as_ref() == Some(&config.mode) {
            true => modes.base(),
            false => &config.mode,
        };
        let Some(mode) = config.modes.get(name).filter(|mode| mode.kill_switch) else {
            return;
        };
        let current = self.shared.snapshot.load_full();
        if !current.policy.mode().kill_switch {
            let outbound = outbound(&mode.route, &current.config);
            self.shared.hold_back_direct(outbound);
        }
    }
}

/// The upstream or group of the running configuration that the route names.
fn outbound(route: &RouteRef, running: &Config) -> Option<String> {
    let upstreams = || running.upstreams.iter().map(|upstream| &upstream.name);
    let groups = || running.groups.iter().map(|group| &group.name);
    let found = match route {
        RouteRef::Direct => None,
        RouteRef::Outbound(name) => groups().chain(upstreams()).find(|known| *known == name),
        RouteRef::FirstOutbound => groups().chain(upstreams()).next(),
    };
    found.cloned()
}
