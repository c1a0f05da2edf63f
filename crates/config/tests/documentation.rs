//! docs/configuration.md documents exactly the keys of the reader.

use std::collections::BTreeMap;
use std::path::Path;

use privet_config::{Config, keys};

const PAGE: &str = include_str!("../../../docs/configuration.md");

/// Each table of keys: the heading without its signs, and the keys in the first column.
fn documented() -> BTreeMap<String, Vec<String>> {
    let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut heading, mut in_keys) = (String::new(), false);
    for line in PAGE.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            heading = title.trim_matches(['`', '[', ']']).to_owned();
        } else if line.starts_with("| key |") {
            in_keys = true;
        } else if !line.starts_with('|') {
            in_keys = false;
        } else if let (true, Some(row)) = (in_keys, line.strip_prefix("| `")) {
            let key = row.split('`').next().unwrap();
            sections
                .entry(heading.clone())
                .or_default()
                .push(key.to_owned());
        }
    }
    sections
}

fn heading_of(path: &str) -> &str {
    match path {
        "" => "The top",
        "secret" => "Secrets",
        other => other,
    }
}

#[test]
fn every_key_of_the_reader_is_documented_and_no_other() {
    let documented = documented();
    for section in keys::SECTIONS {
        let page = documented
            .get(heading_of(section.path))
            .unwrap_or_else(|| panic!("no heading for \"{}\"", section.path));
        assert_eq!(page, section.keys, "\"{}\"", section.path);
    }
    assert_eq!(documented.len(), keys::SECTIONS.len());
}

#[test]
fn documented_defaults_are_the_real_ones() {
    // Writing every default of a scalar into a file changes nothing.
    let mut text = String::new();
    for section in [
        "listen.limits",
        "cache",
        "inspect",
        "scan",
        "control",
        "log",
    ] {
        text.push_str(&format!("[{section}]\n"));
        let rows = PAGE
            .split(&format!("## `[{section}]`"))
            .nth(1)
            .unwrap()
            .split("\n## ")
            .next()
            .unwrap();
        for row in rows.lines().filter(|row| row.starts_with("| `")) {
            let cells: Vec<&str> = row.split(" | ").collect();
            let key = cells[0].trim_matches(['|', ' ', '`']);
            let default = cells[2].trim_matches('`');
            text.push_str(&format!("{key} = {default}\n"));
        }
    }
    let loaded = Config::parse(&text, Path::new("/")).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(
        format!("{:?}", loaded.config),
        format!("{:?}", Config::default())
    );
}
