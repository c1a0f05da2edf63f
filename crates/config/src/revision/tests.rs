use proptest::prelude::*;

use super::*;

const FILE: &str = "# mine\nmode = \"standard\" # for now\n\n[[rule]]\n# first\nmatch = { port = [1] }\nuse = \"block\"\n\n\
                    [[rule]]\nmatch = { port = [2] }\nuse = \"block\"\n\n[filter]\nallow = [\"a.test\"]\n";

fn revision(before: &str, after: &str) -> Revision {
    Revision::between(before, after).unwrap()
}

fn through_disk(revision: &Revision) -> Revision {
    serde_json::from_str(&serde_json::to_string(revision).unwrap()).unwrap()
}

#[test]
fn a_change_is_reverted_to_the_byte_whatever_changed_elsewhere() {
    let changed = FILE.replace("[\"a.test\"]", "[\"a.test\", \"b.test\"]");
    let change = through_disk(&revision(FILE, &changed));
    assert_eq!(
        change.revert(&FileLines::of(&changed), &[]).as_deref(),
        Ok(FILE)
    );
    let elsewhere = changed.replace("# mine", "# mine\n# and a note");
    assert_eq!(
        change.revert(&FileLines::of(&elsewhere), &[]).unwrap(),
        FILE.replace("# mine", "# mine\n# and a note")
    );
}

#[test]
fn a_removed_part_is_restored_with_its_comments_in_its_position() {
    let rule = "[[rule]]\n# first\nmatch = { port = [1] }\nuse = \"block\"\n\n";
    let without = FILE.replace(rule, "");
    assert_eq!(
        revision(FILE, &without)
            .revert(&FileLines::of(&without), &[])
            .unwrap(),
        FILE
    );
}

#[test]
fn a_line_changed_since_is_an_obstacle() {
    let strict = FILE.replace("\"standard\"", "\"strict\"");
    let off = FILE.replace("\"standard\"", "\"off\"");
    let change = revision(FILE, &strict);
    assert_eq!(
        change.revert(&FileLines::of(&off), &[]),
        Err(RevertError::Changed)
    );
    let next = revision(&strict, &off);
    assert_eq!(change.touched_by(&[&next]), [0]);
    // Once that one is reverted, nothing conflicts.
    let back = next.revert(&FileLines::of(&off), &[]).unwrap();
    assert_eq!(
        change.revert(&FileLines::of(&back), &[&next]).unwrap(),
        FILE
    );
}

#[test]
fn of_two_equal_parts_the_right_one_is_reverted() {
    // The second rule's `use`, whose surroundings are like the first one's.
    let twins = "[[rule]]\nmatch = { port = [1] }\nuse = \"block\"\n\n".repeat(4);
    let changed = {
        let at = twins.match_indices("\"block\"").nth(2).unwrap().0;
        format!("{}\"direct\"{}", &twins[..at], &twins[at + 7..])
    };
    let above = format!("# a\n# b\n# c\n# d\n# e\n{changed}");
    let (change, later) = (revision(&twins, &changed), revision(&changed, &above));
    assert_eq!(
        change.revert(&FileLines::of(&above), &[&later]).unwrap(),
        above.replace("direct", "block")
    );
    let out = revision(&changed, &twins);
    let again = out.revert(&FileLines::of(&twins), &[]).unwrap();
    assert_eq!(again, changed);
}

#[test]
fn no_secret_is_stored_and_the_same_run_restores_it() {
    let file = "[[upstream]]\nname = \"a\"\nurl = \"socks5://u:hunter2@h:1\"\npassword = \"tiger\"\n# end\n";
    let gone = "# end\n";
    let change = revision(file, gone);
    let written = serde_json::to_string(&change).unwrap();
    assert!(
        !written.contains("tiger") && !written.contains("hunter2"),
        "{written}"
    );
    assert!(!format!("{change:?}").contains("tiger"), "{change:?}");
    assert_eq!(change.revert(&FileLines::of(gone), &[]).unwrap(), file);
    assert_eq!(
        through_disk(&change).revert(&FileLines::of(gone), &[]),
        Err(RevertError::Secret)
    );
    // Added lines are removed again, also in a later run.
    let come = through_disk(&revision(gone, file));
    assert_eq!(come.revert(&FileLines::of(file), &[]).unwrap(), gone);
    // In this run the other password is noticed.
    let other = file.replace("tiger", "lion");
    assert_eq!(
        revision(gone, file).revert(&FileLines::of(&other), &[]),
        Err(RevertError::Changed)
    );
}

#[test]
fn secrets_over_several_lines_are_redacted_on_each() {
    let file = "password = \"\"\"\nred\ngreen\"\"\"\nmode = \"off\"\n";
    let written = serde_json::to_string(&revision(file, "")).unwrap();
    assert!(
        !written.contains("red") && !written.contains("green"),
        "{written}"
    );
    assert!(written.contains("mode"), "{written}");
}

#[test]
fn line_ends_and_a_missing_last_one_survive() {
    let file = "a = 1\r\nb = 2\r\nc = 3";
    let changed = "a = 1\r\nb = 5\r\nc = 3";
    assert_eq!(
        revision(file, changed)
            .revert(&FileLines::of(changed), &[])
            .unwrap(),
        file
    );
    let longer = "a = 1\r\nb = 2\r\nc = 3\r\nd = 4";
    assert_eq!(
        revision(file, longer)
            .revert(&FileLines::of(longer), &[])
            .unwrap()
            .trim_end(),
        file
    );
}

#[test]
fn a_change_past_the_bound_is_not_kept() {
    let long = "x = \"y\"\n".repeat(MAX_REVISION / 4);
    assert!(Revision::between("", &long).is_none());
    assert!(revision(&long, &long).is_empty());
}

fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof!["[a-c]", Just(String::new()), Just("[[rule]]".to_owned())];
    proptest::collection::vec(line, 0..12)
        .prop_map(|lines| lines.iter().map(|l| format!("{l}\n")).collect())
}

proptest! {
    #[test]
    fn any_change_can_be_reverted(before in text(), after in text()) {
        let change = through_disk(&revision(&before, &after));
        prop_assert_eq!(change.revert(&FileLines::of(&after), &[]).unwrap(), before);
    }

    #[test]
    fn a_change_is_reverted_whole_or_not_at_all(a in text(), b in text(), c in text()) {
        let (change, later) = (revision(&a, &b), revision(&b, &c));
        // It never panics, and reverting the later change first always works.
        let _ = change.revert(&FileLines::of(&c), &[&later]);
        let _ = change.touched_by(&[&later]);
        let back = later.revert(&FileLines::of(&c), &[]).unwrap();
        prop_assert_eq!(change.revert(&FileLines::of(&back), &[]).unwrap(), a);
    }
}
