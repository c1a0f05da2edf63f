//! Formats of lists, and what their lines block.

use privet_tests::list_server::{CatchAllUpstream, ListServer};
use privet_tests::{Privet, curl};

use crate::support::{await_list, entry, get, through};

#[test]
fn every_format_is_detected_and_blocks_and_hits_survive_reload_and_restart() {
    let texts = [
        (
            "adblock",
            "[Adblock Plus 2.0]\n||adblock.test^\n||second.test^\n",
        ),
        (
            "hosts",
            "# hosts\n127.0.0.1 localhost\n0.0.0.0 hosts.test\n",
        ),
        ("domains", "# domains\ndomains.test\n"),
        ("dnsmasq", "address=/dnsmasq.test/0.0.0.0\n"),
        (
            "rpz",
            "$TTL 60\n@ IN SOA localhost. root.localhost. 1 2 3 4 5\nrpz.test CNAME .\n",
        ),
    ];
    let publisher = ListServer::start();
    let upstream = CatchAllUpstream::leading_to(publisher.address());
    let mut lists = String::new();
    for (format, text) in texts {
        publisher.publish(&format!("/{format}"), text);
        lists += &entry(format, &format!("http://lists.test/{format}"), "");
        let explicit = format!("format = \"{format}\"");
        lists += &entry(
            &format!("{format} explicit"),
            &format!("http://lists.test/{format}"),
            &explicit,
        );
    }
    let mut privet = Privet::start(&through(&upstream, &lists));
    for (format, text) in texts {
        for name in [format.to_owned(), format!("{format} explicit")] {
            let found = await_list(&privet, &name, |list| list["state"] == "blocking");
            assert_eq!(found["format"], format, "{found:#}");
            assert_eq!(found["bytes"], text.len(), "{found:#}");
            assert!(found["next_refresh_ms"].as_u64() > found["updated_ms"].as_u64());
        }
    }
    assert_eq!(get(&privet, "http://good.test/"), "200");
    for (format, _) in texts {
        assert_eq!(get(&privet, &format!("http://{format}.test/")), "403");
        for name in [format.to_owned(), format!("{format} explicit")] {
            await_list(&privet, &name, |list| {
                list["hits"] == 1 && list["hits_day"] == 1
            });
        }
    }
    privet
        .sandbox
        .write(&through(&upstream, &format!("# a note\n{lists}")));
    privet.await_log("the changed configuration was applied");
    assert_eq!(get(&privet, "http://rpz.test/"), "403");
    await_list(&privet, "rpz", |list| list["hits"] == 2);
    privet.restart();
    let again = await_list(&privet, "rpz", |list| list["hits"] == 2);
    assert_eq!(again["state"], "blocking", "{again:#}");
    let output = privet.cli(&["lists"]).good();
    assert!(
        output.contains("dnsmasq") && output.contains("blocking"),
        "{output}"
    );
}

#[test]
fn third_party_rules_apply_to_plain_http_with_a_referer() {
    let publisher = ListServer::start();
    let upstream = CatchAllUpstream::leading_to(publisher.address());
    publisher.publish(
        "/ads",
        "[Adblock Plus 2.0]\n||publisher.test^$third-party\n",
    );
    let ads = entry("ads", "http://lists.test/ads", "");
    let privet = Privet::start(&through(&upstream, &ads));
    await_list(&privet, "ads", |list| list["state"] == "blocking");
    let proxy = format!("http://{}", privet.proxy());
    let from = |line: &str| {
        let args = [
            "-x",
            &proxy,
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "-H",
            line,
        ];
        curl(&[&args[..], &["http://publisher.test/x"]].concat()).good()
    };
    assert_eq!(get(&privet, "http://publisher.test/x"), "200");
    assert_eq!(from("Referer: http://near.test/page"), "403");
    assert_eq!(from("Origin: https://near.test"), "403");
    assert_eq!(from("Referer: http://www.publisher.test/page"), "200");
}

/// The status that a CONNECT through the proxy ends with.
fn connect(privet: &Privet, host: &str) -> String {
    let proxy = format!("http://{}", privet.proxy());
    let words = [
        "-p",
        "-x",
        &proxy,
        "-o",
        "/dev/null",
        "-w",
        "%{http_connect}",
        &format!("http://{host}/"),
    ];
    curl(&words).out.trim().to_owned()
}

#[test]
fn published_forms_of_rules_block_on_connect_too() {
    let far = ListServer::start();
    let upstream = CatchAllUpstream::leading_to(far.address());
    let lists = [
        (
            "comments",
            "! Uses CNAME and SOA\n[Adblock Plus]\n||a1.test^ # why\na2.test\n||a3.test\n||a4.test/\n|https://a5.test^\n",
        ),
        (
            "regex",
            "/^ads[0-9]+\\./\n||b1.test^$denyallow=ok.b1.test\n||b2.test^\n||b2.test^$badfilter\n",
        ),
        ("zeros", "0 c1.test\r0 c2.test\r127.0.0.1 LOCALHOST\r"),
        (
            "nets",
            "# FireHOL\n198.51.100.0/24\n192.168.0.0/16\n203.0.113.7\n",
        ),
        ("blocks", "d1.test\nd2.test\n"),
        ("allows", "@@||d1.test^\n"),
        ("wide", "||\n://\n||*\n@@\n||e1.test^\n"),
    ];
    let mut config = String::new();
    for (name, text) in lists {
        far.publish(&format!("/{name}"), text);
        config += &entry(name, &format!("http://lists.test/{name}"), "");
    }
    let privet = Privet::start(&through(&upstream, &config));
    for (name, _) in lists {
        await_list(&privet, name, |list| list["state"] == "blocking");
    }
    for (host, want) in [
        ("a1.test", "403"),
        ("x.a2.test", "403"),
        ("a3.test", "403"),
        ("a4.test", "403"),
        ("a5.test", "403"),
        ("ads12.test", "403"),
        ("b1.test", "403"),
        ("ok.b1.test", "200"),
        ("b2.test", "200"),
        ("c1.test", "403"),
        ("c2.test", "403"),
        ("198.51.100.9", "403"),
        ("203.0.113.7", "403"),
        ("192.168.77.1", "200"),
        ("d1.test", "200"),
        ("d2.test", "403"),
        ("e1.test", "403"),
        ("good.test", "200"),
    ] {
        assert_eq!(connect(&privet, host), want, "{host}");
    }
    let why = privet.cli(&["why", "d1.test"]).out;
    assert!(why.contains("exception"), "{why}");

    let lines = privet.json(&["lists", "lines", "wide"]);
    assert_eq!(lines["skipped"], 4, "{lines:#}");
    assert_eq!(lines["lines"][1]["line"], 2, "{lines:#}");
    assert_eq!(lines["lines"][1]["text"], "://", "{lines:#}");
    let output = privet.cli(&["lists", "lines", "wide"]).good();
    assert!(output.contains("would match everything"), "{output}");
    let of_regex = await_list(&privet, "regex", |_| true);
    assert_eq!(
        (&of_regex["entries"], &of_regex["host_entries"]),
        (&4.into(), &3.into()),
        "{of_regex:#}"
    );
    assert_eq!(privet.cli(&["lists", "lines", "nothing"]).code, 1);
}

#[test]
fn a_gzip_body_is_unpacked() {
    let far = ListServer::start();
    // printf 'packed.test\n' | gzip -n
    let packed: &[u8] = &[
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x2b, 0x48, 0x4c, 0xce, 0x4e,
        0x4d, 0xd1, 0x2b, 0x49, 0x2d, 0x2e, 0xe1, 0x02, 0x00, 0xdd, 0xce, 0xec, 0x0d, 0x0c, 0x00,
        0x00, 0x00,
    ];
    far.put("/ads", 200, packed, "Content-Encoding: gzip\r\n");
    far.put("/file", 200, packed, "");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ads.txt.gz");
    std::fs::write(&file, packed).expect("ours");
    let lists = [
        entry("ads", &far.url("/ads"), ""),
        entry("file", &far.url("/file"), ""),
        entry("local", &file.display().to_string(), ""),
    ];
    let privet = Privet::start(&lists.concat());
    for name in ["ads", "file", "local"] {
        let found = await_list(&privet, name, |list| list["state"] == "blocking");
        assert_eq!(found["entries"], 1, "{found:#}");
    }
    assert_eq!(get(&privet, "http://packed.test/"), "403");
    let why = privet.cli(&["why", "packed.test"]).out;
    assert!(why.contains("packed.test"), "{why}");
}
