//! Probation, fetched updates, held updates, and the way back to an earlier version.

use privet_tests::Privet;
use privet_tests::list_server::{CatchAllUpstream, ListServer};
use serde_json::Value;

use crate::support::{await_list, entry, get, post, problems, refresh, through};

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
fn a_failed_update_of_an_active_list_is_stale() {
    let far = ListServer::start();
    far.publish("/ads", "ads.test\n");
    let privet = Privet::start(&entry("ads", &far.url("/ads"), ""));
    await_list(&privet, "ads", |list| list["entries"] == 1);
    far.put("/ads", 500, b"", "");
    refresh(&privet, &far, "ads", "/ads");
    let output = privet.cli(&["lists"]).good();
    assert!(output.contains("stale: update failed"), "{output}");
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
