//! The options of an adblock rule, after its last `$`.

use super::line_fault::LineFault;
use crate::Host;

/// What the options of one rule mean to a proxy.
#[derive(Debug, Default)]
pub(super) struct RuleOptions<'a> {
    pub important: bool,
    pub badfilter: bool,
    /// The hosts of `$denyallow`, separated by `|`.
    pub denyallow: Option<&'a str>,
    /// Some option concerns more than the host: a type, a site, a method.
    pub needs_more_than_host: bool,
    /// Some option says where the rule holds, so that its pattern may be wide.
    pub restricts: bool,
    /// It depends on the page that asks.
    pub needs_page: bool,
    /// It rewrites requests, responses or pages, and blocks nothing.
    pub changes_requests: bool,
}

impl<'a> RuleOptions<'a> {
    /// The pattern of a rule, and its options.
    pub(super) fn split(rule: &'a str) -> (&'a str, RuleOptions<'a>) {
        let Some((pattern, text)) = rule.rsplit_once('$').filter(|(_, text)| is_options(text))
        else {
            return (rule, RuleOptions::default());
        };
        let mut options = RuleOptions::default();
        for option in text.split(',').map(str::trim) {
            options.take(option);
        }
        (pattern, options)
    }

    fn take(&mut self, option: &'a str) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name.trim_start_matches('~') {
            "" | "all" | "document" | "doc" | "match-case" => {}
            "important" => self.important = true,
            "badfilter" => self.badfilter = true,
            "denyallow" => self.denyallow = Some(value),
            "domain" | "from" | "third-party" | "3p" | "first-party" | "1p" | "strict1p"
            | "strict3p" => {
                self.needs_page = true;
                self.needs_more_than_host = true;
                self.restricts = true;
            }
            "removeparam" | "queryprune" | "csp" | "removeheader" | "replace" | "cookie"
            | "permissions" | "uritransform" | "urltransform" | "urlskip" | "redirect-rule"
            | "hls" | "jsonprune" | "xmlprune" | "referrerpolicy" | "generichide" | "ghide"
            | "elemhide" | "ehide" | "specifichide" | "shide" | "genericblock" | "content"
            | "extension" | "jsinject" | "urlblock" | "stealth" | "inline-script"
            | "inline-font" => self.changes_requests = true,
            _ => {
                self.needs_more_than_host = true;
                self.restricts = true;
            }
        }
    }

    /// # Errors
    /// An entry of `$denyallow` is no host.
    pub(super) fn denyallow_hosts(&self) -> Result<Vec<Host>, LineFault> {
        let hosts = self.denyallow.unwrap_or_default().split('|');
        hosts
            .filter(|host| !host.is_empty())
            .map(|host| Host::parse(host).map_err(LineFault::Host))
            .collect()
    }

    /// The rule for an engine that does not know `$denyallow`.
    pub(super) fn without_denyallow(&self, text: &str) -> String {
        let Some(hosts) = self.denyallow else {
            return text.to_owned();
        };
        let option = format!("denyallow={hosts}");
        text.replacen(&format!(",{option}"), "", 1)
            .replacen(&format!("{option},"), "", 1)
            .replacen(&format!("${option}"), "", 1)
    }
}

/// Words with optional values, separated by commas: not the end of a regular expression.
fn is_options(text: &str) -> bool {
    text.split(',').all(|option| {
        let name = option.split('=').next().unwrap_or_default().trim();
        name.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"~-_".contains(&b))
    })
}
