//! The adblock format: rules on hosts and on URLs.

use privet_config::ListFormat::*;
use privet_policy::list::LineFault;
use privet_policy::*;

use crate::support::{hit_text, list, table};

const ADBLOCK: &str = "[Adblock Plus 2.0]\n! Title: test\n||ads.test^\n||wide.test^$important\n@@||wide.test^\n\
    @@||ok.ads.test^\n##.banner\nexample.com##.ad\n||third.test^$third-party\n/banner/*.js$script\n\
    @@||cdn.test/banner/good.js\n||path.test/ads/\n||*.sub.test^\n@@||ads.test/free^\n||zip^\n|http://start.test/\n";

#[test]
fn adblock_rules_on_hosts_hold_for_every_connection() {
    let list = list(Auto, ADBLOCK);
    assert_eq!(list.stats().format, Adblock);
    table(
        &list,
        &[
            ("ads.test", "block 3"),
            ("x.ads.test", "block 3"),
            ("ok.ads.test", "allow 6"),
            ("wide.test", "block 4"),
            ("third.test", "-"),
            ("path.test", "-"),
            ("sub.test", "-"),
            ("x.sub.test", "block 13"),
            ("any.zip", "block 15"),
        ],
    );
    assert_eq!(list.stats().ignored, 2);
    assert_eq!(list.stats().skipped, 0);
}

#[test]
fn adblock_rules_on_urls_hold_where_a_url_is_seen() {
    let list = list(Auto, ADBLOCK);
    for (url, want) in [
        ("http://any.test/banner/x.js", "block 10"),
        ("http://any.test/banner/x.js?y", "block 10"),
        ("http://any.test/banner/x.png", "-"),
        ("http://cdn.test/banner/good.js", "allow 11"),
        ("http://cdn.test/banner/bad.js", "block 10"),
        ("http://path.test/ads/x", "block 12"),
        ("http://path.test/news", "-"),
        ("http://ads.test/", "block 3"),
        ("http://ads.test/free", "allow 14"),
        ("http://wide.test/", "block 4"),
        ("http://start.test/x", "block 16"),
        ("http://x.test/?http://start.test/", "-"),
        ("http://third.test/", "-"),
    ] {
        let target = Target::from_url(url).unwrap();
        assert_eq!(
            hit_text(list.matches(&target.host, Some(url))),
            want,
            "{url}"
        );
    }
}

#[test]
fn hosts_that_stand_alone_in_an_adblock_list_are_hosts() {
    let read = list(
        Adblock,
        "ads.test\n*.wild.test\n0.0.0.0 hosts.test\n0 zero.test\n192.0.2.7\nbanner.js\n-ad.gif\n",
    );
    table(
        &read,
        &[
            ("x.ads.test", "block 1"),
            ("x.wild.test", "block 2"),
            ("hosts.test", "block 3"),
            ("zero.test", "block 4"),
            ("192.0.2.7", "block 5"),
            ("banner.js", "-"),
        ],
    );
    assert_eq!((read.stats().entries, read.stats().host_entries), (7, 5));
}

#[test]
fn lines_for_browsers_are_left_out() {
    let read = list(
        Adblock,
        "||a.test^\n!#if env_firefox\n||b.test^\n!#else\n||c.test^\n!#endif\n!#if !ext_ublock\n||d.test^\n!#endif\n!#include more.txt\n||e.test^\n",
    );
    table(
        &read,
        &[
            ("a.test", "block 1"),
            ("b.test", "-"),
            ("c.test", "block 5"),
            ("d.test", "block 8"),
            ("e.test", "block 11"),
        ],
    );
    assert_eq!(read.stats().ignored, 1);
    assert_eq!(read.stats().errors[0].fault, LineFault::Include);
}

#[test]
fn patterns_that_match_everything_are_skipped_and_said() {
    let broad = [
        "||",
        "://",
        "||*",
        "@@",
        "*",
        "|",
        "||^",
        "http",
        "|https://",
        "||com^",
        ".com",
        "/.*/",
        "/./",
        "*$important",
        "||*.com^",
        "@@||*",
        "a",
    ];
    let text = format!("||ads.test^\n{}\n", broad.join("\n"));
    let read = list(Adblock, &text);
    let stats = read.stats();
    assert_eq!(
        (stats.entries, stats.skipped),
        (1, broad.len()),
        "{stats:?}"
    );
    assert!(stats.errors.iter().all(|e| e.fault == LineFault::TooBroad));
    let url = "http://good.example/";
    let host = Host::parse("good.example").unwrap();
    assert_eq!(read.matches(&host, Some(url)), None);
    assert_eq!(
        list(Adblock, "*$domain=x.test\n||a.test^\n")
            .stats()
            .skipped,
        0
    );
}

#[test]
fn badfilter_and_denyallow_hold_for_hosts() {
    let read = list(
        Adblock,
        "||a.test^\n||a.test^$badfilter\n||b.test^$important\n||b.test^$badfilter\n\
         ||c.test^$denyallow=ok.c.test|fine.c.test\n||zip^$denyallow=good.zip\n",
    );
    table(
        &read,
        &[
            ("a.test", "-"),
            ("b.test", "block 3"),
            ("c.test", "block 5"),
            ("x.c.test", "block 5"),
            ("ok.c.test", "-"),
            ("x.fine.c.test", "-"),
            ("bad.zip", "block 6"),
            ("good.zip", "-"),
        ],
    );
}

#[test]
fn host_rules_without_an_end_and_patterns_on_hosts_hold_for_every_connection() {
    let read = list(
        Adblock,
        "||a.test\n||b.test/\n||c.test*\n|https://d.test^\n||ad*.e.test^\n||track.*^\n||metrics.\n\
         /^ads[0-9]+\\./\n@@/^ads7\\./\n||f.test^*\n/banner\\/[0-9]+/\n",
    );
    table(
        &read,
        &[
            ("x.a.test", "block 1"),
            ("x.b.test", "block 2"),
            ("c.test", "block 3"),
            ("d.test", "block 4"),
            ("x.d.test", "-"),
            ("adx.e.test", "block 5"),
            ("x.ad.e.test", "block 5"),
            ("bad.e.test", "-"),
            ("track.example", "block 6"),
            ("x.track.example", "block 6"),
            ("backtrack.example", "-"),
            ("metrics.example", "block 7"),
            ("ads12.example", "block 8"),
            ("ads7.example", "allow 9"),
            ("f.test", "block 10"),
            ("banner.example", "-"),
        ],
    );
    assert_eq!(read.stats().skipped, 0, "{:?}", read.stats().errors);
    let url = "http://banner.example/banner/12";
    let host = Host::parse("banner.example").unwrap();
    assert_eq!(hit_text(read.matches(&host, Some(url))), "block 11");
}
