//! Filter lists: formats, hit counts, probation, updates that are held, rollback, downloads.

use privet_tests::list_server::{CatchAllUpstream, ListServer};
use privet_tests::{Privet, curl};
use serde_json::Value;

/// The status of a plain request through the proxy.
fn get(privet: &Privet, url: &str) -> String {
    let proxy = format!("http://{}", privet.proxy());
    curl(&["-x", &proxy, "-o", "/dev/null", "-w", "%{http_code}", url]).good()
}

fn list(all: &Value, name: &str) -> Value {
    let found = all["lists"].as_array().into_iter().flatten();
    let mut found = found.filter(|list| list["name"] == name);
    found.next().cloned().unwrap_or(Value::Null)
}

/// Waits until `ready` is true of the list. Returns it.
fn await_list(privet: &Privet, name: &str, ready: impl Fn(&Value) -> bool) -> Value {
    let all = privet.await_api("lists", |all| ready(&list(all, name)));
    list(&all, name)
}

fn post(privet: &Privet, name: &str, act: &str) -> (u16, Value) {
    privet.api("POST", &format!("lists/{name}/{act}"), None)
}

/// Refreshes the list once. Returns its state.
fn refresh(privet: &Privet, publisher: &ListServer, name: &str, path: &str) -> Value {
    let before = publisher.requests(path).len();
    let (status, answer) = post(privet, name, "refresh");
    assert_eq!(
        (status, publisher.requests(path).len()),
        (200, before + 1),
        "{answer}"
    );
    answer
}

fn problems(privet: &Privet) -> Vec<String> {
    let status = privet.api("GET", "status", None).1;
    let all = status["problems"].as_array().cloned().unwrap_or_default();
    let text = |problem: &Value| format!("{} {}", problem["about"], problem["text"]);
    all.iter().map(text).collect()
}

/// Sends everything through an upstream that connects every name to the publisher.
fn through(upstream: &CatchAllUpstream, lists: &str) -> String {
    format!(
        "mode = \"strict\"\n[[upstream]]\nname = \"publisher\"\nurl = \"socks5://{}\"\n{lists}",
        upstream.address()
    )
}

fn entry(name: &str, source: &str, more: &str) -> String {
    format!("[[filter.list]]\nname = \"{name}\"\nsource = \"{source}\"\n{more}\n")
}

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
    privet.await_log("the changed configuration is in force");
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
fn updates_are_conditional_and_a_broken_answer_keeps_the_last_good_list() {
    let publisher = ListServer::start();
    publisher.publish("/ads", "ads.test\n");
    let source = publisher.url("/ads");
    let mut privet = Privet::start(&entry("ads", &source, "refresh = \"1h\""));
    await_list(&privet, "ads", |list| list["entries"] == 1);
    let first = publisher.requests("/ads");
    assert!(
        !first[0].to_lowercase().contains("if-none-match"),
        "{first:?}"
    );

    let same = refresh(&privet, &publisher, "ads", "/ads");
    let request = publisher
        .requests("/ads")
        .pop()
        .expect("it was asked again")
        .to_lowercase();
    assert!(request.contains("if-none-match: \"v1\""), "{request}");
    assert!(
        request.contains("if-modified-since: tue, 24 nov 2026 10:00:01 gmt"),
        "{request}"
    );
    assert!(same["error"].is_null() && same["entries"] == 1, "{same:#}");

    let packed = "Content-Encoding: gzip\r\n";
    for (status, body, more, reason) in [
        (500, &b"ads.test\n"[..], "", "500"),
        (200, b"", "", "no entry"),
        (
            200,
            b"<!doctype html><html><body>sign in</body></html>",
            "",
            "",
        ),
        (200, b"\x1f\x8b\x08\x00", packed, "gzip"),
    ] {
        publisher.put("/ads", status, body, more);
        let broken = refresh(&privet, &publisher, "ads", "/ads");
        let error = broken["error"].as_str().unwrap_or_default();
        assert!(!error.is_empty() && error.contains(reason), "{broken:#}");
        let fix = broken["fix"].as_str().unwrap_or_default();
        assert!(fix.contains("the last good version stays"), "{broken:#}");
        assert_eq!(
            (&broken["entries"], &broken["state"]),
            (&1.into(), &"blocking".into())
        );
        assert_eq!(get(&privet, "http://ads.test/"), "403");
        assert_eq!(privet.cli(&["lists", "refresh", "ads"]).code, 1);
    }
    assert!(
        problems(&privet)
            .iter()
            .any(|text| text.contains("list:ads"))
    );
    privet.restart();
    assert_eq!(
        get(&privet, "http://ads.test/"),
        "403",
        "the copy on the disk"
    );

    publisher.publish("/ads", "ads.test\nmore.test\n");
    let repaired = refresh(&privet, &publisher, "ads", "/ads");
    assert!(repaired["error"].is_null(), "{repaired:#}");
    assert_eq!(repaired["entries"], 2, "{repaired:#}");
    assert!(
        !problems(&privet)
            .iter()
            .any(|text| text.contains("list:ads"))
    );
}

#[test]
fn a_new_list_only_counts_until_it_is_enabled() {
    let publisher = ListServer::start();
    let upstream = CatchAllUpstream::leading_to(publisher.address());
    publisher.publish("/new", "ads.test\n");
    let new = entry(
        "new",
        "http://lists.test/new",
        "refresh = \"2d\" # mine\nprobation = \"2h\"",
    );
    let mut privet = Privet::start(&through(&upstream, &new));
    let counting = await_list(&privet, "new", |list| list["state"] == "counting");
    for _ in 0..3 {
        assert_eq!(get(&privet, "http://x.ads.test/"), "200");
    }
    let would = await_list(&privet, "new", |list| {
        !list["would_block"]["hosts"][0].is_null()
    });
    assert_eq!(would["would_block"]["connections"], 3, "{would:#}");
    assert_eq!(
        would["would_block"]["hosts"][0]["host"], "x.ads.test",
        "{would:#}"
    );
    assert_eq!(would["hits"], 0, "{would:#}");

    let row = privet.await_row("closed", |row| row["host"] == "x.ads.test");
    let reason = row["reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains("list “new” (line 1) would block it (counting until 20"),
        "{row:#}"
    );
    let why = privet.json(&["why", "ads.test"]);
    assert_eq!(why["outcome"]["action"], "via", "{why:#}");
    let steps = why["steps"].as_array().cloned().unwrap_or_default();
    let step = steps
        .iter()
        .find(|step| step["what"] == "list new")
        .expect("its step");
    let text = step["text"].as_str().unwrap_or_default();
    assert!(
        text.contains("would block ads.test") && text.contains("only counts until"),
        "{text}"
    );
    let output = privet.cli(&["lists"]).good();
    assert!(
        output.contains("counting") && output.contains("x.ads.test (3)"),
        "{output}"
    );

    privet.restart();
    let again = await_list(&privet, "new", |list| list["state"] == "counting");
    assert_eq!(again["counting_until_ms"], counting["counting_until_ms"]);
    assert_eq!(again["would_block"]["connections"], 3, "{again:#}");

    privet.cli(&["lists", "block", "new"]).good();
    assert_eq!(get(&privet, "http://x.ads.test/"), "403");
    let text = std::fs::read_to_string(privet.sandbox.config()).expect("it is there");
    assert!(
        text.contains("# mine") && !text.contains("probation"),
        "{text}"
    );
}

#[test]
fn probation_ends_by_itself_and_closes_what_it_let_pass() {
    let publisher = ListServer::start();
    let upstream = CatchAllUpstream::leading_to(publisher.address());
    publisher.publish("/new", "ads.test\n");
    let new = entry("new", "http://lists.test/new", "probation = \"4s\"");
    let privet = Privet::start(&through(&upstream, &new));
    await_list(&privet, "new", |list| list["state"] == "counting");
    let mut tunnel =
        privet_tests::client::socks5(privet.proxy(), "ads.test", 80).expect("it only counts");
    await_list(&privet, "new", |list| list["state"] == "blocking");
    assert!(privet_tests::client::read_all(&mut tunnel).is_empty());
    assert_eq!(get(&privet, "http://ads.test/"), "403");
}

#[test]
fn an_update_that_would_block_visited_sites_is_held_until_confirmed() {
    let publisher = ListServer::start();
    let upstream = CatchAllUpstream::leading_to(publisher.address());
    publisher.publish("/ads", "ads.test\n");
    let ads = entry("ads", "http://lists.test/ads", "");
    let mut privet = Privet::start(&through(&upstream, &ads));
    await_list(&privet, "ads", |list| list["entries"] == 1);
    for _ in 0..6 {
        assert_eq!(get(&privet, "http://mine.test/"), "200");
    }
    assert_eq!(get(&privet, "http://seldom.test/"), "200");

    publisher.publish("/ads", "ads.test\nseldom.test\n");
    let fine = refresh(&privet, &publisher, "ads", "/ads");
    assert_eq!(
        (&fine["entries"], &fine["held"]),
        (&2.into(), &Value::Null),
        "{fine:#}"
    );

    publisher.publish("/ads", "ads.test\nmine.test\n");
    let held = refresh(&privet, &publisher, "ads", "/ads");
    assert_eq!(held["entries"], 2, "the old version is active: {held:#}");
    let text = held["held"]["text"].as_str().unwrap_or_default();
    assert!(text.starts_with("it would block mine.test ("), "{held:#}");
    assert!(text.ends_with("connections this week)"), "{held:#}");
    assert_eq!(held["held"]["sites"][0]["host"], "mine.test", "{held:#}");
    assert_eq!(get(&privet, "http://mine.test/"), "200");
    assert!(
        problems(&privet)
            .iter()
            .any(|text| text.contains("list-held:ads"))
    );
    let output = privet.cli(&["lists"]).good();
    assert!(
        output.contains("update held back: it would block mine.test"),
        "{output}"
    );

    privet.cli(&["lists", "keep", "ads"]).good();
    assert!(
        !problems(&privet)
            .iter()
            .any(|text| text.contains("list-held"))
    );
    let kept = refresh(&privet, &publisher, "ads", "/ads");
    let request = publisher
        .requests("/ads")
        .pop()
        .expect("it was asked")
        .to_lowercase();
    assert!(
        request.contains("if-none-match: \"v3\""),
        "the held text is known: {request}"
    );
    assert_eq!(kept["held"]["declined"], true, "{kept:#}");

    privet.restart();
    privet.cli(&["lists", "accept", "ads"]).good();
    assert_eq!(get(&privet, "http://mine.test/"), "403");
    assert_eq!(get(&privet, "http://seldom.test/"), "200");
    assert_eq!(
        post(&privet, "ads", "accept").0,
        409,
        "there is nothing more to accept"
    );
    privet.cli(&["lists", "rollback", "ads"]).good();
    assert_eq!(get(&privet, "http://mine.test/"), "200", "taken back");
}

#[test]
fn a_list_is_rolled_back_and_stays_there_until_updates_resume() {
    let publisher = ListServer::start();
    publisher.publish("/ads", "one.test\n");
    let source = publisher.url("/ads");
    let mut privet = Privet::start(&entry("ads", &source, ""));
    await_list(&privet, "ads", |list| list["entries"] == 1);
    publisher.publish("/ads", "one.test\ntwo.test\n");
    let two = refresh(&privet, &publisher, "ads", "/ads");
    assert_eq!(two["versions"].as_array().map(Vec::len), Some(2), "{two:#}");
    assert_eq!(get(&privet, "http://two.test/"), "403");

    let (status, back) = post(&privet, "ads", "rollback");
    assert_eq!(
        (status, &back["entries"], &back["pinned"]),
        (200, &1.into(), &true.into())
    );
    assert!(
        privet
            .json(&["why", "one.test"])
            .to_string()
            .contains("\"source\":\"one.test\"")
    );
    assert_eq!(privet.cli(&["why", "two.test"]).code, 0);
    assert_eq!(
        post(&privet, "ads", "rollback").0,
        409,
        "there is none before it"
    );

    privet.restart();
    let pinned = await_list(&privet, "ads", |list| list["pinned"] == true);
    assert_eq!(
        (&pinned["entries"], &pinned["next_refresh_ms"]),
        (&1.into(), &Value::Null)
    );
    let requests = publisher.requests("/ads").len();
    privet.cli(&["lists", "refresh", "ads"]).good();
    assert_eq!(
        publisher.requests("/ads").len(),
        requests,
        "a list that is held is not asked for"
    );

    privet.cli(&["lists", "resume", "ads"]).good();
    assert_eq!(privet.cli(&["why", "two.test"]).code, 4);
    await_list(&privet, "ads", |list| {
        list["pinned"] == false
            && publisher.requests("/ads").len() > requests
            && list["error"].is_null()
    });
}

#[test]
fn a_corrupt_stored_list_is_reported_and_the_previous_version_blocks() {
    let publisher = ListServer::start();
    publisher.publish("/ads", "one.test\n");
    let mut privet = Privet::start(&entry("ads", &publisher.url("/ads"), ""));
    await_list(&privet, "ads", |list| list["entries"] == 1);
    publisher.publish("/ads", "one.test\ntwo.test\n");
    refresh(&privet, &publisher, "ads", "/ads");
    publisher.put("/ads", 500, b"", "");
    let folder = privet.sandbox.dir().join("data/lists");
    let files = || -> Vec<String> {
        let files = std::fs::read_dir(&folder).expect("the lists' folder");
        files
            .map(|file| {
                file.expect("a file")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    };
    let newest = files()
        .into_iter()
        .find(|name| name.ends_with(".txt") && !name.contains(".v-"));
    std::fs::write(folder.join(newest.expect("the newest text")), "two.te").expect("ours");
    privet.restart();
    assert_eq!(privet.cli(&["why", "one.test"]).code, 4);
    assert!(
        problems(&privet)
            .iter()
            .any(|text| text.contains("is set aside"))
    );
    assert!(
        files().iter().any(|name| name.contains(".corrupt-")),
        "{:?}",
        files()
    );

    privet.restart_after(|| std::fs::write(folder.join("state.json"), "{").expect("ours"));
    assert!(
        problems(&privet)
            .iter()
            .any(|text| text.contains("state.json.corrupt-"))
    );
    assert_eq!(privet.cli(&["why", "one.test"]).code, 4);
}

#[test]
fn a_local_list_file_is_reloaded_when_it_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.txt");
    std::fs::write(&file, "one.test\n").expect("ours");
    let privet = Privet::start(&entry("mine", &file.display().to_string(), ""));
    await_list(&privet, "mine", |list| list["entries"] == 1);
    std::fs::write(&file, "one.test\ntwo.test\n").expect("ours");
    await_list(&privet, "mine", |list| list["entries"] == 2);
    assert_eq!(privet.cli(&["why", "two.test"]).code, 4);
    let draft = folder.path().join("draft");
    std::fs::write(&draft, "three.test\n").expect("ours");
    std::fs::rename(&draft, &file).expect("ours");
    await_list(&privet, "mine", |list| list["entries"] == 1);
    assert_eq!(privet.cli(&["why", "three.test"]).code, 4);
    std::fs::remove_file(&file).expect("it is there");
    let gone = await_list(&privet, "mine", |list| !list["error"].is_null());
    assert!(
        gone["fix"]
            .as_str()
            .is_some_and(|fix| fix.contains("read again when it changes"))
    );
    assert_eq!(
        privet.cli(&["why", "three.test"]).code,
        4,
        "the last good list stays"
    );
    assert_eq!(
        post(&privet, "mine", "rollback").0,
        409,
        "versions of own files are not kept"
    );
}

#[test]
fn list_downloads_follow_the_mode_and_never_bypass_a_kill_switch() {
    let publisher = ListServer::start();
    publisher.publish("/ads", "ads.test\n");
    let source = publisher.url("/ads");
    let nobody = privet_tests::reserve();
    let closed = format!(
        "mode = \"strict\"\n[[upstream]]\nname = \"gone\"\nurl = \"socks5://{nobody}\"\n{}",
        entry("ads", &source, "")
    );
    let privet = Privet::start(&closed);
    await_list(&privet, "ads", |list| !list["error"].is_null());
    assert!(
        publisher.requests("/ads").is_empty(),
        "nothing went past the kill switch"
    );

    let upstream = CatchAllUpstream::leading_to(publisher.address());
    privet
        .sandbox
        .write(&through(&upstream, &entry("ads", &source, "")));
    privet.await_log("the changed configuration is in force");
    privet.cli(&["lists", "refresh", "ads"]);
    await_list(&privet, "ads", |list| list["entries"] == 1);
    assert_eq!(upstream.targets(), [publisher.address().to_string()]);
}

#[test]
fn lists_are_added_from_the_catalogue_or_by_url_and_removed() {
    let publisher = ListServer::start();
    let upstream = CatchAllUpstream::leading_to(publisher.address());
    publisher.publish("/mine", "ads.test\n");
    let privet = Privet::start(&through(&upstream, ""));
    let known = privet.cli(&["lists", "catalogue"]).good();
    assert!(
        known.contains("easylist") && known.contains("urlhaus"),
        "{known}"
    );
    let (_, all) = privet.api("GET", "catalogue", None);
    assert_eq!(
        all["lists"][0]["source"],
        "https://easylist.to/easylist/easylist.txt"
    );

    privet.cli(&["lists", "add", "easylist"]).good();
    let added = await_list(&privet, "EasyList", |list| !list["error"].is_null());
    assert_eq!(added["state"], "waiting", "{added:#}");
    assert!(
        upstream.targets().contains(&"easylist.to:443".to_owned()),
        "{:?}",
        upstream.targets()
    );
    assert_eq!(
        privet.cli(&["lists", "add", "easylist"]).code,
        1,
        "it is there already"
    );
    assert_eq!(privet.cli(&["lists", "add", "nothing-like-it"]).code, 1);

    privet
        .cli(&["lists", "add", "mine", "--source", "http://lists.test/mine"])
        .good();
    await_list(&privet, "mine", |list| list["state"] == "counting");
    assert_eq!(get(&privet, "http://ads.test/"), "200");
    let now = [
        "lists",
        "add",
        "now",
        "--source",
        "http://lists.test/mine",
        "--probation",
        "0",
    ];
    privet.cli(&now).good();
    await_list(&privet, "now", |list| list["state"] == "blocking");
    assert_eq!(get(&privet, "http://ads.test/"), "403");
    privet.cli(&["lists", "off", "now"]).good();
    assert_eq!(get(&privet, "http://ads.test/"), "200");
    privet.cli(&["lists", "on", "now"]).good();
    privet.cli(&["lists", "remove", "EasyList"]).good();
    let left = privet.json(&["lists"]);
    assert_eq!(left["lists"].as_array().map(Vec::len), Some(2), "{left:#}");
    assert_eq!(privet.cli(&["lists", "remove", "EasyList"]).code, 1);
    let wrong = [
        "lists",
        "add",
        "odd",
        "--source",
        "http://lists.test/x",
        "--probation",
        "soon",
    ];
    assert_ne!(privet.cli(&wrong).code, 0);
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

#[test]
fn list_actions_are_in_the_timeline_and_can_be_undone() {
    let publisher = ListServer::start();
    let upstream = CatchAllUpstream::leading_to(publisher.address());
    publisher.publish("/ads", "one.test\n");
    let ads = entry("ads", "http://lists.test/ads", "probation = \"2h\"");
    let privet = Privet::start(&through(&upstream, &ads));
    await_list(&privet, "ads", |list| list["state"] == "counting");
    publisher.publish("/ads", "one.test\ntwo.test\n");
    refresh(&privet, &publisher, "ads", "/ads");
    let newest = || privet.api("GET", "changes?limit=1", None).1["changes"][0].clone();
    let undo = |change: &Value| {
        let (status, made) = privet.api("POST", &format!("changes/{}/undo", change["id"]), None);
        assert_eq!(status, 200, "{made:#}");
    };

    privet.cli(&["lists", "block", "ads"]).good();
    assert_eq!(get(&privet, "http://two.test/"), "403");
    undo(&newest());
    let again = await_list(&privet, "ads", |list| list["state"] == "counting");
    assert!(again["counting_until_ms"].is_u64(), "{again:#}");

    privet.cli(&["lists", "rollback", "ads"]).good();
    let change = newest();
    assert_eq!(change["client"], "cli", "{change:#}");
    assert!(
        change["text"]
            .as_str()
            .is_some_and(|text| text.contains("ads")),
        "{change:#}"
    );
    await_list(&privet, "ads", |list| {
        list["pinned"] == true && list["entries"] == 1
    });
    undo(&change);
    await_list(&privet, "ads", |list| {
        list["pinned"] == false && list["entries"] == 2
    });
}

#[test]
fn a_list_that_is_no_regular_file_is_refused_and_the_program_still_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo is there").success());
    let list = format!(
        "[[filter.list]]\nname = \"fifo\"\nsource = \"{}\"\n",
        fifo.display()
    );
    let mut privet = Privet::start(&list);
    let state = await_list(&privet, "fifo", |list| !list["error"].is_null());
    let error = state["error"].as_str().expect("a sentence");
    assert!(error.contains("is not a regular file"), "{error}");
    for missing in [fifo.as_path(), std::path::Path::new("not-there.txt")] {
        let source = missing.display().to_string();
        let added = privet.cli(&["lists", "add", "more", "--source", &source]);
        assert_eq!(added.code, 2, "{source}");
    }
    privet.signal(rustix::process::Signal::TERM);
    privet.wait(std::time::Duration::from_secs(20));
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
    let told = privet.cli(&["lists", "lines", "wide"]).good();
    assert!(told.contains("would match everything"), "{told}");
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

#[test]
fn an_update_that_loses_more_than_half_is_held_back() {
    let far = ListServer::start();
    far.publish("/ads", "a.test\nb.test\nc.test\nd.test\ne.test\n");
    let privet = Privet::start(&entry("ads", &far.url("/ads"), ""));
    await_list(&privet, "ads", |list| list["entries"] == 5);
    far.publish("/ads", "a.test\nb.test\n");
    let held = refresh(&privet, &far, "ads", "/ads");
    assert_eq!(held["entries"], 5, "{held:#}");
    assert_eq!(
        held["held"]["text"],
        "it would shrink the list from 5 to 2 entries"
    );
    assert_eq!(get(&privet, "http://e.test/"), "403");
    privet.cli(&["lists", "accept", "ads"]).good();
    await_list(&privet, "ads", |list| list["entries"] == 2);
    far.publish("/ads", "a.test\n");
    let half = refresh(&privet, &far, "ads", "/ads");
    assert_eq!(half["entries"], 1, "{half:#}");
}

#[test]
fn a_failed_update_of_a_list_in_force_is_stale() {
    let far = ListServer::start();
    far.publish("/ads", "ads.test\n");
    let privet = Privet::start(&entry("ads", &far.url("/ads"), ""));
    await_list(&privet, "ads", |list| list["entries"] == 1);
    far.put("/ads", 500, b"", "");
    refresh(&privet, &far, "ads", "/ads");
    let told = privet.cli(&["lists"]).good();
    assert!(told.contains("stale: update failed"), "{told}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_list_that_cannot_be_stored_is_used_from_memory() {
    let far = ListServer::start();
    far.publish("/ads", "ads.test\n");
    let privet = Privet::start("");
    // A file where the folder of the lists would be: nothing can be written there, not even by root.
    let lists = privet.sandbox.dir().join("data/lists");
    let _ = std::fs::remove_dir_all(&lists);
    std::fs::write(&lists, "in the way").expect("ours");
    privet.sandbox.write(&entry("ads", &far.url("/ads"), ""));
    privet.await_log("the changed configuration is in force");
    let found = await_list(&privet, "ads", |list| list["state"] == "blocking");
    assert!(found["not_stored"].is_string(), "{found:#}");
    assert!(found["error"].is_null(), "{found:#}");
    assert_eq!(get(&privet, "http://ads.test/"), "403");
    assert!(
        problems(&privet)
            .iter()
            .any(|text| text.contains("used from memory"))
    );
    let told = privet.cli(&["lists"]).good();
    assert!(told.contains("used from memory"), "{told}");
}
