//! Lists in every format: what they block, what they skip, and that arbitrary bytes are read without a panic.

mod given;

use given::random::list_text;
use privet_config::ListFormat::{self, *};
use privet_policy::list::{LineFault, MAX_LINE, MAX_LIST};
use privet_policy::*;
use proptest::prelude::*;

fn list(format: ListFormat, text: &str) -> List {
    List::parse("list", text.as_bytes(), format).unwrap()
}

/// "block 3", "allow 1" or "-".
fn says(list: &List, host: &str) -> String {
    hit_text(list.matches(&Host::parse(host).unwrap(), None))
}

fn hit_text(hit: Option<ListHit>) -> String {
    match hit {
        Some(hit) if hit.allow => format!("allow {}", hit.line),
        Some(hit) => format!("block {}", hit.line),
        None => "-".into(),
    }
}

fn table(list: &List, rows: &[(&str, &str)]) {
    for (host, want) in rows {
        assert_eq!(says(list, host), *want, "{host}");
    }
}

#[test]
fn a_hosts_file_blocks_exactly_its_names() {
    let list = list(
        Auto,
        "\u{feff}# head\r\n127.0.0.1 localhost\r\n::1 ip6-localhost ip6-loopback\r\n\
         0.0.0.0 Ads.test tracker.test # why\r\n127.0.0.1\tbücher.test\r\n192.0.2.1 real.test\r\n0.0.0.0 a..b\r\n\r\n\
         fe80::1%lo0 localhost\n:: last.test",
    );
    assert_eq!(list.stats().format, Hosts);
    table(
        &list,
        &[
            ("ads.test", "block 4"),
            ("tracker.test", "block 4"),
            ("x.ads.test", "-"),
            ("xn--bcher-kva.test", "block 5"),
            ("real.test", "-"),
            ("localhost", "-"),
            ("last.test", "block 10"),
        ],
    );
    let stats = list.stats();
    assert_eq!((stats.entries, stats.ignored, stats.skipped), (4, 3, 2));
    assert_eq!(
        (stats.errors[0].line, stats.errors[0].fault),
        (6, LineFault::NoBlock)
    );
    assert_eq!(
        (stats.errors[1].line, stats.errors[1].fault),
        (7, LineFault::Host(HostError::Label))
    );
}

#[test]
fn a_list_of_domains_blocks_subdomains_too() {
    let list = list(
        Auto,
        "! head\n// head\nads.test # why\n*.wild.test\n.dot.test\n192.0.2.7\ntest\ntwo words\nADS.test\n",
    );
    assert_eq!(list.stats().format, Domains);
    table(
        &list,
        &[
            ("ads.test", "block 3"),
            ("a.b.ads.test", "block 3"),
            ("xads.test", "-"),
            ("wild.test", "block 4"),
            ("x.dot.test", "block 5"),
            ("192.0.2.7", "block 6"),
            ("::ffff:192.0.2.7", "block 6"),
            ("192.0.2.8", "-"),
        ],
    );
    assert_eq!(list.stats().entries, 4);
    assert_eq!(list.stats().errors[0].fault, LineFault::OneLabel);
}

#[test]
fn a_dnsmasq_file_blocks_and_the_nearest_name_decides() {
    let list = list(
        Auto,
        "# head\naddress=/ads.test/\naddress=/a.test/b.test/0.0.0.0\nserver=/s.test/\nlocal=/l.test/\n\
         server=/good.ads.test/#\naddress=/real.test/192.0.2.1\nserver=/other.test/192.0.2.53\ncache-size=5\n\
         address=/*.w.test/\n",
    );
    assert_eq!(list.stats().format, Dnsmasq);
    table(
        &list,
        &[
            ("ads.test", "block 2"),
            ("x.ads.test", "block 2"),
            ("good.ads.test", "allow 6"),
            ("x.good.ads.test", "allow 6"),
            ("a.test", "block 3"),
            ("x.b.test", "block 3"),
            ("s.test", "block 4"),
            ("l.test", "block 5"),
            ("real.test", "-"),
            ("other.test", "-"),
            ("w.test", "-"),
            ("x.w.test", "block 10"),
        ],
    );
    assert_eq!(list.stats().skipped, 3);
}

#[test]
fn a_response_policy_zone_is_read_with_its_wildcards_and_passes() {
    let list = list(
        Auto,
        "$TTL 60\n@ IN SOA localhost. root.localhost. (\n 1 ; serial\n 60 60 60 60 )\n  IN NS localhost.\n\
         ads.test CNAME .\n*.ads.test 60 IN CNAME .\ngood.ads.test CNAME rpz-passthru.\nnodata.test IN CNAME *.\n\
         drop.test CNAME rpz-drop.\nlocal.test A 127.0.0.1\nreal.test A 192.0.2.1\nwalled.test CNAME garden.test.\n\
         32.1.2.0.192.rpz-ip CNAME .\n*.only.test CNAME .\nold.test CNAME old.test.\n",
    );
    assert_eq!(list.stats().format, Rpz);
    table(
        &list,
        &[
            ("ads.test", "block 6"),
            ("x.ads.test", "block 7"),
            ("good.ads.test", "allow 8"),
            ("nodata.test", "block 9"),
            ("x.nodata.test", "-"),
            ("drop.test", "block 10"),
            ("local.test", "block 11"),
            ("real.test", "-"),
            ("walled.test", "block 13"),
            ("only.test", "-"),
            ("x.only.test", "block 15"),
            ("old.test", "allow 16"),
        ],
    );
    assert_eq!(list.stats().skipped, 2);
}

#[test]
fn absolute_names_of_a_zone_lose_its_origin() {
    let list = list(
        Rpz,
        "$ORIGIN rpz.example.\nads.test.rpz.example. CNAME .\nalone.test. CNAME .\n\trel.test CNAME .\n",
    );
    table(&list, &[("ads.test", "block 2"), ("alone.test", "block 3")]);
}

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
fn a_text_that_is_no_list_is_refused() {
    let refused = |format, text: &str| List::parse("x", text.as_bytes(), format).unwrap_err();
    let page = "<!DOCTYPE html>\n<html><body>ads.test</body></html>\n";
    assert_eq!(refused(Auto, page), ListError::NotAList);
    assert_eq!(refused(Auto, "504 Gateway Time-out\n"), ListError::NotAList);
    let error = refused(Hosts, page).to_string();
    assert_eq!(
        error,
        "not one line could be read as hosts; line 1: not a line of this format"
    );
    assert!(matches!(
        refused(Domains, "\u{1f}\u{8b}\n"),
        ListError::NothingUsable { .. }
    ));
}

#[test]
fn an_empty_source_is_an_empty_list() {
    for text in ["", "\n\n", "# nothing yet\n"] {
        assert_eq!(list(Auto, text).stats().entries, 0);
    }
}

#[test]
fn sizes_are_bounded() {
    let long = format!(
        "0.0.0.0 a.test\n0.0.0.0 {}\n0.0.0.0 b.test",
        "a ".repeat(MAX_LINE)
    );
    let read = list(Hosts, &long);
    assert_eq!(
        (read.stats().entries, read.stats().errors[0].fault),
        (2, LineFault::TooLong)
    );
    assert_eq!(says(&read, "b.test"), "block 3");
    let mut reader = ListReader::new("big", Hosts);
    let megabyte = "#\n".repeat(1 << 19);
    for _ in 0..MAX_LIST >> 20 {
        reader.feed(megabyte.as_bytes()).unwrap();
    }
    assert_eq!(reader.feed(b"#"), Err(ListError::TooLarge));
}

#[test]
fn the_text_of_a_line_can_be_shown() {
    let source = b"one\r\n tw\x07o \nthree\xff";
    assert_eq!(line_text(source, 1).as_deref(), Some("one"));
    assert_eq!(line_text(source, 2).as_deref(), Some("tw\u{fffd}o"));
    assert_eq!(line_text(source, 3).as_deref(), Some("three\u{fffd}"));
    assert_eq!(line_text(source, 4), None);
    assert_eq!(line_text(source, 0), None);
    assert_eq!(line_text(&[b'x'; 5000], 1).unwrap().len(), 300);
}

#[test]
fn inline_comments_are_read_in_every_format() {
    for (format, text) in [
        (
            Domains,
            "x.test #Why\n# CNAME SOA\ny.test # a CNAME of z.test\n",
        ),
        (Domains, "x.test ; why\ny.test // why\n"),
        (Adblock, "! head\n||x.test^ # why\n||y.test^ ! why\n"),
        (
            Adblock,
            "# a comment\n#a comment\n||x.test^ ## why\ny.test # why\n||z.test^\n",
        ),
        (Hosts, "0.0.0.0 x.test #Why\n0 y.test ; why\n"),
        (
            Dnsmasq,
            "address=/x.test/0.0.0.0 # see https://a.test/b/c\nlocal=/y.test/ # why\n",
        ),
        (Rpz, "$TTL 60\nx.test CNAME . ; why\ny.test CNAME . # why\n"),
    ] {
        let read = list(Auto, text);
        assert_eq!(read.stats().format, format, "{text}");
        assert_eq!(read.stats().skipped, 0, "{text} {:?}", read.stats().errors);
        for host in ["x.test", "y.test"] {
            assert!(says(&read, host).starts_with("block"), "{host} {text}");
        }
        assert_eq!(says(&read, "a.test"), "-", "{text}");
    }
}

#[test]
fn a_header_decides_the_format_before_a_comment_can() {
    let text = "! Uses CNAME and SOA\n[Adblock Plus 2.0]\n# x CNAME .\nx.test\ny.test\nz.test\n||a.test^\n";
    let read = list(Auto, text);
    assert_eq!(read.stats().format, Adblock);
    table(&read, &[("x.test", "block 4"), ("a.test", "block 7")]);
    let params = "! Title: parameters\n$removeparam=utm_source\n$removeparam=fbclid\n";
    assert_eq!(
        List::parse("x", params.as_bytes(), Auto).unwrap_err(),
        ListError::BlocksNothing { ignored: 2 }
    );
}

#[test]
fn lines_may_end_in_cr_and_hosts_lines_may_begin_with_0() {
    let read = list(Auto, "# head\r0 a.test\r0 b.test\r");
    assert_eq!(read.stats().format, Hosts);
    table(&read, &[("a.test", "block 2"), ("b.test", "block 3")]);
    assert_eq!(line_text(b"a\rb\r\nc\n", 3).as_deref(), Some("c"));
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
fn this_machine_is_never_blocked() {
    let own = list(
        Hosts,
        "127.0.0.1 LocalHost\n127.0.1.1 laptop.lan laptop\n127.0.0.1 desk.lan desk\n0.0.0.0 0.0.0.0\n127.0.0.1 ads.test\n",
    );
    table(
        &own,
        &[
            ("localhost", "-"),
            ("laptop.lan", "-"),
            ("desk.lan", "-"),
            ("0.0.0.0", "-"),
            ("ads.test", "block 5"),
        ],
    );
    let text = "||localhost^\n||LOCALHOST.localdomain^\n127.0.0.1\n||x.localhost^\n||ads.test^\n";
    let read = list(Adblock, text);
    for host in [
        "localhost",
        "x.localhost",
        "localhost.localdomain",
        "127.0.0.1",
    ] {
        assert_eq!(says(&read, host), "-", "{host}");
    }
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

#[test]
fn lists_of_networks_hold_for_addresses_but_not_for_private_ones() {
    let read = list(
        Auto,
        "# firehol\n198.51.100.0/24\n203.0.113.7\n203.0.113.20-203.0.113.30\n192.168.0.0/16\n2001:db8::/32\n\
         1.10.16.0/20 ; SBL1\n::ffff:192.0.2.0/120\n0.0.0.0/0\n",
    );
    assert_eq!(read.stats().format, Domains);
    table(
        &read,
        &[
            ("198.51.100.9", "block 2"),
            ("203.0.113.7", "block 3"),
            ("203.0.113.8", "-"),
            ("203.0.113.25", "block 4"),
            ("192.168.1.1", "-"),
            ("2001:db8::1", "block 6"),
            ("1.10.17.3", "block 7"),
            ("192.0.2.200", "block 8"),
            ("9.9.9.9", "-"),
            ("name.test", "-"),
        ],
    );
    let asked = read.with_private_addresses(true);
    assert_eq!(says(&asked, "192.168.1.1"), "block 5");
    assert_eq!((read.stats().host_entries, read.stats().skipped), (7, 1));
}

const FORMATS: [ListFormat; 6] = [Auto, Adblock, Hosts, Domains, Dnsmasq, Rpz];

/// Lines that come near every format, with line ends and bytes that do not.
fn source() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        list_text().prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..40),
        "[|@]{0,2}[a-z.*^/]{0,12}(\\$[a-z,=~|-]{0,20})?".prop_map(String::into_bytes),
        "[ \t]?[a-z.*@$-]{0,12} (IN )?(CNAME|SOA|A|TXT) [a-z.*()0-9;]{0,12}"
            .prop_map(String::into_bytes),
        "(address|server|local)=/[a-z./#*]{0,12}".prop_map(String::into_bytes),
        "[0-9.:a-f]{0,9} [a-z.# ]{0,20}".prop_map(String::into_bytes),
        "[0-9.:]{1,9}[/-][0-9.]{1,9}( [#;][a-z]{0,3})?".prop_map(String::into_bytes),
        "!#(if|else|endif|include)[ !()&|a-z]{0,12}\r?".prop_map(String::into_bytes),
        "\\|\\|[a-z.*]{1,9}[\\^/*]?(\\$(denyallow=[a-z.|]{0,9}|badfilter|domain=~a.test))?"
            .prop_map(String::into_bytes),
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.join(&b'\n'))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_bytes_in_any_pieces_give_the_same_list(
        bytes in source(), cuts in proptest::collection::vec(0usize..50, 1..20), format in 0usize..6,
    ) {
        let format = FORMATS[format];
        let whole = List::parse("x", &bytes, format);
        let mut reader = ListReader::new("x", format);
        let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(cuts.next().unwrap() + 1));
            reader.feed(piece).unwrap();
            rest = after;
        }
        match (whole, reader.finish()) {
            (Ok(whole), Ok(cut)) => {
                prop_assert_eq!(whole.stats(), cut.stats());
                for error in &whole.stats().errors {
                    prop_assert!(line_text(&bytes, error.line).is_some());
                }
                for host in given::random::NAMES {
                    let host = Host::parse(host).unwrap();
                    let url = format!("http://{host}/ads/x.js");
                    prop_assert_eq!(whole.matches(&host, None), cut.matches(&host, None));
                    prop_assert_eq!(whole.matches(&host, Some(&url)), cut.matches(&host, Some(&url)));
                }
            }
            (whole, cut) => prop_assert_eq!(whole.err(), cut.err()),
        }
    }

    #[test]
    fn two_lists_block_what_either_blocks(
        a in proptest::collection::vec(0usize..9, 0..5), b in proptest::collection::vec(0usize..9, 0..5),
    ) {
        let text = |picked: &[usize]| -> String {
            picked.iter().map(|at| format!("0.0.0.0 {}\n", given::random::NAMES[*at])).collect()
        };
        let (a, b) = (text(&a), text(&b));
        let (one, two, both) = (list(Hosts, &a), list(Hosts, &b), list(Hosts, &format!("{a}{b}")));
        for host in given::random::NAMES {
            let either = says(&one, host) != "-" || says(&two, host) != "-";
            prop_assert_eq!(says(&both, host) != "-", either, "{}", host);
        }
    }
}
