//! Samples in the forms of lists that people use, and loopback addresses on lists.

use privet_config::ListFormat::{self, *};

use crate::support::{list, says, table};

#[test]
fn loopback_entries_hold_only_with_private_addresses() {
    for (format, text) in [
        (
            Auto,
            "127.0.0.2\n::1\n127.16.0.0/16\n203.0.113.7\nlocalhost\n",
        ),
        (
            Auto,
            "||127.0.0.2^\n||[::1]^\n127.16.0.0/16\n||203.0.113.7^\n||localhost^\n",
        ),
    ] {
        let read = list(format, text);
        for host in ["127.0.0.2", "::1", "127.16.3.4", "localhost", "127.0.0.1"] {
            assert_eq!(says(&read, host), "-", "{host} in {text:?}");
        }
        let asked = read.with_private_addresses(true);
        table(
            &asked,
            &[
                ("127.0.0.2", "block 1"),
                ("::ffff:127.0.0.2", "block 1"),
                ("::1", "block 2"),
                ("127.16.3.4", "block 3"),
                ("203.0.113.7", "block 4"),
                ("127.0.0.1", "-"),
                ("localhost", "-"),
            ],
        );
    }
}

/// How a list is published: its text, hosts that it blocks, hosts that it does not, and how many of its lines are skipped.
struct Published {
    name: &'static str,
    text: &'static str,
    format: ListFormat,
    blocks: &'static [&'static str],
    passes: &'static [&'static str],
    skipped: usize,
}

/// Samples in the forms of twenty lists that people use.
const PUBLISHED: [Published; 20] = [
    Published {
        name: "EasyList",
        text: "[Adblock Plus 2.0]\n! Title: EasyList\n! Uses a CNAME of ours\n-ad-banner.\n||ads.test^\n||cdn.test^$third-party\n\
               ##.banner\nsite.test##.ad\n@@||ok.ads.test^\n",
        format: Adblock,
        blocks: &["ads.test", "x.ads.test"],
        passes: &["ok.ads.test", "site.test", "cname.test"],
        skipped: 0,
    },
    Published {
        name: "uBlock filters",
        text: "! Title: uBlock filters\n!#if env_mobile\n||mobile.test^\n!#endif\n!#if !env_mobile\n||desktop.test^\n!#endif\n\
               ||gone.test^\n||gone.test^$badfilter\n||all.test^$denyallow=cdn.all.test\n*$removeparam=utm\n",
        format: Adblock,
        blocks: &["desktop.test", "all.test"],
        passes: &["gone.test", "cdn.all.test"],
        skipped: 0,
    },
    Published {
        name: "AdGuard DNS filter",
        text: "! Title: AdGuard DNS filter\n||track.test^\n||track2.test^|\n@@||good.track.test^|\n/^ad[0-9]+\\.many\\.test$/\n\
               ||wild*.shop.test^\n",
        format: Adblock,
        blocks: &[
            "track.test",
            "track2.test",
            "ad7.many.test",
            "wild9.shop.test",
        ],
        passes: &["good.track.test", "ad.many.test"],
        skipped: 0,
    },
    Published {
        name: "EasyPrivacy, inline comments",
        text: "[Adblock Plus 2.0]\n||a1.test^ # why\na2.test\n||a3.test\n||a4.test/\n||a5*\n|https://a6.test^\n",
        format: Adblock,
        blocks: &[
            "a1.test", "a2.test", "a3.test", "a4.test", "a5.test", "a6.test",
        ],
        passes: &["other.test"],
        skipped: 0,
    },
    Published {
        name: "StevenBlack hosts",
        text: "# Title: StevenBlack/hosts\n127.0.0.1 localhost\n127.0.0.1 localhost.localdomain\n255.255.255.255 broadcasthost\n\
               ::1 localhost\nfe80::1%lo0 localhost\n0.0.0.0 0.0.0.0\n\n# Start\n0.0.0.0 ads.test #[Ads]\n0.0.0.0 more.test\n",
        format: Hosts,
        blocks: &["ads.test", "more.test"],
        passes: &["localhost", "x.ads.test", "broadcasthost"],
        skipped: 0,
    },
    Published {
        name: "yoyo, the 0 form",
        text: "# hosts\n0 ads.test\n0 more.test\n",
        format: Hosts,
        blocks: &["ads.test", "more.test"],
        passes: &["test"],
        skipped: 0,
    },
    Published {
        name: "MVPS, CR LF and tabs",
        text: "# This MVPS HOSTS file\r\n127.0.0.1\tLOCALHOST\r\n0.0.0.0\tads.test\t#[Tracking]\r\n",
        format: Hosts,
        blocks: &["ads.test"],
        passes: &["localhost"],
        skipped: 0,
    },
    Published {
        name: "old Macintosh, CR alone",
        text: "# head\r127.0.0.1 localhost\r127.0.0.1 ads.test\r127.0.0.1 more.test\r",
        format: Hosts,
        blocks: &["ads.test", "more.test"],
        passes: &["localhost"],
        skipped: 0,
    },
    Published {
        name: "a machine's own hosts file",
        text: "127.0.0.1 localhost\n127.0.1.1 box.home.test box\n::1 ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\n\
               0.0.0.0 ads.test\n",
        format: Hosts,
        blocks: &["ads.test"],
        passes: &["box", "box.home.test", "ip6-allnodes"],
        skipped: 0,
    },
    Published {
        name: "OISD domains with wildcards",
        text: "# Title: oisd small\n*.ads.test\n*.more.test\n",
        format: Domains,
        blocks: &["ads.test", "x.ads.test", "more.test"],
        passes: &["test"],
        skipped: 0,
    },
    Published {
        name: "plain domains with notes",
        text: "// head\nads.test #Why\nmore.test ; why\n; head\n",
        format: Domains,
        blocks: &["ads.test", "x.more.test"],
        passes: &["why.test"],
        skipped: 0,
    },
    Published {
        name: "HaGeZi dnsmasq",
        text: "# Title: HaGeZi\n# Homepage: https://lists.test/x\nlocal=/ads.test/\nlocal=/more.test/ # https://why.test/\n",
        format: Dnsmasq,
        blocks: &["ads.test", "x.more.test"],
        passes: &["lists.test", "why.test"],
        skipped: 0,
    },
    Published {
        name: "dnsmasq addresses",
        text: "address=/ads.test/0.0.0.0\naddress=/more.test/::\nserver=/void.test/\n",
        format: Dnsmasq,
        blocks: &["ads.test", "more.test", "x.void.test"],
        passes: &["test"],
        skipped: 0,
    },
    Published {
        name: "HaGeZi RPZ",
        text: "$TTL 300\n@ SOA localhost. root.localhost. 1 43200 3600 86400 300\n  NS  localhost.\n;\nads.test CNAME .\n\
               *.ads.test CNAME .\n",
        format: Rpz,
        blocks: &["ads.test", "x.ads.test"],
        passes: &["localhost", "root.localhost"],
        skipped: 0,
    },
    Published {
        name: "URLhaus RPZ",
        text: "$TTL 30\n@ SOA rpz.urlhaus.test. hostmaster.urlhaus.test. 2412 300 1800 604800 30\n NS localhost.\n;\n\
               bad.test CNAME . ; Malware download (2024)\nfine.test CNAME rpz-passthru.\n",
        format: Rpz,
        blocks: &["bad.test"],
        passes: &["fine.test", "rpz.urlhaus.test", "x.bad.test"],
        skipped: 0,
    },
    Published {
        name: "FireHOL level 1",
        text: "#\n# firehol_level1\n#\n198.51.100.0/24\n203.0.113.9\n10.0.0.0/8\n127.0.0.0/8\n192.168.0.0/16\n",
        format: Domains,
        blocks: &["198.51.100.77", "203.0.113.9"],
        passes: &["10.1.2.3", "127.0.0.1", "192.168.1.1", "203.0.113.8"],
        skipped: 0,
    },
    Published {
        name: "Spamhaus DROP",
        text: "; Spamhaus DROP List 2026/01/01\n198.51.100.0/22 ; SBL1\n2001:db8::/32 ; SBL2\n",
        format: Domains,
        blocks: &["198.51.101.1", "2001:db8::7"],
        passes: &["198.51.104.1"],
        skipped: 0,
    },
    Published {
        name: "ranges",
        text: "203.0.113.20-203.0.113.30\n::ffff:192.0.2.0/120\n",
        format: Domains,
        blocks: &["203.0.113.25", "192.0.2.200"],
        passes: &["203.0.113.31"],
        skipped: 0,
    },
    Published {
        name: "a list with mistakes",
        text: "! Title: mine\n||\n://\n||*\n@@\n||ads.test^\n",
        format: Adblock,
        blocks: &["ads.test"],
        passes: &["other.test"],
        skipped: 4,
    },
    Published {
        name: "mixed by hand",
        text: "! Title: mine\n||ads.test^\n0.0.0.0 zero.test\n0 short.test\nbare.test\n@@||fine.bare.test^\n",
        format: Adblock,
        blocks: &["ads.test", "zero.test", "short.test", "bare.test"],
        passes: &["fine.bare.test"],
        skipped: 0,
    },
];

#[test]
fn lists_are_read_as_they_are_published() {
    for sample in PUBLISHED {
        let Published { name, text, .. } = sample;
        let read = list(Auto, text);
        assert_eq!(read.stats().format, sample.format, "{name}");
        for host in sample.blocks {
            assert!(says(&read, host).starts_with("block"), "{name}: {host}");
        }
        for host in sample.passes {
            assert!(!says(&read, host).starts_with("block"), "{name}: {host}");
        }
        let stats = read.stats();
        assert_eq!(stats.skipped, sample.skipped, "{name}: {:?}", stats.errors);
    }
}
