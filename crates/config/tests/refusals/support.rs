//! What several of these tests need.

use std::path::Path;

use privet_config::*;

pub fn found(text: &str) -> Vec<Diagnostic> {
    match Config::parse(text, Path::new("/base")) {
        Ok(loaded) => loaded.warnings,
        Err(found) => found.list,
    }
}

/// Text, code, line, column, part of the message. It is the only finding of that code.
pub type Case = (&'static str, DiagnosticCode, usize, usize, &'static str);

pub fn check(cases: &[Case]) {
    for (text, code, line, column, says) in cases {
        let all = found(text);
        let of_code: Vec<&Diagnostic> = all.iter().filter(|d| d.code == *code).collect();
        let [one] = of_code.as_slice() else {
            panic!("not one {code:?} but {all:#?} in:\n{text}")
        };
        assert_eq!(
            (one.line, one.column),
            (*line, *column),
            "place of {one:#?} in:\n{text}"
        );
        let message = format!(
            "{} — {}",
            one.cause,
            one.help.as_deref().unwrap_or_default()
        );
        assert!(
            message.contains(says),
            "\"{message}\" does not say \"{says}\""
        );
    }
}

/// As [`check`], and the finding is the only one of the whole text.
pub fn check_alone(cases: &[Case]) {
    check(cases);
    for (text, ..) in cases {
        assert_eq!(found(text).len(), 1, "{:#?}", found(text));
    }
}

pub const UP: &str = "[[upstream]]\nname = \"tor\"\nurl = \"socks5://127.0.0.1:9050\"\n";
