//! `probation` of a filter list: optional, none by default, ended by an edit that leaves the rest of the file alone.

use std::path::Path;
use std::time::Duration;

use privet_config::{Config, Document, to_json};

fn text(line: &str) -> String {
    format!("[[filter.list]]\nname = \"ads\"\nsource = \"ads.txt\"\n{line}\n")
}

fn read(line: &str) -> Result<Duration, String> {
    match Config::parse(&text(line), Path::new("/")) {
        Ok(loaded) => Ok(loaded.config.filter.lists[0].probation),
        Err(found) => Err(found.to_string()),
    }
}

#[test]
fn a_list_is_on_probation_only_where_the_file_says_so() {
    for (line, want) in [
        ("", 0),
        ("probation = \"0\"", 0),
        ("probation = \"0s\"", 0),
        ("probation = \"90m\"", 5400),
        ("probation = \"7d\"", 7 * 86_400),
    ] {
        assert_eq!(read(line), Ok(Duration::from_secs(want)), "{line}");
    }
    for line in [
        "probation = 24",
        "probation = \"soon\"",
        "probation = \"91d\"",
        "probation = \"10ms\"",
        "probation = true",
    ] {
        assert!(
            read(line).is_err_and(|found| found.contains("probation")),
            "{line}"
        );
    }
}

#[test]
fn a_list_without_probation_is_written_without_it() {
    let written = |line: &str| {
        let config = Config::parse(&text(line), Path::new("/")).unwrap().config;
        to_json(&config)["filter"]["list"][0]["probation"].clone()
    };
    assert_eq!(written("probation = \"24h\""), "1d");
    assert!(written("").is_null() && written("probation = \"0\"").is_null());
}

#[test]
fn ending_a_probation_changes_nothing_else() {
    let before = text("probation = \"24h\"\nrefresh = \"60m\" # often");
    let mut document = Document::parse(&before).unwrap();
    document.end_probation("ads").unwrap();
    assert_eq!(document.text(), before.replace("probation = \"24h\"\n", ""));
    assert!(document.end_probation("nothing").is_err());
}
