//! What is in archives that are held in memory.

mod member;
pub mod multipart;
pub mod sevenz;
pub mod tar;
pub mod zip;

pub use member::Member;
pub(crate) use member::malformed;

/// What a file is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Zip,
    Tar,
    Gzip,
    Zstd,
    Xz,
    Bzip2,
    SevenZip,
    /// Packed in a way that is not read: RAR, cabinets.
    Unknown,
    Other,
}

/// Says what a file is.
pub fn kind(bytes: &[u8]) -> Kind {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    match () {
        () if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") || starts(b"PK00PK") => Kind::Zip,
        () if starts(b"\x1f\x8b\x08") => Kind::Gzip,
        () if starts(b"\x28\xb5\x2f\xfd") => Kind::Zstd,
        () if bytes.get(257..262) == Some(b"ustar") => Kind::Tar,
        () if starts(b"\xfd7zXZ\x00") => Kind::Xz,
        () if is_bzip2(bytes) => Kind::Bzip2,
        () if starts(b"7z\xbc\xaf\x27\x1c") => Kind::SevenZip,
        () if starts(b"Rar!\x1a\x07") || starts(b"MSCF\0\0\0\0") => Kind::Unknown,
        // A program, a script or anything else in front of a zip file.
        () if zip::has_directory(bytes) => Kind::Zip,
        () => Kind::Other,
    }
}

/// What a reader that looks elsewhere takes a file for: zip files are read from their end, and tar files by a mark behind their
/// first name.
pub fn other_kind(kind: Kind, bytes: &[u8]) -> Option<Kind> {
    let is_tar = bytes.get(257..262) == Some(b"ustar");
    match kind {
        Kind::Zip => is_tar.then_some(Kind::Tar),
        // A zip file that is a tar's last member was visited as that.
        Kind::Tar => tar::is_followed_by_zip(bytes).then_some(Kind::Zip),
        Kind::Other => None,
        _ => zip::has_directory(bytes).then_some(Kind::Zip),
    }
}

/// The size of its blocks, then the first one, or the end: a text may begin with the same three letters.
fn is_bzip2(bytes: &[u8]) -> bool {
    let rest = bytes.strip_prefix(b"BZh");
    let rest = rest.filter(|rest| matches!(rest.first(), Some(b'1'..=b'9')));
    let magic = rest.and_then(|rest| rest.get(1..7));
    matches!(magic, Some(b"1AY&SY" | b"\x17\x72\x45\x38\x50\x90"))
}
