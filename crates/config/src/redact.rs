//! Redacts the secrets of the file's text for editing it, and puts them back afterwards.

use std::ops::Range;

use crate::secret_spans::{joined, secret_spans};

/// The text with each secret, also in comments and URLs, replaced by `***1`, `***2`, …; in quotes where the secret was.
pub fn redact(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for (secret, mark) in secrets(text) {
        shown.push_str(text.get(from..secret.start).unwrap_or_default());
        shown.push_str(&mark);
        from = secret.end;
    }
    shown.push_str(text.get(from..).unwrap_or_default());
    shown
}

/// `redacted`, which may have been edited, with each mark replaced by the secret of `original`. A secret whose mark was removed
/// is removed.
pub fn restore_secrets(redacted: &str, original: &str) -> String {
    // From the last: the first mark is a prefix of the tenth.
    secrets(original)
        .iter()
        .rev()
        .fold(redacted.to_owned(), |text, (secret, mark)| {
            text.replace(mark, original.get(secret.clone()).unwrap_or_default())
        })
}

fn secrets(text: &str) -> Vec<(Range<usize>, String)> {
    joined(secret_spans(text))
        .into_iter()
        .enumerate()
        .map(|(number, span)| {
            let quote = text
                .get(span.start..)
                .is_some_and(|rest| rest.starts_with(['"', '\'']));
            let mark = format!("***{}", number + 1);
            let mark = if quote { format!("\"{mark}\"") } else { mark };
            (span, mark)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# password = \"old one\"\n[[upstream]]\nurl = \"socks5://u:hunter2@h:1\"\n\
                        [[upstream]]\npassword = 'tiger' # bite\n[[upstream]]\npassword = { env = \"X\" }\n";

    #[test]
    fn only_secrets_are_redacted() {
        let shown = redact(FILE);
        for secret in ["old one", "hunter2", "tiger"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("u:***2@h:1"), "{shown}");
        assert!(shown.contains("password = \"***3\" # bite"), "{shown}");
        assert!(shown.contains("{ env = \"X\" }"), "{shown}");
    }

    #[test]
    fn an_edit_keeps_the_secrets_wherever_their_marks_went() {
        assert_eq!(restore_secrets(&redact(FILE), FILE), FILE);
        let moved = "password = \"***3\"\nurl = \"http://new:***2@x\"\n";
        assert_eq!(
            restore_secrets(moved, FILE),
            "password = 'tiger'\nurl = \"http://new:hunter2@x\"\n"
        );
    }

    #[test]
    fn the_tenth_mark_is_not_taken_for_the_first() {
        let file: String = (1..=12)
            .map(|n| format!("password = \"secret {n}\"\n"))
            .collect();
        assert_eq!(restore_secrets(&redact(&file), &file), file);
    }
}
