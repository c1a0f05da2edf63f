//! Where lists come from and where their texts are stored: catalogue, URL, file, data folder.

use privet_tests::Privet;
use privet_tests::list_server::{CatchAllUpstream, ListServer};

use crate::support::{await_list, entry, get, post, problems, refresh, through};

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
    privet.await_log("the changed configuration was applied");
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
    let lines = privet.cli(&["lists", "lines", "fifo"]);
    assert!(
        lines.code == 1 && lines.err.contains("is not a regular file"),
        "{lines:?}"
    );
    for missing in [fifo.as_path(), std::path::Path::new("not-there.txt")] {
        let source = missing.display().to_string();
        let added = privet.cli(&["lists", "add", "more", "--source", &source]);
        assert_eq!(added.code, 2, "{source}");
    }
    privet.signal(rustix::process::Signal::TERM);
    privet.wait(std::time::Duration::from_secs(20));
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
    std::fs::write(&lists, "not a folder").expect("ours");
    privet.sandbox.write(&entry("ads", &far.url("/ads"), ""));
    privet.await_log("the changed configuration was applied");
    let found = await_list(&privet, "ads", |list| list["state"] == "blocking");
    assert!(found["not_stored"].is_string(), "{found:#}");
    assert!(found["error"].is_null(), "{found:#}");
    assert_eq!(get(&privet, "http://ads.test/"), "403");
    assert!(
        problems(&privet)
            .iter()
            .any(|text| text.contains("used from memory"))
    );
    let output = privet.cli(&["lists"]).good();
    assert!(output.contains("used from memory"), "{output}");
}
