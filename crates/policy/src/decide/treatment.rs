//! What happens to the content of what passes: whether HTTPS is inspected, and whether bodies are scanned.

use super::decision::Decision;
use super::finding::{ContentSource, Finding, InspectionFinding};
use super::observer::Observer;
use crate::content::ContentPolicy;
use crate::host_hash::SuffixHashes;
use crate::{Inspection, Protocol, Treatment, UntouchedBy};

impl<'a, O: Observer> Decision<'a, O> {
    pub(super) fn treatment(&mut self) -> Treatment {
        Treatment {
            inspection: self.inspection(),
            scan: self.scan(),
        }
    }

    /// `except` of the file holds against everything; a rule against `hosts` and the list that comes with the program; an
    /// entry of `hosts` that names the host itself against that list.
    fn inspection(&mut self) -> Inspection {
        let content: &'a ContentPolicy = &self.policy.shared.content;
        let is_tunnel = matches!(
            self.request.protocol,
            Protocol::Socks4 | Protocol::Socks5 | Protocol::Connect
        );
        if !content.inspects() || !is_tunnel {
            return Inspection::Off;
        }
        let suffixes = SuffixHashes::of(&self.request.target.host);
        let named = content.hosts().find(&suffixes);
        let by_rule = self.matched.and_then(|rule| Some((rule, rule.inspect?)));
        let (finding, inspection) = match (by_rule, named) {
            (None | Some((_, false)), None) => (InspectionFinding::Unnamed, Inspection::Off),
            _ if !self.policy.mode().inspect => (
                InspectionFinding::ByMode,
                Inspection::Untouched(UntouchedBy::Mode),
            ),
            (Some((rule, false)), _) => (
                InspectionFinding::ByRule(rule),
                Inspection::Untouched(UntouchedBy::Rule),
            ),
            (by_rule, named) => {
                let shipped = || {
                    let is_exact = named.is_some_and(|entry| entry.is_exact);
                    content.shipped(&suffixes).filter(|_| !is_exact)
                };
                if let Some(entry) = content.except().find(&suffixes) {
                    (
                        InspectionFinding::Excepted(entry.text),
                        Inspection::Untouched(UntouchedBy::Except),
                    )
                } else if let Some((rule, _)) = by_rule {
                    (
                        InspectionFinding::Demanded(rule),
                        Inspection::Inspect { demanded: true },
                    )
                } else if let Some((entry, group)) = shipped() {
                    (
                        InspectionFinding::Shipped { entry, group },
                        Inspection::Untouched(UntouchedBy::Shipped(group)),
                    )
                } else {
                    let entry = named.map(|entry| entry.text).unwrap_or_default();
                    (
                        InspectionFinding::Named(entry),
                        Inspection::Inspect { demanded: false },
                    )
                }
            }
        };
        self.observer.saw(self.policy, Finding::Inspection(finding));
        inspection
    }

    fn scan(&mut self) -> bool {
        if !self.policy.shared.content.scans() {
            return false;
        }
        let (scans, by) = match self.matched.and_then(|rule| Some((rule, rule.scan?))) {
            Some((rule, scans)) => (scans, ContentSource::Rule(rule)),
            None if !self.policy.mode().scan => (false, ContentSource::Mode),
            None => (true, ContentSource::Config),
        };
        self.observer.saw(self.policy, Finding::Scan { scans, by });
        scans
    }
}
