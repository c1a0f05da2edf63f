//! The formats, their detection, and what is common to all of them.

use privet_config::ListFormat::*;
use privet_policy::list::{LineFault, MAX_LINE, MAX_LIST};
use privet_policy::*;

use crate::support::{list, says, table};

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
    let request = read.with_private_addresses(true);
    assert_eq!(says(&request, "192.168.1.1"), "block 5");
    assert_eq!((read.stats().host_entries, read.stats().skipped), (7, 1));
}
