//! What an operator sees: `why`, `connections`, `status`, `usage`, `doctor`, `--json`, metrics and logs.

use std::io::Write;

use privet_tests::client::{read_all, socks5};
use privet_tests::privet::{Sandbox, Setup};
use privet_tests::wait::until;
use privet_tests::{Origin, Privet, curl};
use rustix::process::Signal;

#[test]
fn why_explains_each_step_and_matches_the_engine() {
    let origin = Origin::http();
    let list = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(list.path(), "# ads\nads.test\n").expect("ours");
    let config = format!(
        "[[rule]]\nmatch = {{ domain_suffix = [\"blocked.test\"] }}\nuse = \"block\"\n\
         [filter]\nallow = [\"good.ads.test\"]\ndeny = [\"denied.test\"]\n\
         [[filter.list]]\nname = \"ads\"\nsource = \"{}\"\nformat = \"domains\"\n",
        list.path().display()
    );
    let privet = Privet::start(&config);
    let blocked = privet.cli(&["why", "www.blocked.test:443"]);
    assert_eq!(blocked.code, 4, "{blocked:?}");
    assert!(blocked.out.contains("rule"), "{blocked:?}");
    let listed = privet.json(&["why", "http://x.ads.test/"]);
    assert_eq!(listed["outcome"]["action"], "block", "{listed:#}");
    assert_eq!(listed["outcome"]["kind"], "list", "{listed:#}");
    let steps = listed["steps"].to_string();
    assert!(
        steps.contains("\"ads\"") && steps.contains("ads.test"),
        "{steps}"
    );
    assert_eq!(
        privet.json(&["why", "good.ads.test:443"])["outcome"]["action"],
        "direct"
    );
    assert_eq!(
        privet.json(&["why", "denied.test"])["outcome"]["kind"],
        "deny"
    );

    // The same names through the proxy.
    let proxy = format!("http://{}", privet.proxy());
    let page = curl(&["-x", &proxy, "-w", "%{http_code}", "http://x.ads.test/"]).good();
    assert!(
        page.ends_with("403") && page.contains("ads"),
        "the page says which list: {page}"
    );
    assert_eq!(
        socks5(privet.proxy(), "www.blocked.test", 443).err(),
        Some(2)
    );
    let row = privet.await_row("blocked", |row| row["host"] == "www.blocked.test");
    assert_eq!(row["rule"], "rule", "{row}");
    assert_eq!(origin.accepted(), 0);
}

#[test]
fn connections_shows_active_and_closed_connections() {
    let origin = Origin::echo();
    let privet = Privet::start("");
    let mut tunnel = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    tunnel.write_all(&[1; 100]).expect("open");
    let mut back = [0; 100];
    std::io::Read::read_exact(&mut tunnel, &mut back).expect("open");
    let row = privet.await_row("active", |row| row["up"] == 100 && row["down"] == 100);
    assert_eq!(row["protocol"], "socks5", "{row}");
    assert_eq!(row["route"], "direct", "{row}");
    let table = privet.cli(&["connections"]);
    assert!(table.out.contains(&origin.port().to_string()), "{table:?}");
    let json = privet.json(&["connections"]);
    assert!(
        json.to_string().contains(&origin.port().to_string()),
        "{json}"
    );

    let id = row["id"].to_string();
    let closed = privet.cli(&["close", &id]);
    assert_eq!(closed.code, 0, "{closed:?}");
    assert_eq!(read_all(&mut tunnel), b"");
    let row = privet.await_row("closed", |one| one["id"] == row["id"]);
    assert_eq!(row["end"], "closed", "{row}");
    assert!(row["connect_ms"].is_number(), "{row}");
}

#[test]
fn the_program_of_a_connection_is_shown_and_rules_match_it() {
    let origin = Origin::http();
    let privet = Privet::start("[[rule]]\nmatch = { app = [\"curl\"] }\nuse = \"block\"\n");
    let proxy = format!("socks5h://{}", privet.proxy());
    let answer = curl(&["-x", &proxy, &origin.url("/")]);
    assert_eq!(answer.code, 97, "{answer:?}");
    let row = privet.await_row("blocked", |row| row["app"] == "curl");
    assert!(row["pid"].is_number(), "{row}");
    assert!(
        socks5(privet.proxy(), "127.0.0.1", origin.port()).is_ok(),
        "this program is not curl"
    );
    assert_eq!(
        privet.json(&["why", &origin.address.to_string(), "--app", "curl"])["outcome"]["action"],
        "block"
    );
}

#[test]
fn status_usage_upstreams_and_lists_print_text_and_json() {
    let origin = Origin::http();
    let privet = Privet::start("[[upstream]]\nname = \"up\"\nurl = \"socks5://127.0.0.1:9\"\n");
    let proxy = format!("http://{}", privet.proxy());
    curl(&["-x", &proxy, &origin.url("/bytes/5000")]).good();
    privet.await_row("closed", |row| row["port"] == origin.port());
    for args in [
        &["status"][..],
        &["usage"],
        &["upstreams"],
        &["lists"],
        &["mode"],
        &["connections"],
    ] {
        let output = privet.cli(args);
        assert_eq!(output.code, 0, "{args:?}: {output:?}");
        assert!(!output.out.trim().is_empty(), "{args:?} prints nothing");
        privet.json(args);
    }
    let status = privet.json(&["status"]);
    assert_eq!(status["mode"]["name"], "standard");
    assert!(
        status["totals"]["down"].as_u64() >= Some(5000),
        "{status:#}"
    );
    assert_eq!(privet.cli(&["mode", "strict"]).code, 0);
    assert_eq!(privet.json(&["status"])["mode"]["name"], "strict");
    assert!(
        socks5(privet.proxy(), "127.0.0.1", origin.port()).is_err(),
        "strict, and its upstream is dead"
    );
}

#[test]
fn commands_report_that_no_engine_runs() {
    let sandbox = privet_tests::privet::Sandbox::new();
    let answer = sandbox.cli(&["status"]);
    assert_eq!(answer.code, 3, "{answer:?}");
}

#[test]
fn env_prints_shell_variables() {
    let (privet, origin) = (Privet::start(""), Origin::http());
    let output = privet.cli(&["env"]).good();
    let script = format!(
        "{output}\ncurl -q -sS --noproxy none.test --max-time 20 {}",
        origin.url("/")
    );
    let mut command = std::process::Command::new("bash");
    command.args(["-c", &script]);
    assert_eq!(
        privet_tests::CommandOutput::of(command).good(),
        "hello from the origin\n"
    );
    privet.await_row("closed", |row| row["port"] == origin.port());
}

#[test]
fn doctor_finds_a_dead_upstream_and_names_the_fix() {
    let privet = Privet::start(
        "mode = \"strict\"\n[[upstream]]\nname = \"gone\"\nurl = \"socks5://127.0.0.1:9\"\n",
    );
    let output = privet.cli(&["doctor"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.out.contains("gone"), "{output:?}");
}

#[test]
fn a_change_is_replayed_on_recorded_connections() {
    let origin = Origin::http();
    let privet = Privet::start("");
    let proxy = format!("http://{}", privet.proxy());
    for _ in 0..3 {
        curl(&["-x", &proxy, &origin.url("/")]).good();
    }
    privet.await_api("connections?state=closed", |page| {
        page["total"].as_u64() >= Some(3)
    });
    let rule = serde_json::json!({"rule": [{"match": {"port": [origin.port()]}, "use": "block"}]});
    let (status, change) = privet.api("PATCH", "config?dry_run=true", Some(&rule));
    assert_eq!(status, 200, "{change:#}");
    assert!(change["replay"].to_string().contains("block"), "{change:#}");
    curl(&["-x", &proxy, &origin.url("/")]).good();

    let other = privet_tests::privet::Sandbox::new();
    other.write(&format!(
        "[[rule]]\nmatch = {{ port = [{}] }}\nuse = \"block\"\n",
        origin.port()
    ));
    let config = other.config().display().to_string();
    let output = privet.cli(&["check", "--replay", "--config", &config]);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.out.contains("block"), "{output:?}");
}

#[test]
fn metrics_have_stable_names_and_logs_escape_hosts() {
    let origin = Origin::http();
    let privet = Privet::start("[control]\nmetrics = \"$METRICS\"\n[log]\nlevel = \"debug\"\n");
    let proxy = format!("http://{}", privet.proxy());
    curl(&["-x", &proxy, &origin.url("/")]).good();
    let text = curl(&[&format!("http://{}/metrics", privet.sandbox.metrics)]).good();
    assert!(
        text.lines()
            .any(|line| line.starts_with("privet_connections")),
        "{text}"
    );
    let _ = socks5(privet.proxy(), "evil\u{1b}[31m\nforged line", 80);
    privet.await_log(&format!("127.0.0.1:{}: direct", origin.port()));
    let log = privet.log();
    assert!(
        !log.lines().any(|line| line.starts_with("forged line"))
            && !log.contains("\u{1b}[31m\nforged"),
        "{log}"
    );
}

#[test]
fn a_corrupt_database_is_set_aside_and_reported_by_log_and_doctor() {
    let sandbox = Sandbox::new();
    sandbox.write("[log]\nconnections = \"30d\"\n");
    let data = sandbox.dir().join("data");
    std::fs::create_dir(&data).expect("the folder is new");
    std::fs::write(data.join("connections.db"), b"garbage ".repeat(1024)).expect("written");
    let running = sandbox.run(&Setup::default());
    running.await_line("the file was set aside as");
    let found = sandbox.cli(&["doctor"]).out;
    assert_eq!(found.matches("was set aside as").count(), 1, "{found}");
}

#[test]
fn a_lower_setting_removes_the_history_from_the_disk_live_and_across_a_restart() {
    let origin = Origin::http();
    let config = |kept: &str| format!("[log]\nconnections = \"{kept}\"\n");
    for kept in ["none", "memory"] {
        for live in [true, false] {
            let mut privet = Privet::start(&config("30d"));
            let data = privet.sandbox.dir().join("data");
            let proxy = format!("http://{}", privet.proxy());
            curl(&["-x", &proxy, &origin.url("/")]).good();
            privet.await_row("closed", |row| row["port"] == origin.port());
            assert!(data.join("connections.db").exists());
            std::fs::write(data.join("connections.db.corrupt-1"), "earlier").expect("written");
            privet.sandbox.write(&config(kept));
            if live {
                privet.signal(Signal::HUP);
            } else {
                privet.restart();
            }
            until("no database is left", || {
                let files = std::fs::read_dir(&data).expect("a folder").flatten();
                files
                    .map(|file| file.file_name())
                    .all(|name| !name.to_string_lossy().starts_with("connections.db"))
            });
        }
    }
}

#[test]
fn history_is_kept_as_configured() {
    let origin = Origin::http();
    for (kept, rows) in [("none", 0), ("memory", 1), ("30d", 1)] {
        let privet = Privet::start(&format!("[log]\nconnections = \"{kept}\"\n"));
        let proxy = format!("http://{}", privet.proxy());
        curl(&["-x", &proxy, &origin.url("/")]).good();
        if rows > 0 {
            privet.await_row("closed", |row| row["port"] == origin.port());
        }
        privet.await_api("status", |status| status["totals"]["active"] == 0);
        assert_eq!(privet.rows("closed").len(), rows, "{kept}");
    }
}

#[test]
fn a_wipe_removes_history_and_totals_from_memory_and_disk() {
    let origin = Origin::http();
    let mut privet = Privet::start("[log]\nconnections = \"30d\"\n");
    let data = privet.sandbox.dir().join("data");
    let visit = |privet: &Privet, host: &str| {
        let proxy = format!("http://{}", privet.proxy());
        let url = format!("http://{host}:{}/", origin.port());
        curl(&["-x", &proxy, &url]);
        privet.await_row("closed", |row| row["host"] == host);
    };
    let on_disk = |name: &str| {
        let files = std::fs::read_dir(&data).expect("a folder").flatten();
        files
            .filter(|file| {
                file.file_name()
                    .to_string_lossy()
                    .starts_with("connections.db")
            })
            .any(|file| {
                let bytes = std::fs::read(file.path()).unwrap_or_default();
                bytes
                    .windows(name.len())
                    .any(|window| window == name.as_bytes())
            })
    };
    let totals = |privet: &Privet| privet.api("GET", "usage", None).1["rows"].clone();
    visit(&privet, "wiped-one.localhost");
    // Totals are written before they are read.
    assert!(!totals(&privet).as_array().expect("rows").is_empty());
    privet.restart();
    assert!(on_disk("wiped-one.localhost"), "it was written");
    assert_eq!(privet.rows("closed").len(), 1);
    // What is outside a range stays.
    let (status, wiped) = privet.api("DELETE", "usage?from=1000&to=2000", None);
    assert_eq!((status, &wiped["all"]), (200, &false.into()), "{wiped}");
    let range = "from=2020-01-01T00:00:00Z&to=2021-01-01T01:00:00%2B01:00";
    let (status, wiped) = privet.api("DELETE", &format!("usage?{range}"), None);
    assert_eq!(status, 200, "{wiped}");
    assert_eq!(wiped["to"], 1_609_459_200_000_u64, "{wiped}");
    let (status, totals_of) = privet.api("GET", "usage?from=2026-01-01T00:00:00Z&step=30d", None);
    assert_eq!(
        (status, &totals_of["step"]),
        (200, &2_592_000_000_u64.into())
    );
    let (status, refused) = privet.api("GET", "usage?from=yesterday", None);
    let detail = refused["detail"].as_str().unwrap_or_default();
    assert!(status == 400 && detail.contains("`from`"), "{refused}");
    assert_eq!(privet.rows("closed").len(), 1);
    assert_eq!(privet.cli(&["usage", "wipe"]).code, 2, "a range or --all");
    let mixed_up = privet.cli(&["usage", "--last", "1h", "wipe", "--all"]);
    assert_eq!(mixed_up.code, 2, "{mixed_up:?}");
    privet.cli(&["usage", "wipe", "--from", "1h"]).good();
    assert_eq!(privet.rows("closed").len(), 0);
    assert_eq!(totals(&privet), serde_json::json!([]));
    assert!(!on_disk("wiped-one.localhost"), "gone from the disk");
    visit(&privet, "wiped-two.localhost");
    std::fs::write(data.join("connections.db.corrupt-1"), "earlier").expect("written");
    privet.cli(&["usage", "wipe", "--all"]).good();
    let (_, changes) = privet.api("GET", "changes", None);
    let told = |at: usize| changes["changes"][at]["text"].as_str().unwrap_or_default();
    assert_eq!(told(0), "the history and totals were deleted", "{changes}");
    assert!(
        told(1).starts_with("the history and totals from 20"),
        "{changes}"
    );
    assert_eq!(changes["changes"][0]["client"], "cli", "{changes}");
    assert_eq!(changes["changes"][0]["undoable"], false, "{changes}");
    privet.restart();
    assert_eq!(privet.rows("closed").len(), 0);
    assert_eq!(totals(&privet), serde_json::json!([]));
    assert!(!on_disk("wiped-two.localhost") && !on_disk("earlier"));
    assert_eq!(privet.api("DELETE", "usage?from=2&to=1", None).0, 422);
}
