//! The one function that decides. The engine, the simulator, replay and PAC's test ask it; a trace may listen.
//!
//! In order: a target that is Privet itself is refused; the rules, first match wins, being the user's explicit word also
//! over every list; then, where the mode filters, `[filter] allow`, `[filter] deny` and the lists; then the mode's route.

use std::fmt::Write;
use std::sync::Arc;
use std::time::SystemTime;

use privet_config::format_timestamp;

use crate::host_hash::{Suffixes, ancestor};
use crate::host_set::HostSet;
use crate::list::{List, ListHit};
use crate::policy::{ModeRoute, Policy};
use crate::rules::{Look, Rule, Then};
use crate::trace::{
    Explanation, Live, Outcome, Quiet, Standing, Step, StepMessage, Steps, Taking, Trace, rule_step,
};
use crate::{Action, DirectPermit, Host, Outbound, Request, Route, Verdict, Why, WhyKind};

/// Decides on a real connection; the lists that block it count it.
pub fn decide(request: &Request<'_>, policy: &Policy) -> Verdict {
    walk(request, policy, &mut Live)
}

/// The same verdict, and nothing counts it.
pub fn simulate(request: &Request<'_>, policy: &Policy) -> Verdict {
    walk(request, policy, &mut Quiet)
}

/// The verdict on a connection that stands already: a rule for one connection speaks of the one that it let in alone.
pub fn reconsider(request: &Request<'_>, policy: &Policy) -> Verdict {
    walk(request, policy, &mut Standing)
}

/// The same verdict with every step that led to it.
pub fn explain(request: &Request<'_>, policy: &Policy) -> Explanation {
    let mut steps = Steps::default();
    let verdict = walk(request, policy, &mut steps);
    Explanation {
        outcome: Outcome::of(&verdict, policy),
        verdict,
        rule: steps.decided,
        steps: steps.told,
    }
}

fn walk<T: Trace>(request: &Request<'_>, policy: &Policy, trace: &mut T) -> Verdict {
    if let Some(why) = is_loop(request, policy, trace) {
        return block(WhyKind::Loop, why);
    }
    let suffixes = Suffixes::of(&request.target.host);
    let (rule, wants_addresses) = first_rule(request, policy, &suffixes, trace);
    let verdict = match rule {
        Some(rule) => {
            trace.decided(rule, request.at);
            by_rule(rule, policy)
        }
        None => match filtered(request, policy, &suffixes, trace) {
            Filtered::Blocked(why) => Verdict {
                action: Action::Block,
                why,
                wants_addresses: false,
            },
            Filtered::Passes => by_mode(policy, trace),
            Filtered::Counted(would) => noted(by_mode(policy, trace), &would),
        },
    };
    Verdict {
        wants_addresses,
        ..verdict
    }
}

fn block(kind: WhyKind, text: impl Into<Arc<str>>) -> Verdict {
    Verdict {
        action: Action::Block,
        why: Why {
            kind,
            text: text.into(),
        },
        wants_addresses: false,
    }
}

fn is_loop<T: Trace>(request: &Request<'_>, policy: &Policy, trace: &mut T) -> Option<String> {
    let own = policy.own();
    let target = request.target;
    let by_address = || {
        let mut addresses = request.addresses.iter();
        addresses.find(|ip| own.answers_at(**ip, target.port))
    };
    // No listener has this port: nothing else has to be looked at.
    let found = if !own.has_port(target.port) {
        None
    } else if own.answers(target) {
        Some(format!("{target} is Privet itself"))
    } else {
        by_address().map(|ip| format!("{target} leads to Privet itself, at {ip}"))
    };
    trace.step(|| Step {
        what: "loop".into(),
        list: None,
        line: None,
        source: None,
        matched: found.is_some(),
        text: match &found {
            Some(text) => text.clone(),
            None => "the target is not Privet itself".into(),
        },
        message: match &found {
            Some(_) => StepMessage::plain("loop.itself").with("target", target),
            None => StepMessage::plain("loop.other"),
        },
    });
    found
}

/// The first rule that matches, and whether one before it could not be told for want of addresses.
fn first_rule<'a, T: Trace>(
    request: &Request<'_>,
    policy: &'a Policy,
    suffixes: &Suffixes,
    trace: &mut T,
) -> (Option<&'a Rule>, bool) {
    let mut wants_addresses = false;
    let mut next = 0;
    for (at, rule, named) in policy.book.rules.candidates(suffixes) {
        trace.passed(policy, request, next..at);
        next = at + 1;
        let mut look = rule.look(request, named);
        if let (Look::Matches, Some(once)) = (look, &rule.single_use) {
            let is_its = match T::TAKING {
                Taking::Takes => once.take(request),
                Taking::WouldTake => once.is_unclaimed() || once.is_of(request),
                Taking::Never => once.is_of(request),
            };
            if !is_its {
                look = Look::Spent;
            }
        }
        trace.step(|| rule_step(rule, look, policy));
        match look {
            Look::Matches => return (Some(rule), wants_addresses),
            Look::NoAddresses => wants_addresses = true,
            Look::Not(_) | Look::Over | Look::Spent => {}
        }
    }
    trace.passed(policy, request, next..policy.rules().len());
    (None, wants_addresses)
}

fn by_rule(rule: &Rule, policy: &Policy) -> Verdict {
    match rule.action {
        Then::Block => block(WhyKind::Rule, rule.why.clone()),
        Then::Via(outbound) => via(outbound, WhyKind::Rule, &rule.why, policy),
        Then::Direct => direct(WhyKind::Rule, &rule.why, policy).unwrap_or_else(|| {
            let mode = &policy.mode().name;
            let why = format!(
                "{}, and the kill switch of mode “{mode}” forbids that",
                rule.why
            );
            block(WhyKind::KillSwitch, why)
        }),
    }
}

fn by_mode<T: Trace>(policy: &Policy, trace: &mut T) -> Verdict {
    let mode = policy.mode();
    let verdict = match mode.route {
        ModeRoute::Via(outbound) => via(outbound, WhyKind::Mode, &mode.why, policy),
        ModeRoute::Nothing => block(WhyKind::KillSwitch, mode.why.clone()),
        ModeRoute::Direct => direct(WhyKind::Mode, &mode.why, policy)
            .unwrap_or_else(|| block(WhyKind::KillSwitch, mode.why.clone())),
    };
    trace.step(|| Step {
        what: format!("mode {}", mode.name),
        list: None,
        line: None,
        source: None,
        matched: true,
        text: mode.why.to_string(),
        message: message_of_mode(policy),
    });
    verdict
}

fn message_of_mode(policy: &Policy) -> StepMessage {
    let mode = policy.mode();
    let message = match mode.route {
        ModeRoute::Via(outbound) => StepMessage::plain("mode.via")
            .with("name", policy.outbound(outbound).map_or("", |name| name)),
        ModeRoute::Nothing => StepMessage::plain("mode.nothing"),
        ModeRoute::Direct if mode.kill_switch => StepMessage::plain("mode.forbids"),
        ModeRoute::Direct => StepMessage::plain("mode.direct"),
    };
    message.with("mode", &mode.name)
}

fn via(outbound: Outbound, kind: WhyKind, text: &Arc<str>, policy: &Policy) -> Verdict {
    Verdict {
        action: Action::Route(Route::Via {
            outbound,
            fallback: policy.permit(),
        }),
        why: Why {
            kind,
            text: text.clone(),
        },
        wants_addresses: false,
    }
}

/// `None`: the mode's kill switch forbids it.
fn direct(kind: WhyKind, text: &Arc<str>, policy: &Policy) -> Option<Verdict> {
    let permit: DirectPermit = policy.permit()?;
    Some(Verdict {
        action: Action::Route(Route::Direct(permit)),
        why: Why {
            kind,
            text: text.clone(),
        },
        wants_addresses: false,
    })
}

/// What the filter says.
enum Filtered {
    Blocked(Why),
    Passes,
    /// It passes, and lists on probation would block it: the sentence that says so.
    Counted(String),
}

/// The verdict stays, and its reason says beside what lists on probation would do.
fn noted(verdict: Verdict, would: &str) -> Verdict {
    let text = format!("{}; {would}", verdict.why.text).into();
    Verdict {
        why: Why {
            text,
            ..verdict.why
        },
        ..verdict
    }
}

fn filtered<T: Trace>(
    request: &Request<'_>,
    policy: &Policy,
    suffixes: &Suffixes,
    trace: &mut T,
) -> Filtered {
    let book = &policy.book;
    if !policy.mode().filter {
        trace.step(|| {
            plain(
                "filter",
                false,
                "the mode does not filter".into(),
                StepMessage::plain("filter.off"),
            )
        });
        return Filtered::Passes;
    }
    if let Some(entry) = own_entry(&book.allow, &book.allow_text, suffixes) {
        trace.step(|| {
            let text = format!("`{entry}` is allowed, whatever deny and the lists say");
            plain(
                "filter.allow",
                true,
                text,
                StepMessage::plain("filter.allowed").with("entry", entry),
            )
        });
        return Filtered::Passes;
    }
    trace.step(|| unnamed("filter.allow"));
    if let Some(entry) = own_entry(&book.deny, &book.deny_text, suffixes) {
        let text = format!("`{entry}` is in [filter] deny");
        trace.step(|| {
            let message = StepMessage::plain("filter.denied").with("entry", entry);
            plain("filter.deny", true, text.clone(), message)
        });
        return Filtered::Blocked(Why {
            kind: WhyKind::Deny,
            text: text.into(),
        });
    }
    trace.step(|| unnamed("filter.deny"));
    listed(request, policy, suffixes, trace)
}

/// The entry of `[filter] allow` or `deny` nearest to the host.
fn own_entry<'a>(set: &HostSet, texts: &'a [String], suffixes: &Suffixes) -> Option<&'a str> {
    if set.is_empty() {
        return None;
    }
    let found = suffixes
        .iter()
        .find_map(|(_, hash)| set.get(hash).first())?;
    texts.get(found.note as usize).map(String::as_str)
}

/// Asks every list, also once one has blocked: all that match are named. A list on probation blocks nothing and is
/// counted apart.
fn listed<T: Trace>(
    request: &Request<'_>,
    policy: &Policy,
    suffixes: &Suffixes,
    trace: &mut T,
) -> Filtered {
    let host = &request.target.host;
    let (mut blocks, mut would) = (String::new(), String::new());
    for list in policy.lists() {
        let hit = list.look(host, suffixes, request.url, request.page);
        let counting = list.probation_at(request.at);
        trace.step(|| list_step(list, hit, host, counting));
        let Some(hit) = hit.filter(|hit| !hit.allow) else {
            continue;
        };
        if T::LIVE {
            match counting {
                Some(_) => list.hit_counter().would(host),
                None => list.hit_counter().hit(),
            }
        }
        let sentence = match counting {
            Some(_) => &mut would,
            None => &mut blocks,
        };
        if !sentence.is_empty() {
            sentence.push_str(" and ");
        }
        // Writing to a string does not fail.
        let _ = write!(sentence, "list “{}” (line {})", list.name(), hit.line);
        if let Some(until) = counting {
            let _ = write!(
                would,
                " would block it (counting until {})",
                format_timestamp(until)
            );
        }
    }
    match (blocks.is_empty(), would.is_empty()) {
        (false, _) => Filtered::Blocked(Why {
            kind: WhyKind::List,
            text: format!("{host} is blocked by {blocks}").into(),
        }),
        (true, false) => Filtered::Counted(would),
        (true, true) => Filtered::Passes,
    }
}

fn list_step(list: &List, hit: Option<ListHit>, host: &Host, counting: Option<SystemTime>) -> Step {
    let (text, message) = match hit {
        None => (
            "no line of it names the target".to_owned(),
            StepMessage::plain("list.unnamed"),
        ),
        Some(hit) => hit_message(hit, host, counting),
    };
    Step {
        what: format!("list {}", list.name()),
        list: Some(list.name().into()),
        line: hit.map(|hit| hit.line),
        source: None,
        matched: hit.is_some(),
        text,
        message,
    }
}

/// What a line says of the host, in a sentence.
fn hit_message(hit: ListHit, host: &Host, counting: Option<SystemTime>) -> (String, StepMessage) {
    let (named, part) = match host {
        Host::Name(name) if hit.above > 0 => (ancestor(name, hit.above).to_owned(), true),
        host => (host.to_string(), false),
    };
    let until = counting.filter(|_| !hit.allow).map(format_timestamp);
    let (does, code) = match (hit.allow, &until, part) {
        (true, _, true) => ("excepts", "list.exceptsAbove"),
        (true, _, false) => ("excepts", "list.excepts"),
        (false, Some(_), true) => ("would block", "list.countsAbove"),
        (false, Some(_), false) => ("would block", "list.counts"),
        (false, None, true) => ("blocks", "list.blocksAbove"),
        (false, None, false) => ("blocks", "list.blocks"),
    };
    let mut text = format!("it {does} {named}");
    if part {
        text.push_str(", of which this is a part");
    }
    let mut message = StepMessage::plain(code).with("host", named);
    if let Some(until) = until {
        let _ = write!(text, "; it only counts until {until}");
        message = message.with("until", until);
    }
    (text, message)
}

fn unnamed(what: &str) -> Step {
    let text = "it does not name the host".into();
    plain(what, false, text, StepMessage::plain("filter.unnamed"))
}

fn plain(what: &str, matched: bool, text: String, message: StepMessage) -> Step {
    Step {
        what: what.into(),
        list: None,
        line: None,
        source: None,
        matched,
        text,
        message,
    }
}
