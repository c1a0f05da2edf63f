//! `/api/v1/catalogue`: well-known public blocklists that can be added by their id. Facts as their maintainers publish them in
//! November 2026; no list is fetched before it is added.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a list blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CatalogueKind {
    Ads,
    Trackers,
    /// Ads, trackers and more in one list.
    Mixed,
    /// Hosts that spread malware or impersonate others.
    Threats,
}

/// How often it breaks sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Breakage {
    Rarely,
    Sometimes,
    Often,
}

/// One list of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct CatalogueList {
    /// The argument of `privet lists add`.
    #[schema(value_type = String, example = "easylist")]
    pub id: &'static str,
    #[schema(value_type = String)]
    pub name: &'static str,
    pub kind: CatalogueKind,
    pub breaks: Breakage,
    /// What it does, in one sentence.
    #[schema(value_type = String)]
    pub does: &'static str,
    /// What may not work any more.
    #[schema(value_type = String)]
    pub may_break: &'static str,
    /// As its maintainer names it.
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

/// Well-known lists that can be added.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Catalogue {
    pub lists: Vec<CatalogueList>,
}

const EASYLIST_LICENCE: &str = "GPL-3.0-or-later or CC BY-SA 3.0";
const URL_RULES: &str =
    "Its rules on addresses work on plain HTTP; on HTTPS those on whole hosts do.";

pub static CATALOGUE: [CatalogueList; 12] = [
    CatalogueList {
        id: "easylist",
        name: "EasyList",
        kind: CatalogueKind::Ads,
        breaks: Breakage::Rarely,
        does: "Blocks most ads on international sites.",
        may_break: URL_RULES,
        licence: EASYLIST_LICENCE,
        format: "adblock",
        source: "https://easylist.to/easylist/easylist.txt",
        refresh: "4d",
    },
    CatalogueList {
        id: "easyprivacy",
        name: "EasyPrivacy",
        kind: CatalogueKind::Trackers,
        breaks: Breakage::Sometimes,
        does: "Blocks trackers, counters and beacons.",
        may_break: "Some shops and logins wait for a tracker that never answers.",
        licence: EASYLIST_LICENCE,
        format: "adblock",
        source: "https://easylist.to/easylist/easyprivacy.txt",
        refresh: "4d",
    },
    CatalogueList {
        id: "easylist-germany",
        name: "EasyList Germany",
        kind: CatalogueKind::Ads,
        breaks: Breakage::Rarely,
        does: "Blocks ads on German sites, beside EasyList.",
        may_break: URL_RULES,
        licence: EASYLIST_LICENCE,
        format: "adblock",
        source: "https://easylist.to/easylistgermany/easylistgermany.txt",
        refresh: "4d",
    },
    CatalogueList {
        id: "adguard-dns",
        name: "AdGuard DNS filter",
        kind: CatalogueKind::Mixed,
        breaks: Breakage::Rarely,
        does: "Blocks hosts of ads and trackers, made for whole networks.",
        may_break: "Links in newsletters that lead through a tracker.",
        licence: "GPL-3.0",
        format: "adblock",
        source: "https://adguardteam.github.io/HostlistsRegistry/assets/filter_1.txt",
        refresh: "2d",
    },
    CatalogueList {
        id: "peter-lowe",
        name: "Peter Lowe’s list",
        kind: CatalogueKind::Mixed,
        breaks: Breakage::Rarely,
        does: "Blocks some thousand hosts of ads and trackers, chosen by hand.",
        may_break: "Little: it is small and old.",
        licence: "McRae General Public License",
        format: "hosts",
        source: "https://pgl.yoyo.org/adservers/serverlist.php?hostformat=hosts&showintro=0&mimetype=plaintext",
        refresh: "2d",
    },
    CatalogueList {
        id: "stevenblack",
        name: "StevenBlack hosts",
        kind: CatalogueKind::Mixed,
        breaks: Breakage::Rarely,
        does: "Blocks hosts of ads and malware, gathered from several lists.",
        may_break: "Links in newsletters and price comparisons.",
        licence: "MIT",
        format: "hosts",
        source: "https://raw.githubusercontent.com/StevenBlack/hosts/master/hosts",
        refresh: "2d",
    },
    CatalogueList {
        id: "adaway",
        name: "AdAway hosts",
        kind: CatalogueKind::Ads,
        breaks: Breakage::Rarely,
        does: "Blocks hosts of ads in mobile apps.",
        may_break: "Apps that give something for watching an ad.",
        licence: "CC BY 3.0",
        format: "hosts",
        source: "https://adaway.org/hosts.txt",
        refresh: "4d",
    },
    CatalogueList {
        id: "oisd-small",
        name: "OISD small",
        kind: CatalogueKind::Ads,
        breaks: Breakage::Rarely,
        does: "Blocks hosts of ads, and leaves what people use.",
        may_break: "Hardly anything: it is made to be missed by nobody.",
        licence: "GPL-3.0",
        format: "adblock",
        source: "https://small.oisd.nl/",
        refresh: "1d",
    },
    CatalogueList {
        id: "oisd-big",
        name: "OISD big",
        kind: CatalogueKind::Mixed,
        breaks: Breakage::Rarely,
        does: "Blocks hosts of ads, trackers, telemetry and fraud.",
        may_break: "Telemetry that an app insists on.",
        licence: "GPL-3.0",
        format: "adblock",
        source: "https://big.oisd.nl/",
        refresh: "1d",
    },
    CatalogueList {
        id: "hagezi-pro",
        name: "HaGeZi Multi PRO",
        kind: CatalogueKind::Mixed,
        breaks: Breakage::Sometimes,
        does: "Blocks hosts of ads, trackers, telemetry and fraud, and more of them than most.",
        may_break: "Some shops, apps and links from advertising; count first.",
        licence: "GPL-3.0",
        format: "adblock",
        source: "https://raw.githubusercontent.com/hagezi/dns-blocklists/main/adblock/pro.txt",
        refresh: "1d",
    },
    CatalogueList {
        id: "urlhaus",
        name: "URLhaus hosts",
        kind: CatalogueKind::Threats,
        breaks: Breakage::Rarely,
        does: "Blocks hosts that spread malware now.",
        may_break: "A shared host that somebody misused, for some days.",
        licence: "CC0",
        format: "hosts",
        source: "https://urlhaus.abuse.ch/downloads/hostfile/",
        refresh: "6h",
    },
    CatalogueList {
        id: "phishing-army",
        name: "Phishing Army",
        kind: CatalogueKind::Threats,
        breaks: Breakage::Rarely,
        does: "Blocks hosts that pretend to be a bank, a shop or a login.",
        may_break: "A site that was reported wrongly.",
        licence: "CC BY-NC 4.0",
        format: "domains",
        source: "https://phishing.army/download/phishing_army_blocklist.txt",
        refresh: "12h",
    },
];

/// The list with that id.
pub fn find(id: &str) -> Option<&'static CatalogueList> {
    CATALOGUE.iter().find(|entry| entry.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_entry_is_a_sound_list_and_each_id_name_and_source_is_there_once() {
        let of = |text: fn(&CatalogueList) -> &'static str| -> usize {
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
