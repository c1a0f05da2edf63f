//! The compiled policy: an immutable snapshot that is cheap to clone and replaced as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use privet_config::{Dns, Fallback, HeaderMode};

use crate::content::ContentPolicy;
use crate::host_set::HostSet;
use crate::rule_hit_counter::RuleHitCounter;
use crate::rules::{Rule, RuleIndex, RulePosition};
use crate::verdict::DirectPermit;
use crate::{List, Outbound, OwnEndpoints};

/// Rules, lists and modes, and the current mode. [`Policy::in_mode`] changes the mode; everything else is compiled again.
#[derive(Clone)]
pub struct Policy {
    pub(crate) shared: Arc<SharedPolicy>,
    lists: Arc<[Arc<List>]>,
    mode: Arc<Mode>,
    generation: u64,
}

/// A rule of a policy.
#[derive(Debug, Clone, Copy)]
pub struct ActiveRule<'a> {
    /// See [`privet_config::rule_ids`]; `t1`, `t2`, … for temporary rules.
    pub id: &'a Arc<str>,
    /// Where it is written.
    pub position: RulePosition,
    pub hit_counter: &'a Arc<RuleHitCounter>,
}

/// The part that is the same in all modes.
pub(crate) struct SharedPolicy {
    pub(crate) rules: RuleIndex,
    pub(crate) allow: HostSet,
    pub(crate) deny: HostSet,
    pub(crate) allow_text: Vec<String>,
    pub(crate) deny_text: Vec<String>,
    pub(crate) content: ContentPolicy,
    pub(crate) own: OwnEndpoints,
    pub(crate) modes: BTreeMap<String, Arc<Mode>>,
    pub(crate) outbounds: Vec<Arc<str>>,
}

/// What a mode turns on.
///
/// Rules hold in every mode, also in "off"; `filter` concerns `[filter]` and its lists only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mode {
    pub name: Arc<str>,
    pub headers: HeaderMode,
    pub dns: Dns,
    /// Nothing goes direct, and no name is resolved here.
    pub kill_switch: bool,
    pub filter: bool,
    /// Where connections of the mode's route go when that is down.
    pub fallback: Fallback,
    /// `[inspect]` holds.
    pub inspect: bool,
    /// `[scan]` holds.
    pub scan: bool,
    pub(crate) route: ModeRoute,
    /// The reason of a verdict that the mode decided.
    pub(crate) why: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModeRoute {
    Direct,
    Via(Outbound),
    /// The mode needs an outbound, and none is configured.
    Nothing,
}

impl Policy {
    pub(crate) fn of(
        shared: Arc<SharedPolicy>,
        lists: Arc<[Arc<List>]>,
        mode: Arc<Mode>,
    ) -> Policy {
        static GENERATIONS: AtomicU64 = AtomicU64::new(1);
        Policy {
            shared,
            lists,
            mode,
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The same rules and lists in another mode; `None` where no mode has this name. Nothing is copied.
    pub fn in_mode(&self, name: &str) -> Option<Policy> {
        let mode = self.shared.modes.get(name)?.clone();
        Some(Policy::of(self.shared.clone(), self.lists.clone(), mode))
    }

    /// The same mode with a kill switch: what it sends goes through `outbound`, or is refused where there is none of that name.
    pub fn with_kill_switch(&self, outbound: Option<&str>) -> Policy {
        let known = self.shared.outbounds.iter();
        let place = outbound.and_then(|name| known.clone().position(|known| **known == *name));
        let outbound = place.and_then(|place| u16::try_from(place).ok());
        let mode = Mode {
            dns: Dns::Upstream,
            kill_switch: true,
            fallback: Fallback::None,
            route: outbound.map_or(ModeRoute::Nothing, |place| ModeRoute::Via(Outbound(place))),
            why: "the changed configuration has a kill switch and is not applied yet".into(),
            ..(*self.mode).clone()
        };
        Policy::of(self.shared.clone(), self.lists.clone(), Arc::new(mode))
    }

    /// The policy in its mode or, if that does not filter, in the first that does; `None`: no mode filters.
    pub(crate) fn filtering(&self) -> Option<Policy> {
        if self.mode.filter {
            return Some(self.clone());
        }
        let mode = self.shared.modes.values().find(|mode| mode.filter)?;
        self.in_mode(&mode.name)
    }

    /// The policy with `list` instead of the one of the same name; a list with a new name is asked last.
    pub fn with_list(&self, list: Arc<List>) -> Policy {
        let mut lists = self.lists.to_vec();
        match lists.iter_mut().find(|known| known.name() == list.name()) {
            Some(known) => *known = list,
            None => lists.push(list),
        }
        Policy::of(self.shared.clone(), lists.into(), self.mode.clone())
    }

    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// A number that no other policy of this process has.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The permit to resolve names here and to open sockets for the client (SOCKS BIND and UDP); `None` in a mode with a
    /// kill switch.
    pub fn permit(&self) -> Option<DirectPermit> {
        DirectPermit::unless(self.mode.kill_switch)
    }

    /// The mode filters, and there is something to filter by.
    pub(crate) fn filters_anything(&self) -> bool {
        self.mode.filter && !(self.shared.deny.is_empty() && self.lists.is_empty())
    }

    /// Whether the mode resolves the names of targets on this machine.
    pub fn resolves_names(&self) -> bool {
        !self.mode.kill_switch && self.mode.dns != Dns::Upstream
    }

    /// Some rule has an `app` key: the program behind a connection has to be known.
    pub fn needs_app(&self) -> bool {
        self.rules().iter().any(Rule::has_app_key)
    }

    /// Some rule has an `ip` key: names may have to be resolved before deciding.
    pub fn needs_addresses(&self) -> bool {
        self.rules().iter().any(Rule::has_ip_key)
    }

    /// The name of an upstream or group.
    pub fn outbound(&self, outbound: Outbound) -> Option<&Arc<str>> {
        self.shared.outbounds.get(usize::from(outbound.0))
    }

    /// The enabled lists, in the order of the file.
    pub fn lists(&self) -> &[Arc<List>] {
        &self.lists
    }

    /// The endpoints of Privet itself.
    pub fn own(&self) -> &OwnEndpoints {
        &self.shared.own
    }

    /// The rules in the order in which they are compared.
    pub fn active_rules(&self) -> impl Iterator<Item = ActiveRule<'_>> {
        self.rules().iter().map(|rule| ActiveRule {
            id: &rule.id,
            position: rule.position,
            hit_counter: &rule.hit_counter,
        })
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        self.shared.rules.all()
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("mode", &self.mode.name)
            .field("rules", &self.rules().len())
            .field("lists", &self.lists)
            .field("generation", &self.generation)
            .finish()
    }
}
