//! Adblock rules that need a URL, by the `adblock` crate. They hold where the URL can be read: plain and inspected HTTP.

use std::collections::HashMap;

use adblock::request::Request;
use adblock::{Engine, FilterSet};

use super::adblock_options::RuleOptions;
use super::adblock_rule::parse_options;
use super::hit::{ListHit, stronger};
use crate::Host;
use crate::rules::is_below;

/// The rules of one list. Each list has engines of its own, so that the answer names the list. A check holds an engine's
/// lock for some microseconds.
pub(super) struct UrlRules {
    /// Rules that hold whatever page asks.
    any_page: RuleEngine,
    /// Rules that depend on the page that asks (`$domain=`, `$third-party`). They hold only where it is known.
    known_page: RuleEngine,
    /// Rules with `$denyallow`, and for each line the hosts for which it does not hold.
    with_denyallow: RuleEngine,
    denyallow: HashMap<u32, DenyAllow>,
    len: usize,
}

/// The rules of a list as they are read.
#[derive(Default)]
pub(super) struct UrlRuleTexts {
    any_page: RuleTexts,
    known_page: RuleTexts,
    with_denyallow: RuleTexts,
    denyallow: HashMap<u32, DenyAllow>,
}

/// The `$denyallow` of one line.
struct DenyAllow {
    hosts: Vec<Host>,
    needs_page: bool,
}

/// One rule per line, and the lines' numbers in the source.
#[derive(Default)]
struct RuleTexts {
    text: String,
    lines: Vec<u32>,
}

impl UrlRuleTexts {
    /// Adds a rule that the `adblock` crate can read, apart from `$denyallow`.
    pub(super) fn add(&mut self, text: &str, line: u32) {
        let (_, options) = RuleOptions::split(text);
        let texts = if let Some(hosts) = options.denyallow {
            let hosts = hosts.split('|').filter_map(|host| Host::parse(host).ok());
            let denyallow = DenyAllow {
                hosts: hosts.collect(),
                needs_page: options.needs_page,
            };
            self.denyallow.insert(line, denyallow);
            &mut self.with_denyallow
        } else if options.needs_page {
            &mut self.known_page
        } else {
            &mut self.any_page
        };
        texts.text.push_str(&options.without_denyallow(text));
        texts.text.push('\n');
        texts.lines.push(line);
    }

    pub(super) fn build(self) -> Option<UrlRules> {
        let all = [&self.any_page, &self.known_page, &self.with_denyallow];
        let len = all.iter().map(|texts| texts.lines.len()).sum();
        (len > 0).then(|| UrlRules {
            any_page: RuleEngine::new(self.any_page),
            known_page: RuleEngine::new(self.known_page),
            with_denyallow: RuleEngine::new(self.with_denyallow),
            denyallow: self.denyallow,
            len,
        })
    }
}

impl UrlRules {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The rule that decides on the URL.
    pub(super) fn look_up(&self, url: &str, host: &Host, page: Option<&str>) -> Option<ListHit> {
        let text = host.text();
        let unknown = || Request::preparsed(url, &text, "", resource_type(url), false, "get");
        let between =
            |page| Request::new(url, &format!("http://{page}/"), resource_type(url), "get").ok();
        let known = page.and_then(between);
        let is_known = known.is_some();
        let request = known.unwrap_or_else(unknown);
        let mut best = self.any_page.look_up(&request);
        if is_known {
            best = stronger(best, self.known_page.look_up(&request));
        }
        let found = self.with_denyallow.look_up(&request);
        stronger(
            best,
            found.filter(|hit| self.holds(hit.line, host, is_known)),
        )
    }

    /// Whether the rule of a line with `$denyallow` holds for the host.
    fn holds(&self, line: u32, host: &Host, page_is_known: bool) -> bool {
        self.denyallow.get(&line).is_none_or(|denyallow| {
            let is_excepted = denyallow.hosts.iter().any(|above| is_below(host, above));
            !is_excepted && (page_is_known || !denyallow.needs_page)
        })
    }
}

/// An engine over some rules of a list; `None`: there are none.
struct RuleEngine(Option<(Engine, Vec<u32>)>);

impl RuleEngine {
    fn new(RuleTexts { text, lines }: RuleTexts) -> RuleEngine {
        if lines.is_empty() {
            return RuleEngine(None);
        }
        // Only a set made for debugging knows the line of a rule, and only if rules are not merged (`no_optimize`).
        let mut set = FilterSet::new(true);
        set.add_filter_list(text, parse_options());
        RuleEngine(Some((Engine::new_with_filter_set_no_optimize(set), lines)))
    }

    fn look_up(&self, request: &Request) -> Option<ListHit> {
        let (engine, lines) = self.0.as_ref()?;
        let found = engine.check_network_request_subset(request, false, true);
        let (rule, allow) = match (found.filter, found.exception) {
            (Some(rule), _) if found.important => (rule, false),
            (_, Some(rule)) => (rule, true),
            (Some(rule), None) => (rule, false),
            (None, None) => return None,
        };
        let at = rule.source_location.map_or(0, |place| place.line_number);
        let line = usize::try_from(at).ok().and_then(|at| lines.get(at));
        Some(ListHit {
            line: line.copied().unwrap_or(0),
            allow,
            important: found.important,
            above: 0,
        })
    }
}

/// The type of the resource by its file extension: a request in absolute-form does not name one.
fn resource_type(url: &str) -> &'static str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    const KINDS: [(&str, &[&str]); 5] = [
        ("script", &["js", "mjs"]),
        ("stylesheet", &["css"]),
        (
            "image",
            &["png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico"],
        ),
        ("font", &["woff", "woff2", "ttf", "otf", "eot"]),
        (
            "media",
            &["mp4", "webm", "mp3", "ogg", "m4a", "m4s", "m3u8"],
        ),
    ];
    KINDS
        .iter()
        .find(|(_, endings)| endings.iter().any(|e| e.eq_ignore_ascii_case(ending)))
        .map_or("other", |(name, _)| name)
}
