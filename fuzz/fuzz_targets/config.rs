//! The configuration's reader and editor: any text is parsed or refused; a parsed text can be written and parsed again; a merge
//! gives TOML. The input is a text and, behind a NUL, a merge patch in JSON.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use privet_config::{Config, Document, Severity, to_json};
use serde_json::{Value, json};

fuzz_target!(|input: &str| {
    let (text, patch) = input.split_once('\0').unwrap_or((input, "{}"));
    read(text);
    edit(text, patch);
});

fn read(text: &str) {
    match Config::parse(text, Path::new("/base")) {
        Ok(loaded) => {
            assert!(
                loaded
                    .warnings
                    .iter()
                    .all(|d| d.severity == Severity::Warning)
            );
            write_again(&to_json(&loaded.config));
        }
        Err(found) => {
            assert!(found.errors().count() > 0);
            let _ = found.to_string();
        }
    }
}

fn write_again(printed: &Value) {
    let mut document = Document::parse("").expect("an empty text is TOML");
    // A plain secret is not in the JSON: such a file cannot be written again.
    if document.replace(printed).is_err() {
        return;
    }
    let text = document.text();
    let again = Config::parse(&text, Path::new("/elsewhere"))
        .unwrap_or_else(|found| panic!("{found}\n{text}"));
    assert_eq!(to_json(&again.config), *printed, "{text}");
}

fn edit(text: &str, patch: &str) {
    let Ok(mut document) = Document::parse(text) else {
        return;
    };
    document.merge(&json!({})).expect("an empty patch is one");
    assert_eq!(document.text(), text);
    let Ok(patch) = serde_json::from_str::<Value>(patch) else {
        return;
    };
    if document.merge(&patch).is_ok() {
        let after = document.text();
        assert!(Document::parse(&after).is_ok(), "{after}");
    }
}
