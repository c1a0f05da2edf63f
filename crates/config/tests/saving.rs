//! A file is saved whole or not at all.

use std::path::Path;

use privet_config::*;

#[test]
fn a_file_is_saved_whole_and_keeps_its_permissions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/privet.toml");
    save(&path, "mode = \"off\"\n").unwrap();
    save(&path, "mode = \"strict\"\n").unwrap();
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "mode = \"strict\"\n"
    );
    let names: Vec<_> = std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["privet.toml"], "nothing is left behind");
}

#[cfg(unix)]
#[test]
fn saving_keeps_permissions_and_follows_links() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (
        folder.path().join("real.toml"),
        folder.path().join("privet.toml"),
    );
    symlink("real.toml", &link).unwrap();
    save(&link, "a").unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&target), 0o600, "a new file is its owner's alone");
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o640)).unwrap();
    save(&link, "b").unwrap();
    assert_eq!(
        (
            mode(&target),
            std::fs::read_to_string(&target).unwrap().as_str()
        ),
        (0o640, "b")
    );
    assert!(link.symlink_metadata().unwrap().is_symlink());
}

#[test]
fn a_file_that_cannot_be_saved_is_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("privet.toml");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("inside"), "x").unwrap();
    let error = save(&path, "a").unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no half file is left"
    );
}

#[test]
fn a_reader_sees_the_old_file_or_the_new_one_and_never_a_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("privet.toml");
    let texts = ["a".repeat(200_000), "b".repeat(300_000)];
    save(&path, &texts[0]).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..40).for_each(|i| save(&path, &texts[i % 2]).unwrap()));
        while !writer.is_finished() {
            let read = std::fs::read_to_string(&path).unwrap();
            assert!(texts.contains(&read), "{} bytes", read.len());
        }
    });
}
