use std::io::Write;

use proptest::prelude::*;

use super::*;

#[derive(Default)]
struct All(Vec<Vec<u8>>);

impl Visitor for All {
    fn object(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.0.push(bytes.to_vec());
        Ok(())
    }
}

/// A zip file of one member.
pub fn zip_of(name: &str, bytes: &[u8], flags: u16) -> Vec<u8> {
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), Default::default());
    packed.write_all(bytes).unwrap();
    let packed = packed.finish().unwrap();
    let mut common = Vec::new();
    common.extend(20_u16.to_le_bytes());
    common.extend(flags.to_le_bytes());
    common.extend(8_u16.to_le_bytes());
    common.extend([0; 8]);
    common.extend((packed.len() as u32).to_le_bytes());
    common.extend((bytes.len() as u32).to_le_bytes());
    common.extend((name.len() as u16).to_le_bytes());
    common.extend([0; 2]);
    let mut file = [b"PK\x03\x04".as_slice(), &common, name.as_bytes(), &packed].concat();
    let start = file.len();
    file.extend(b"PK\x01\x02\x14\x00");
    file.extend(&common);
    file.extend([0; 14]);
    file.extend(name.as_bytes());
    let size = file.len() - start;
    file.extend(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
    file.extend((size as u32).to_le_bytes());
    file.extend((start as u32).to_le_bytes());
    file.extend([0; 2]);
    file
}

/// A tar file of one member.
fn tar_of(bytes: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..1].copy_from_slice(b"a");
    header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
    header[156] = b'0';
    header[257..262].copy_from_slice(b"ustar");
    header[148..156].copy_from_slice(b"        ");
    let sum: u64 = header.iter().map(|&byte| u64::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header.extend(bytes);
    header.resize(header.len().next_multiple_of(512) + 1024, 0);
    header
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    to.write_all(bytes).unwrap();
    to.finish().unwrap()
}

#[test]
fn what_is_in_archives_within_archives_is_visited() {
    let inner = zip_of("evil.txt", b"the payload", 0);
    let file = gzip(&tar_of(&zip_of("inner.zip", &inner, 0)));
    let mut all = All::default();
    assert_eq!(
        visit(&file, &[], &Limits::default(), &mut all),
        Ok(UnreadCounts::default())
    );
    // The file, the tar file, the outer and the inner zip file, the text.
    assert_eq!(all.0.len(), 5);
    assert_eq!(all.0[4], b"the payload");
    let shallow = Limits {
        depth: 3,
        ..Limits::default()
    };
    let stopped = visit(&file, &[], &shallow, &mut All::default());
    assert_eq!(stopped, Err(Stop::Over(OverLimit::Depth)));
}

#[test]
fn bombs_are_stopped_by_ratio_bytes_and_members() {
    let file = zip_of("zeros", &vec![0; 32 << 20], 0);
    let limits = Limits::default();
    let stopped = visit(&file, &[], &limits, &mut All::default());
    assert_eq!(stopped, Err(Stop::Over(OverLimit::Ratio)));
    let few = Limits {
        bytes: 1000,
        ..limits
    };
    let stopped = visit(&file, &[], &few, &mut All::default());
    assert_eq!(stopped, Err(Stop::Over(OverLimit::Bytes)));
    let none = Limits {
        members: 0,
        ..limits
    };
    let stopped = visit(&file, &[], &none, &mut All::default());
    assert_eq!(stopped, Err(Stop::Over(OverLimit::Members)));
    let twice = gzip(&gzip(&vec![0; 32 << 20]));
    let codings = [Coding::Gzip, Coding::Gzip];
    let stopped = remove_codings(&twice, &codings, &limits);
    assert_eq!(stopped, Err(OverLimit::Ratio));
}

#[test]
fn encrypted_members_are_counted_and_not_read() {
    let file = zip_of("secret", b"hello", 1);
    let mut all = All::default();
    assert_eq!(
        visit(&file, &[], &Limits::default(), &mut all),
        Ok(UnreadCounts {
            encrypted: 1,
            unknown: 0
        })
    );
    assert_eq!(all.0.len(), 1);
}

/// `payload.txt` with "the payload of the test" in it.
const SEVEN_ZIP: &[u8] = include_bytes!("../../tests/archives/payload.7z");
const ENCRYPTED: &[u8] = include_bytes!("../../tests/archives/encrypted.7z");
const HIDDEN: &[u8] = include_bytes!("../../tests/archives/encrypted-names.7z");
const XZ: &[u8] = include_bytes!("../../tests/archives/payload.xz");
const BZIP2: &[u8] = include_bytes!("../../tests/archives/payload.bz2");

#[test]
fn seven_zip_xz_and_bzip2_files_are_opened() {
    for file in [SEVEN_ZIP, XZ, BZIP2] {
        for file in [file.to_vec(), zip_of("inner", file, 0)] {
            let mut all = All::default();
            let visited = visit(&file, &[], &Limits::default(), &mut all);
            assert_eq!(visited, Ok(UnreadCounts::default()));
            assert_eq!(all.0.last().unwrap(), b"the payload of the test\n");
        }
        let few = Limits {
            bytes: 10,
            ..Limits::default()
        };
        let stopped = visit(file, &[], &few, &mut All::default());
        assert_eq!(stopped, Err(Stop::Over(OverLimit::Bytes)));
        let damaged = &file[..file.len() - 9];
        let stopped = visit(damaged, &[], &Limits::default(), &mut All::default());
        assert!(matches!(stopped, Err(Stop::Over(OverLimit::Malformed(_)))));
    }
}

#[test]
fn what_cannot_be_opened_is_counted() {
    let read = |file: &[u8]| visit(file, &[], &Limits::default(), &mut All::default());
    for file in [ENCRYPTED, HIDDEN] {
        let counted = read(file).unwrap();
        assert_eq!((counted.encrypted, counted.unknown), (1, 0));
    }
    for file in [&b"Rar!\x1a\x07\x01\0"[..], b"MSCF\0\0\0\0"] {
        let counted = read(file).unwrap();
        assert_eq!((counted.encrypted, counted.unknown), (0, 1));
    }
    for text in [&b"BZhello"[..], b"BZh9 text", b"MSCF text", b"Rar!"] {
        assert_eq!(read(text), Ok(UnreadCounts::default()));
    }
}

#[test]
fn bombs_of_xz_and_bzip2_are_stopped() {
    for file in [
        &include_bytes!("../../tests/archives/zeros.xz")[..],
        include_bytes!("../../tests/archives/zeros.bz2"),
    ] {
        assert!(file.len() < 10_000);
        let stopped = visit(file, &[], &Limits::default(), &mut All::default());
        assert_eq!(stopped, Err(Stop::Over(OverLimit::Ratio)));
    }
}

#[test]
fn a_zip_file_that_two_readers_would_read_differently_is_refused() {
    let file = zip_of("name", b"hello", 0);
    for at in [4 + 4, 26, 30] {
        let mut other = file.clone();
        other[at] ^= 1;
        let read = visit(&other, &[], &Limits::default(), &mut All::default());
        assert!(
            matches!(read, Err(Stop::Over(OverLimit::Malformed(_)))),
            "{at}"
        );
    }
}

#[test]
fn what_is_in_front_of_a_zip_file_or_behind_it_hides_no_member() {
    let zip = zip_of("a", b"inside", 0);
    for (before, after) in [("MZ program", ""), ("#!/bin/sh\n", ""), ("any", "thing")] {
        let file = [before.as_bytes(), &zip, after.as_bytes()].concat();
        let mut all = All::default();
        visit(&file, &[], &Limits::default(), &mut all).unwrap();
        assert_eq!(all.0[1], b"inside", "{before}, {after}");
    }
}

#[test]
fn members_that_the_directory_does_not_list_are_an_error() {
    let (zip, other) = (zip_of("a", b"inside", 0), zip_of("b", b"beside", 0));
    let directory = zip.windows(4).position(|bytes| bytes == b"PK\x01\x02");
    let mut unlisted = zip[..directory.unwrap()].to_vec();
    unlisted.extend(b"PK\x05\x06");
    unlisted.extend([0; 18]);
    for file in [unlisted, [zip, other].concat()] {
        let read = visit(&file, &[], &Limits::default(), &mut All::default());
        let expected = OverLimit::Malformed("a member that the directory does not list");
        assert_eq!(read, Err(Stop::Over(expected)));
    }
}

proptest! {
    #[test]
    fn no_damage_panics_or_passes_the_limits(
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
        cut in any::<prop::sample::Index>(),
        which in 0_usize..3,
    ) {
        let mut file = match which {
            0 => zip_of("name", b"hello, hello", 0),
            1 => tar_of(b"hello"),
            _ => gzip(&tar_of(b"hello")),
        };
        let place = at.index(file.len());
        file[place] = value;
        file.truncate(cut.index(file.len()) + 1);
        let limits = Limits { bytes: 4000, ..Limits::default() };
        let mut all = All::default();
        let _ = visit(&file, &[], &limits, &mut all);
        let total: usize = all.0.iter().skip(1).map(Vec::len).sum();
        prop_assert!(total <= 8000);
    }
}

/// Whether `inner` is visited.
fn finds(body: &[u8], boundaries: &[String], inner: &[u8]) -> bool {
    let mut all = All::default();
    let visited = visit(body, boundaries, &Limits::default(), &mut all);
    assert!(visited.is_ok(), "{visited:?}");
    all.0.iter().any(|object| object == inner)
}

#[test]
fn a_file_that_is_two_kinds_at_once_is_opened_as_both() {
    let zip = zip_of("a", b"payload", 0);
    // Readers of zip files begin at the end.
    assert!(finds(
        &[tar_of(b"harmless"), zip.clone()].concat(),
        &[],
        b"payload"
    ));
    // The other way round: the member of a zip file is the header of a tar.
    let tar = tar_of(b"other");
    assert!(finds(&tar, &[], b"other"));
    // A zip file that is a member is opened once.
    let mut all = All::default();
    visit(&tar_of(&zip), &[], &Limits::default(), &mut all).unwrap();
    let found = all.0.iter().filter(|object| *object == b"payload");
    assert_eq!(found.count(), 1);
}

#[test]
fn a_file_in_a_part_is_found_whatever_the_parts_look_like() {
    let zip = zip_of("a", b"payload", 0);
    let body = |open: &str, head: &str, close: &str| {
        [open.as_bytes(), head.as_bytes(), &zip, close.as_bytes()].concat()
    };
    let boundary = |text: &str| vec![text.to_owned()];
    for (open, head, close, named) in [
        ("--b\r\n", "A: b\r\n\r\n", "\r\n--b--\r\n", boundary("b")),
        ("--b\n", "A: b\n\n", "\n--b--\n", boundary("b")),
        ("--b\r\n", "\r\n", "\r\n--b--", boundary("b")),
        // It never ends.
        ("--b\r\n", "A: b\r\n\r\n", "", boundary("b")),
        (
            "before\r\n--b \t\r\n",
            "A: b\r\n\r\n",
            "\r\n--b",
            boundary("b"),
        ),
        // The media type says another boundary, or none.
        ("--own\r\n", "A: b\r\n\r\n", "\r\n--own--", boundary("b")),
        ("--own\r\n", "A: b\r\n\r\n", "\r\n--own--", Vec::new()),
        // Parts in a part.
        (
            "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n",
            "A: b\r\n\r\n",
            "\r\n--c--\r\n--b--\r\n",
            boundary("b"),
        ),
    ] {
        let body = body(open, head, close);
        assert!(finds(&body, &named, b"payload"), "{open:?} {close:?}");
    }
    let text = b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\ncGF5\r\nbG9hZA==\r\n--b--";
    assert!(finds(text, &boundary("b"), b"payload"));
}

#[test]
fn a_text_of_dashes_is_no_body_of_parts() {
    let text = "-- a\n----\n-- a\n-- b\n----\n".repeat(300);
    let mut all = All::default();
    visit(text.as_bytes(), &[], &Limits::default(), &mut all).unwrap();
}

#[test]
fn all_parts_together_keep_the_limit() {
    let packed = gzip(&vec![0; 60 << 10]);
    let part = [b"--b\r\n\r\n", &packed[..], b"\r\n"].concat();
    let limits = Limits {
        bytes: 1 << 20,
        ..Limits::default()
    };
    let stopped = visit(
        &part.repeat(30),
        &["b".to_owned()],
        &limits,
        &mut All::default(),
    );
    assert_eq!(stopped, Err(Stop::Over(OverLimit::Bytes)));
}
