//! The compiled policy: an immutable snapshot, cheap to clone and swapped whole.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use privet_config::{Dns, HeaderMode};

use crate::host_set::HostSet;
use crate::rule_hit_counter::RuleHitCounter;
use crate::rules::{Rule, RulePosition, Rules};
use crate::verdict::DirectPermit;
use crate::{List, Outbound, OwnEndpoints};

/// Rules, lists and modes, and which mode is on. A mode changes by [`Policy::in_mode`], everything else by compiling.
#[derive(Clone)]
pub struct Policy {
    pub(crate) book: Arc<Rulebook>,
    lists: Arc<[Arc<List>]>,
    mode: Arc<Mode>,
    generation: u64,
}

/// A rule as its policy holds it.
#[derive(Debug, Clone, Copy)]
pub struct ActiveRule<'a> {
    /// What it is known by.
    pub id: &'a Arc<str>,
    pub place: RulePosition,
    pub hit_counter: &'a Arc<RuleHitCounter>,
}

/// What all modes share.
pub(crate) struct Rulebook {
    pub(crate) rules: Rules,
    pub(crate) allow: HostSet,
    pub(crate) deny: HostSet,
    pub(crate) allow_text: Vec<String>,
    pub(crate) deny_text: Vec<String>,
    pub(crate) own: OwnEndpoints,
    pub(crate) modes: BTreeMap<String, Arc<Mode>>,
    pub(crate) outbounds: Vec<Arc<str>>,
}

/// What a mode turns on.
///
/// Rules are the user's own word and hold in every mode, "off" too; `filter` concerns `[filter]` and its lists only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mode {
    pub name: Arc<str>,
    pub headers: HeaderMode,
    pub dns: Dns,
    /// Nothing goes direct, and no name is resolved here.
    pub kill_switch: bool,
    pub filter: bool,
    pub(crate) route: ModeRoute,
    /// The sentence for who is told that the mode decided.
    pub(crate) why: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModeRoute {
    Direct,
    Via(Outbound),
    /// The mode wants an outbound, and there is none.
    Nothing,
}

impl Policy {
    pub(crate) fn of(book: Arc<Rulebook>, lists: Arc<[Arc<List>]>, mode: Arc<Mode>) -> Policy {
        static GENERATIONS: AtomicU64 = AtomicU64::new(1);
        Policy {
            book,
            lists,
            mode,
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The same rules and lists, shared, in another mode; `None` where no mode has this name.
    pub fn in_mode(&self, name: &str) -> Option<Policy> {
        let mode = self.book.modes.get(name)?.clone();
        Some(Policy::of(self.book.clone(), self.lists.clone(), mode))
    }

    /// The same in the mode that is on or, where that does not filter, in the first that does; `None`: no mode filters.
    pub(crate) fn filtering(&self) -> Option<Policy> {
        if self.mode.filter {
            return Some(self.clone());
        }
        let mode = self.book.modes.values().find(|mode| mode.filter)?;
        self.in_mode(&mode.name)
    }

    /// The same with `list` in the place of the one of its name; a list of a new name is asked last.
    pub fn with_list(&self, list: Arc<List>) -> Policy {
        let mut lists = self.lists.to_vec();
        match lists.iter_mut().find(|known| known.name() == list.name()) {
            Some(known) => *known = list,
            None => lists.push(list),
        }
        Policy::of(self.book.clone(), lists.into(), self.mode.clone())
    }

    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// Unlike that of any other policy of this process.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Leave to resolve names here and to open sockets for the client (SOCKS BIND and UDP): there in a mode without a
    /// kill switch only.
    pub fn permit(&self) -> Option<DirectPermit> {
        DirectPermit::unless(self.mode.kill_switch)
    }

    /// Some rule asks for the program behind a connection: it is worth looking up.
    pub fn needs_app(&self) -> bool {
        self.rules().iter().any(Rule::names_an_app)
    }

    /// Some rule asks for the target's network: names may have to be resolved before deciding.
    pub fn needs_addresses(&self) -> bool {
        self.rules().iter().any(Rule::names_a_network)
    }

    /// The name of an upstream or group.
    pub fn outbound(&self, outbound: Outbound) -> Option<&Arc<str>> {
        self.book.outbounds.get(usize::from(outbound.0))
    }

    /// The lists in force, in the order of the file.
    pub fn lists(&self) -> &[Arc<List>] {
        &self.lists
    }

    /// Where Privet itself answers.
    pub fn own(&self) -> &OwnEndpoints {
        &self.book.own
    }

    /// The rules in force, in the order in which they are asked.
    pub fn active_rules(&self) -> impl Iterator<Item = ActiveRule<'_>> {
        self.rules().iter().map(|rule| ActiveRule {
            id: &rule.id,
            place: rule.place,
            hit_counter: &rule.hit_counter,
        })
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        self.book.rules.all()
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
