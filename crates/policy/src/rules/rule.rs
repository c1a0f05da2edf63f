//! One rule, compiled.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use ipnet::IpNet;
use privet_config::{Fallback, Rule as WrittenRule, RuleAction, RuleProtocol};
use regex::{Regex, RegexBuilder};

use super::app_pattern::AppPattern;
use super::position::RulePosition;
use crate::compile_error::CompileError;
use crate::domain_entry::domain_entry;
use crate::list::canonical_net;
use crate::own_endpoints::reached;
use crate::rule_hit_counter::RuleHitCounter;
use crate::temporary_rule::SingleUse;
use crate::{App, Host, Outbound};

/// The most memory that one compiled `domain_regex` may take, in bytes. More than `privet check` allows, since here the
/// pattern ignores case.
pub const MAX_REGEX: usize = 16 << 20;

/// What a rule does with a connection that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompiledAction {
    Direct,
    Block,
    Via(Outbound),
}

/// One rule. An empty key holds for every request.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) position: RulePosition,
    /// See [`privet_config::rule_ids`]; `t1`, `t2`, … for temporary rules.
    pub(crate) id: Arc<str>,
    /// For one connection only.
    pub(crate) single_use: Option<Arc<SingleUse>>,
    pub(crate) hit_counter: Arc<RuleHitCounter>,
    pub(crate) action: CompiledAction,
    pub(crate) fallback: Fallback,
    /// `[filter]` decides on what the rule routes.
    pub(crate) filter: bool,
    /// Its `ip` key may cause a look-up.
    pub(crate) resolve: bool,
    /// `None`: as `[inspect]` says.
    pub(crate) inspect: Option<bool>,
    /// `None`: as `[scan]` says.
    pub(crate) scan: Option<bool>,
    pub(crate) until: Option<SystemTime>,
    pub(crate) domain: Vec<Host>,
    pub(crate) suffix: Vec<Host>,
    pub(crate) regex: Vec<Regex>,
    pub(crate) ip: Vec<IpNet>,
    /// Inclusive ranges.
    pub(crate) port: Vec<(u16, u16)>,
    pub(crate) app: Vec<AppPattern>,
    pub(crate) protocol: Vec<RuleProtocol>,
    pub(crate) user: Vec<String>,
    /// The reason of a verdict that this rule decided.
    pub(crate) why: Arc<str>,
}

impl Rule {
    /// # Errors
    /// An outbound that does not exist, a text that is no host, a regular expression that does not compile.
    pub(crate) fn compile(
        position: RulePosition,
        id: Arc<str>,
        hit_counter: Arc<RuleHitCounter>,
        written: &WrittenRule,
        outbound: impl Fn(&str) -> Option<Outbound>,
    ) -> Result<Rule, CompileError> {
        let action = match &written.action {
            RuleAction::Direct => CompiledAction::Direct,
            // Nobody can be asked yet: what is not allowed by anybody is refused.
            RuleAction::Block | RuleAction::Ask => CompiledAction::Block,
            RuleAction::Outbound(name) => {
                CompiledAction::Via(outbound(name).ok_or_else(|| CompileError::NoOutbound {
                    what: position.to_string(),
                    name: name.clone(),
                })?)
            }
        };
        let hosts = |entries: &[String]| -> Result<Vec<Host>, CompileError> {
            entries
                .iter()
                .map(|text| domain_entry(&position.to_string(), text))
                .collect()
        };
        let matcher = &written.matcher;
        Ok(Rule {
            position,
            id,
            single_use: None,
            hit_counter,
            action,
            fallback: written.fallback,
            filter: written.filter,
            resolve: written.resolve,
            inspect: written.inspect,
            scan: written.scan,
            until: written.until,
            domain: hosts(&matcher.domain)?,
            suffix: hosts(&matcher.domain_suffix)?,
            regex: regexes(position, &matcher.domain_regex)?,
            ip: matcher.ip.iter().copied().map(canonical_net).collect(),
            port: matcher.port.clone(),
            app: matcher.app.iter().map(|app| AppPattern::new(app)).collect(),
            protocol: matcher.protocol.clone(),
            user: matcher.user.clone(),
            why: why(position, &written.action).into(),
        })
    }

    /// Whether the rule may match a program of that file name; `None`: it names a path, which is unknown, or a file name, which is
    /// unknown where `name` is the id of a Flatpak application.
    pub(crate) fn names_app(&self, name: &str) -> Option<bool> {
        let app = App {
            name: name.into(),
            path: None,
            pid: 0,
            user: None,
        };
        if self.app.is_empty() || self.app.iter().any(|pattern| pattern.matches(&app)) {
            return Some(true);
        }
        let by_path = |app: &AppPattern| matches!(app, AppPattern::Path(_));
        let is_unknown = is_application_id(name) || self.app.iter().any(by_path);
        (!is_unknown).then_some(false)
    }

    pub(crate) fn has_app_key(&self) -> bool {
        !self.app.is_empty()
    }

    /// Whether it says which targets it is about, by name or address.
    pub(crate) fn names_target(&self) -> bool {
        !(self.domain.is_empty()
            && self.suffix.is_empty()
            && self.regex.is_empty()
            && self.ip.is_empty())
    }

    /// Whether its `ip` key contains the address, or the one that is reached by it.
    pub(crate) fn names_address(&self, ip: IpAddr) -> bool {
        let (ip, reached) = (ip.to_canonical(), reached(ip));
        let names = |net: &IpNet| net.contains(&ip) || (reached != ip && net.contains(&reached));
        self.ip.iter().any(names)
    }

    pub(crate) fn has_ip_key(&self) -> bool {
        !self.ip.is_empty()
    }

    /// The rule depends on something that a URL does not show, or on the time.
    pub(crate) fn needs_more_than_url(&self, app: Option<&str>) -> bool {
        (!self.app.is_empty() && app.is_none_or(|app| self.names_app(app) != Some(true)))
            || !self.protocol.is_empty()
            || !self.user.is_empty()
            || !self.regex.is_empty()
            || self.until.is_some()
            || self.single_use.is_some()
    }
}

/// Whether this may be the id of a Flatpak application, such as `org.mozilla.firefox`.
fn is_application_id(name: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.starts_with(|c: char| c.is_ascii_digit());
    name.split('.').count() >= 3 && name.split('.').all(is_part)
}

fn why(position: RulePosition, action: &RuleAction) -> String {
    match action {
        RuleAction::Direct => format!("{position} sends it direct"),
        RuleAction::Block => format!("{position} blocks it"),
        RuleAction::Ask => {
            format!("{position} says ask, and nobody can be asked yet: it is refused")
        }
        RuleAction::Outbound(name) => format!("{position} sends it through “{name}”"),
    }
}

fn regexes(position: RulePosition, written: &[String]) -> Result<Vec<Regex>, CompileError> {
    written
        .iter()
        .map(|text| {
            RegexBuilder::new(text)
                .case_insensitive(true)
                .size_limit(MAX_REGEX)
                .build()
                .map_err(|error| CompileError::Regex {
                    what: position.to_string(),
                    text: text.clone(),
                    cause: error.to_string(),
                })
        })
        .collect()
}
