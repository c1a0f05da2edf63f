//! The steps of an explanation that are about content: inspection and scanning.

use super::finding::{ContentSource, InspectionFinding};
use super::wording::rule_number;
use crate::explanation::{Step, StepMessage};
use crate::policy::Policy;

pub(super) fn inspection(found: InspectionFinding<'_>) -> Step {
    use InspectionFinding as F;
    let message = StepMessage::new;
    let (matched, text, message) = match found {
        F::Unnamed => (
            false,
            "`hosts` does not name it: HTTPS passes untouched".to_owned(),
            message("inspect.unnamed"),
        ),
        F::Named(entry) => (
            true,
            format!("`{entry}` is in [inspect] hosts: HTTPS is inspected"),
            message("inspect.named").with("entry", entry),
        ),
        F::Demanded(rule) => (
            true,
            format!("{} demands inspection", rule.position),
            message("inspect.demanded").with("number", rule_number(rule)),
        ),
        F::ByRule(rule) => (
            true,
            format!(
                "{} has inspect = false: HTTPS passes untouched",
                rule.position
            ),
            message("inspect.rule").with("number", rule_number(rule)),
        ),
        F::ByMode => (
            true,
            "the mode has inspect = false: HTTPS passes untouched".to_owned(),
            message("inspect.mode"),
        ),
        F::Excepted(entry) => (
            true,
            format!("`{entry}` is in [inspect] except: HTTPS passes untouched"),
            message("inspect.excepted").with("entry", entry),
        ),
        F::Shipped { entry, group } => (
            true,
            format!(
                "`{entry}` is in the list that comes with Privet ({}): HTTPS passes untouched",
                group.describe()
            ),
            message("inspect.shipped")
                .with("entry", entry)
                .with("group", group.name()),
        ),
    };
    match matched {
        true => Step::matched("inspect", text, message),
        false => Step::unmatched("inspect", text, message),
    }
}

pub(super) fn scan(policy: &Policy, scans: bool, by: ContentSource<'_>) -> Step {
    let does = if scans {
        "are scanned"
    } else {
        "are not scanned"
    };
    let (by, code) = match (by, scans) {
        (ContentSource::Rule(rule), true) => (rule.position.to_string(), "scan.ruleOn"),
        (ContentSource::Rule(rule), false) => (rule.position.to_string(), "scan.ruleOff"),
        (ContentSource::Mode, _) => (format!("mode “{}”", policy.mode().name), "scan.mode"),
        (ContentSource::Config, _) => ("[scan]".to_owned(), "scan.on"),
    };
    let text = format!("{by}: bodies that can be read {does}");
    let message = StepMessage::new(code).with("by", &by);
    match scans {
        true => Step::matched("scan", text, message),
        false => Step::unmatched("scan", text, message),
    }
}
