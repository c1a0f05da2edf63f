//! Compiles the configuration and the lists to a [`Policy`].

use std::collections::BTreeMap;
use std::sync::Arc;

use privet_config::{Config, Mode as WrittenMode, RouteRef, Rule as WrittenRule, rule_ids};

use crate::compile_error::CompileError;
use crate::content::ContentPolicy;
use crate::domain_entry::domain_entry;
use crate::host_hash::of_host;
use crate::host_set::{HostEntry, HostSet};
use crate::policy::{Mode, ModeRoute, Policy, SharedPolicy};
use crate::rule_hit_counter::RuleHitCounters;
use crate::rules::{Rule, RuleIndex, RulePosition};
use crate::temporary_rule::TemporaryRule;
use crate::{List, Outbound, OwnEndpoints};

impl Policy {
    /// Compiles the rules, filters and modes of `config` with those of `lists` that it names and enables, in its order.
    /// The lists are shared, not copied: compiling again is cheap, and [`Policy::in_mode`] compiles nothing.
    ///
    /// # Errors
    /// A name that nothing defines, a regular expression larger than [`crate::MAX_REGEX`], a text that is no host.
    pub fn compile(
        config: &Config,
        lists: &[Arc<List>],
        own: OwnEndpoints,
    ) -> Result<Policy, CompileError> {
        Self::compile_with(config, &[], &RuleHitCounters::default(), lists, own)
    }

    /// As [`Policy::compile`], with temporary rules before those of the file, and with the counters of rules that are known
    /// already: the others start at zero.
    ///
    /// # Errors
    /// As [`Policy::compile`].
    pub fn compile_with(
        config: &Config,
        temporary: &[TemporaryRule],
        hit_counters: &RuleHitCounters,
        lists: &[Arc<List>],
        own: OwnEndpoints,
    ) -> Result<Policy, CompileError> {
        let outbounds = outbounds(config);
        let outbound = |name: &str| {
            let at = outbounds.iter().position(|known| **known == *name)?;
            u16::try_from(at).ok().map(Outbound)
        };
        let mut rules = temporary_rules(temporary, outbound)?;
        rules.extend(file_rules(config, hit_counters, outbound)?);
        let mut modes = BTreeMap::new();
        for (name, written) in &config.modes {
            let mode = mode(config, name, written, outbound)?;
            modes.insert(name.clone(), Arc::new(mode));
        }
        let mode = modes.get(&config.mode).cloned();
        let shared = SharedPolicy {
            rules: RuleIndex::new(rules),
            allow: domains("[filter] allow", &config.filter.allow)?,
            deny: domains("[filter] deny", &config.filter.deny)?,
            allow_text: config.filter.allow.clone(),
            deny_text: config.filter.deny.clone(),
            content: ContentPolicy::compile(&config.inspect, &config.scan)?,
            own,
            modes,
            outbounds,
        };
        let mode = mode.ok_or_else(|| CompileError::NoMode(config.mode.clone()))?;
        let lists = enabled(config, lists).into();
        Ok(Policy::of(Arc::new(shared), lists, mode))
    }
}

fn temporary_rules(
    temporary: &[TemporaryRule],
    outbound: impl Fn(&str) -> Option<Outbound> + Copy,
) -> Result<Vec<Rule>, CompileError> {
    let compile = |one: &TemporaryRule| {
        let position = RulePosition::Temporary(one.number);
        let id = format!("t{}", one.number).into();
        let rule = Rule::compile(position, id, one.hit_counter.clone(), &one.rule, outbound)?;
        Ok(Rule {
            single_use: one.single_use.clone(),
            ..rule
        })
    };
    temporary.iter().map(compile).collect()
}

pub(crate) fn file_rules(
    config: &Config,
    hit_counters: &RuleHitCounters,
    outbound: impl Fn(&str) -> Option<Outbound> + Copy,
) -> Result<Vec<Rule>, CompileError> {
    let named = rule_ids(&config.rules).into_iter().zip(&config.rules);
    let compile = |(at, (id, rule)): (usize, (String, &WrittenRule))| {
        let position = RulePosition::File {
            number: at + 1,
            line: rule.line,
        };
        let hit_counter = hit_counters.get_or_new(&id);
        Rule::compile(position, id.into(), hit_counter, rule, outbound)
    };
    named.enumerate().map(compile).collect()
}

fn outbounds(config: &Config) -> Vec<Arc<str>> {
    let upstreams = config.upstreams.iter().map(|u| u.name.as_str());
    let groups = config.groups.iter().map(|g| g.name.as_str());
    upstreams.chain(groups).map(Arc::from).collect()
}

fn enabled(config: &Config, lists: &[Arc<List>]) -> Vec<Arc<List>> {
    let wanted = config.filter.lists.iter().filter(|list| list.enabled);
    wanted
        .filter_map(|want| lists.iter().find(|list| list.name() == want.name))
        .cloned()
        .collect()
}

fn mode(
    config: &Config,
    name: &str,
    written: &WrittenMode,
    outbound: impl Fn(&str) -> Option<Outbound>,
) -> Result<Mode, CompileError> {
    let first = || {
        let group = config.groups.first().map(|g| g.name.as_str());
        group.or(config.upstreams.first().map(|u| u.name.as_str()))
    };
    let via = match &written.route {
        RouteRef::Direct => None,
        RouteRef::Outbound(name) => Some(name.as_str()),
        RouteRef::FirstOutbound => first(),
    };
    let what = format!("mode “{name}”");
    let (route, why) = match (via, &written.route) {
        (Some(via), _) => {
            let outbound = outbound(via).ok_or_else(|| CompileError::NoOutbound {
                what: what.clone(),
                name: via.to_owned(),
            })?;
            let why = format!("no rule matches; {what} sends it through “{via}”");
            (ModeRoute::Via(outbound), why)
        }
        (None, RouteRef::FirstOutbound) => {
            let why = format!("{what} needs an upstream, and none is configured");
            (ModeRoute::Nothing, why)
        }
        (None, _) if written.kill_switch => {
            let why = format!("{what} routes direct, and its kill switch forbids that");
            (ModeRoute::Direct, why)
        }
        (None, _) => {
            let why = format!("no rule matches; {what} sends it direct");
            (ModeRoute::Direct, why)
        }
    };
    Ok(Mode {
        name: name.into(),
        headers: written.headers,
        dns: written.dns.clone(),
        kill_switch: written.kill_switch,
        filter: written.filter,
        fallback: written.fallback,
        inspect: written.inspect,
        scan: written.scan,
        route,
        why: why.into(),
    })
}

/// A set of domains that cover their subdomains; the note of an entry is its index in the file's array.
fn domains(what: &str, entries: &[String]) -> Result<HostSet, CompileError> {
    let mut set = Vec::new();
    for (at, text) in (0u32..).zip(entries) {
        set.push(HostEntry::new(of_host(&domain_entry(what, text)?), at));
    }
    Ok(HostSet::new(set, |a, b| a.hash() == b.hash()))
}
