//! Adblock rules that need a URL, by the `adblock` crate. They hold where the URL can be read: plain and inspected HTTP.

use adblock::request::Request;
use adblock::{Engine, FilterSet};

use super::adblock_line::options;
use super::hit::{ListHit, RankedHit};

/// The rules of one list. Each list has its own engine, so that the answer names the list. A check holds the engine's
/// lock for some microseconds.
pub(super) struct UrlRules {
    engine: Engine,
    /// For each line that the engine was given: its line in the source.
    lines: Vec<u32>,
}

impl UrlRules {
    /// `text` has one rule per line, `lines` their line numbers in the source.
    pub(super) fn new(text: String, lines: Vec<u32>) -> UrlRules {
        // Only a set made for debugging knows the line of a rule, and only if rules are not merged (`no_optimize`).
        let mut set = FilterSet::new(true);
        set.add_filter_list(text, options());
        UrlRules {
            engine: Engine::new_with_filter_set_no_optimize(set),
            lines,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The rule that decides on the URL. Rules that hold only between two sites (`$third-party`, `$domain=`) match where the
    /// page that asks is known.
    pub(super) fn look_up(&self, url: &str, host: &str, page: Option<&str>) -> Option<RankedHit> {
        let unknown = || Request::preparsed(url, host, "", resource_type(url), false, "get");
        let between =
            |page| Request::new(url, &format!("http://{page}/"), resource_type(url), "get").ok();
        let request = page.and_then(between).unwrap_or_else(unknown);
        let found = self
            .engine
            .check_network_request_subset(&request, false, true);
        let (rule, allow) = match (found.filter, found.exception) {
            (Some(rule), _) if found.important => (rule, false),
            (_, Some(rule)) => (rule, true),
            (Some(rule), None) => (rule, false),
            (None, None) => return None,
        };
        let at = rule.source_location.map_or(0, |place| place.line_number);
        let line = usize::try_from(at).ok().and_then(|at| self.lines.get(at));
        let hit = ListHit {
            line: line.copied().unwrap_or(0),
            allow,
            above: 0,
        };
        Some(RankedHit {
            hit,
            important: found.important,
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
