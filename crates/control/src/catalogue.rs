//! Well-known public blocklists, for adding one by its name. Facts as their makers publish them in November 2026; nothing
//! is fetched until a list is added.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a list is made to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Ads,
    Trackers,
    /// Ads, trackers and more in one list.
    Mixed,
    /// Hosts that spread malware or pretend to be others.
    Threats,
}

/// How often what it blocks is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Breaks {
    Rarely,
    Sometimes,
    Often,
}

/// One list of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Entry {
    /// What `privet lists add` takes.
    #[schema(value_type = String, example = "easylist")]
    pub id: &'static str,
    #[schema(value_type = String)]
    pub name: &'static str,
    pub kind: Kind,
    pub breaks: Breaks,
    /// What it does, in one sentence.
    #[schema(value_type = String)]
    pub does: &'static str,
    /// What may not work any more.
    #[schema(value_type = String)]
    pub may_break: &'static str,
    /// As its maker names it.
    #[schema(value_type = String)]
    pub licence: &'static str,
    /// As in the configuration.
    #[schema(value_type = String)]
    pub format: &'static str,
    #[schema(value_type = String)]
    pub source: &'static str,
    /// How often to ask for it, as in the configuration.
    #[schema(value_type = String)]
    pub refresh: &'static str,
}

const EASYLIST_LICENCE: &str = "GPL-3.0-or-later or CC BY-SA 3.0";
const URL_RULES: &str =
    "Its rules on addresses work on plain HTTP; on HTTPS those on whole hosts do.";

pub static CATALOGUE: [Entry; 12] = [
    Entry {
        id: "easylist",
        name: "EasyList",
        kind: Kind::Ads,
        breaks: Breaks::Rarely,
        does: "Blocks most ads on international sites.",
        may_break: URL_RULES,
        licence: EASYLIST_LICENCE,
        format: "adblock",
        source: "https://easylist.to/easylist/easylist.txt",
        refresh: "4d",
    },
    Entry {
        id: "easyprivacy",
        name: "EasyPrivacy",
        kind: Kind::Trackers,
        breaks: Breaks::Sometimes,
        does: "Blocks trackers, counters and beacons.",
        may_break: "Some shops and logins wait for a tracker that never answers.",
        licence: EASYLIST_LICENCE,
        format: "adblock",
        source: "https://easylist.to/easylist/easyprivacy.txt",
        refresh: "4d",
    },
    Entry {
        id: "easylist-germany",
        name: "EasyList Germany",
        kind: Kind::Ads,
        breaks: Breaks::Rarely,
        does: "Blocks ads on German sites, beside EasyList.",
        may_break: URL_RULES,
        licence: EASYLIST_LICENCE,
        format: "adblock",
        source: "https://easylist.to/easylistgermany/easylistgermany.txt",
        refresh: "4d",
    },
    Entry {
        id: "adguard-dns",
        name: "AdGuard DNS filter",
        kind: Kind::Mixed,
        breaks: Breaks::Rarely,
        does: "Blocks hosts of ads and trackers, made for whole networks.",
        may_break: "Links in newsletters that lead through a tracker.",
        licence: "GPL-3.0",
        format: "adblock",
        source: "https://adguardteam.github.io/HostlistsRegistry/assets/filter_1.txt",
        refresh: "2d",
    },
    Entry {
        id: "peter-lowe",
        name: "Peter Lowe’s list",
        kind: Kind::Mixed,
        breaks: Breaks::Rarely,
        does: "Blocks some thousand hosts of ads and trackers, chosen by hand.",
        may_break: "Little: it is small and old.",
        licence: "McRae General Public License",
        format: "hosts",
        source: "https://pgl.yoyo.org/adservers/serverlist.php?hostformat=hosts&showintro=0&mimetype=plaintext",
        refresh: "2d",
    },
    Entry {
        id: "stevenblack",
        name: "StevenBlack hosts",
        kind: Kind::Mixed,
        breaks: Breaks::Rarely,
        does: "Blocks hosts of ads and malware, gathered from several lists.",
        may_break: "Links in newsletters and price comparisons.",
        licence: "MIT",
        format: "hosts",
        source: "https://raw.githubusercontent.com/StevenBlack/hosts/master/hosts",
        refresh: "2d",
    },
    Entry {
        id: "adaway",
        name: "AdAway hosts",
        kind: Kind::Ads,
        breaks: Breaks::Rarely,
        does: "Blocks hosts of ads in mobile apps.",
        may_break: "Apps that give something for watching an ad.",
        licence: "CC BY 3.0",
        format: "hosts",
        source: "https://adaway.org/hosts.txt",
        refresh: "4d",
    },
    Entry {
        id: "oisd-small",
        name: "OISD small",
        kind: Kind::Ads,
        breaks: Breaks::Rarely,
        does: "Blocks hosts of ads, and leaves what people use.",
        may_break: "Hardly anything: it is made to be missed by nobody.",
        licence: "GPL-3.0",
        format: "adblock",
        source: "https://small.oisd.nl/",
        refresh: "1d",
    },
    Entry {
        id: "oisd-big",
        name: "OISD big",
        kind: Kind::Mixed,
        breaks: Breaks::Rarely,
        does: "Blocks hosts of ads, trackers, telemetry and fraud.",
        may_break: "Telemetry that an app insists on.",
        licence: "GPL-3.0",
        format: "adblock",
        source: "https://big.oisd.nl/",
        refresh: "1d",
    },
    Entry {
        id: "hagezi-pro",
        name: "HaGeZi Multi PRO",
        kind: Kind::Mixed,
        breaks: Breaks::Sometimes,
        does: "Blocks hosts of ads, trackers, telemetry and fraud, and more of them than most.",
        may_break: "Some shops, apps and links from advertising; count first.",
        licence: "GPL-3.0",
        format: "adblock",
        source: "https://raw.githubusercontent.com/hagezi/dns-blocklists/main/adblock/pro.txt",
        refresh: "1d",
    },
    Entry {
        id: "urlhaus",
        name: "URLhaus hosts",
        kind: Kind::Threats,
        breaks: Breaks::Rarely,
        does: "Blocks hosts that spread malware now.",
        may_break: "A shared host that somebody misused, for some days.",
        licence: "CC0",
        format: "hosts",
        source: "https://urlhaus.abuse.ch/downloads/hostfile/",
        refresh: "6h",
    },
    Entry {
        id: "phishing-army",
        name: "Phishing Army",
        kind: Kind::Threats,
        breaks: Breaks::Rarely,
        does: "Blocks hosts that pretend to be a bank, a shop or a login.",
        may_break: "A site that was reported wrongly.",
        licence: "CC BY-NC 4.0",
        format: "domains",
        source: "https://phishing.army/download/phishing_army_blocklist.txt",
        refresh: "12h",
    },
];

/// The entry of that id.
pub fn find(id: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_entry_is_a_sound_list_and_each_id_name_and_source_is_there_once() {
        let of = |text: fn(&Entry) -> &'static str| -> usize {
            CATALOGUE.iter().map(text).collect::<BTreeSet<_>>().len()
        };
        let all = CATALOGUE.len();
        assert_eq!(
            (of(|e| e.id), of(|e| e.name), of(|e| e.source)),
            (all, all, all)
        );
        for entry in &CATALOGUE {
            let text = format!(
                "[[filter.list]]\nname = {:?}\nsource = {:?}\nformat = {:?}\nrefresh = {:?}\n",
                entry.name, entry.source, entry.format, entry.refresh
            );
            let read = privet_config::Config::parse(&text, Path::new("/"));
            let read = read.unwrap_or_else(|found| panic!("{}: {found}", entry.id));
            assert!(read.warnings.is_empty() && entry.source.starts_with("https://"));
            assert!(entry.does.ends_with('.') && entry.may_break.ends_with('.'));
        }
    }
}
