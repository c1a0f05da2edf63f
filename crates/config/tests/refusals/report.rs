//! How diagnostics are reported: order, positions, text.

use std::path::Path;

use privet_config::*;

use crate::support::{check, check_alone, found};

#[test]
fn text_that_is_not_toml_is_refused_where_it_breaks() {
    check(&[
        ("mode = \n", DiagnosticCode::Syntax, 1, 8, ""),
        ("[listen\nmixed = []\n", DiagnosticCode::Syntax, 1, 8, ""),
        (
            "mode = \"a\"\nmode = \"b\"\n",
            DiagnosticCode::Syntax,
            2,
            1,
            "duplicate key",
        ),
    ]);
    let all = found("mode = \n[listen]\nmixd = []\n[cache]\nmemory = \"x\"\n[oops\n");
    let codes: Vec<DiagnosticCode> = all.iter().map(|d| d.code).collect();
    assert_eq!(
        codes,
        [
            DiagnosticCode::Syntax,
            DiagnosticCode::UnknownKey,
            DiagnosticCode::BadValue,
            DiagnosticCode::Syntax
        ],
        "{all:#?}"
    );
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_the_text() {
    let text = "mode = \"strct\"\nlistn = 1\n[cache]\nmemory = \"x\"\n[[rule]]\nuse = \"nowhere\"\n[log]\nlevel = 5\n";
    let lines: Vec<usize> = found(text).iter().map(|d| d.line).collect();
    assert_eq!(lines, [1, 2, 4, 6, 8]);
}

#[test]
fn columns_count_characters() {
    check_alone(&[(
        "[[rule]]\nmatch = { domain = [\"ärger.example\", 5] }\nuse = \"block\"\n",
        DiagnosticCode::WrongType,
        2,
        38,
        "",
    )]);
}

#[test]
fn a_diagnostic_is_printed_with_its_line_and_a_caret() {
    let text = "# head\nmode = \"standard\"\n\n  listn = 1 # behind\n";
    let found = Config::parse(text, Path::new("/")).unwrap_err();
    let expected = "privet.toml:4:3: unknown key \"listn\" — did you mean \"listen\"?\n  4 |   listn = 1 # behind\n    |   ^^^^^";
    assert_eq!(found.to_string(), expected);
}

#[test]
fn a_long_line_is_clipped_around_the_position() {
    let hosts = "\"host.example\", ".repeat(400);
    let text = format!("[filter]\ndeny = [{hosts}5, {hosts}]\n");
    let one = &found(&text)[0];
    assert!(one.source.chars().count() < 200);
    assert_eq!(one.source.chars().nth(one.mark), Some('5'));
}

#[test]
fn a_file_that_cannot_be_read_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let here = Config::load(folder.path()).unwrap_err();
    assert!(
        here.to_string()
            .starts_with(&format!("{}: cannot be read", folder.path().display()))
    );
    let path = folder.path().join("x.toml");
    std::fs::write(&path, b"a = 1\n\xff").unwrap();
    assert!(
        Config::load(&path)
            .unwrap_err()
            .to_string()
            .contains("not UTF-8 text (line 2)")
    );
    std::fs::write(&path, "mode = 1").unwrap();
    assert!(
        Config::load(&path)
            .unwrap_err()
            .to_string()
            .starts_with(&format!("{}:1:8: ", path.display()))
    );
}

#[test]
fn a_missing_key_is_named_at_the_tables_head() {
    check_alone(&[
        (
            "[[upstream]]\nurl = \"socks5://h\"\n",
            DiagnosticCode::Missing,
            1,
            1,
            "\"name\" is missing",
        ),
        (
            "# x\n  [[group]]\nname = \"g\"\n",
            DiagnosticCode::Missing,
            2,
            3,
            "\"members\" is missing",
        ),
        (
            "rule = [{ match = {} }]\n",
            DiagnosticCode::Missing,
            1,
            9,
            "\"use\" is missing",
        ),
    ]);
}
