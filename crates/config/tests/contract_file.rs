//! The example configuration of the contract is read as a whole.

use std::path::Path;
use std::time::Duration;

use privet_config::*;

const CONTRACT: &str = include_str!("contract.toml");

fn load(text: &str) -> LoadedConfig {
    Config::parse(text, Path::new("/etc/privet")).unwrap_or_else(|found| panic!("{found}"))
}

#[test]
fn the_contract_file_is_accepted_unchanged() {
    let LoadedConfig {
        config, warnings, ..
    } = load(CONTRACT);
    assert_eq!(config.mode, "standard");
    assert_eq!(config.listen.mixed, ["127.0.0.1:7280".parse().unwrap()]);
    assert_eq!(config.listen.pac, Some("127.0.0.1:7281".parse().unwrap()));
    assert_eq!(config.listen.allow_clients.as_ref().map(Vec::len), Some(2));
    assert_eq!(config.listen.users[0].name, "alice");
    assert!(
        matches!(&config.listen.users[0].password, Secret::Env(name) if name == "ALICE_PASSWORD")
    );
    assert_eq!(config.listen.limits.idle_timeout, Duration::from_secs(3600));

    let office = &config.modes["office"];
    assert_eq!(office.route, RouteRef::Outbound("auto".to_owned()));
    assert_eq!(office.dns, Dns::Upstream);
    assert!(office.kill_switch);

    assert_eq!(config.upstreams[0].via.as_deref(), Some("tor"));
    assert_eq!(config.upstreams[0].username.as_deref(), Some("bob"));
    assert_eq!(
        (config.upstreams[1].host.as_str(), config.upstreams[1].port),
        ("127.0.0.1", 9050)
    );
    assert_eq!(config.upstreams[1].isolate, Isolation::Host);
    assert_eq!(config.groups[0].members, ["office", "tor"]);
    assert_eq!(
        config.groups[0].check.as_ref().unwrap().timeout,
        Duration::from_secs(5)
    );

    assert_eq!(config.rules[0].matcher.port, [(80, 80), (443, 443)]);
    assert_eq!(config.rules[0].action, RuleAction::Direct);
    assert_eq!(config.rules[1].matcher.domain_regex, ["^ads\\d+\\."]);
    let second = CONTRACT
        .lines()
        .enumerate()
        .filter(|(_, l)| *l == "[[rule]]")
        .nth(1)
        .unwrap()
        .0
        + 1;
    assert_eq!(config.rules[1].line, second);

    assert_eq!(
        config.filter.lists[0].source,
        ListSource::Path("/etc/privet/lists/ads.txt".into())
    );
    assert_eq!(config.cache.disk, 1 << 30);
    assert_eq!(config.scan.on_error, ScanErrorAction::Block);
    assert_eq!(config.sites[0].backends.len(), 2);
    assert_eq!(
        config.sites[0].routes[0].backends,
        ["http://127.0.0.1:9003"]
    );
    assert_eq!(config.control.http, None);
    assert_eq!(config.log.connections, Retention::Memory);
    assert_eq!(office.fallback, Fallback::None);
    assert!(config.rules[0].filter && config.rules[0].resolve);

    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn the_contracts_file_is_read_with_its_own_mode_on() {
    let text = CONTRACT.replacen("mode = \"standard\"", "mode = \"office\"", 1);
    assert_eq!(load(&text).config.mode, "office");
}

#[test]
fn an_empty_file_is_the_defaults() {
    let loaded = load("");
    assert_eq!(
        format!("{:?}", loaded.config),
        format!("{:?}", Config::default())
    );
    assert!(loaded.warnings.is_empty());
}

#[test]
fn a_missing_file_is_the_defaults_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = Config::load(&folder.path().join("privet.toml")).unwrap();
    assert_eq!(
        format!("{:?}", loaded.config),
        format!("{:?}", Config::default())
    );
    assert!(loaded.note.unwrap().contains("does not exist"));
}

#[test]
fn a_relative_path_is_joined_to_the_files_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("privet.toml");
    let text = "[[filter.list]]\nname = \"a\"\nsource = \"lists/a.txt\"\n";
    std::fs::write(&path, text).unwrap();
    let config = Config::load(&path).unwrap().config;
    let expected = folder.path().canonicalize().unwrap().join("lists/a.txt");
    assert_eq!(config.filter.lists[0].source, ListSource::Path(expected));
}
