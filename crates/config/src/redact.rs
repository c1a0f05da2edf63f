//! The file's text for eyes that may be overlooked: every secret in it a numbered mark, and the marks made secrets again.

use std::ops::Range;

use crate::secret_spans::{joined, secret_spans};

/// The text with each secret that stands in it, in comments and URLs too, replaced by `***1`, `***2`, …; quoted where the
/// secret was.
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

/// `veiled`, perhaps edited since, with the secrets of `original` in the places of their marks. A secret whose mark was
/// taken out is gone.
pub fn restore_secrets(veiled: &str, original: &str) -> String {
    // The last first: the first mark is the beginning of the tenth.
    secrets(original)
        .iter()
        .rev()
        .fold(veiled.to_owned(), |text, (secret, mark)| {
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
    fn no_secret_is_seen_and_everything_else_is() {
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
