//! What is in archives that are held in memory.

mod member;
pub mod multipart;
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
    /// Packed in a way that is not read: 7z, RAR, xz, bzip2, cabinets.
    Unread,
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
        () if starts(b"7z\xbc\xaf\x27\x1c")
            || starts(b"Rar!\x1a\x07")
            || starts(b"\xfd7zXZ\x00")
            || starts(b"BZh")
            || starts(b"MSCF") =>
        {
            Kind::Unread
        }
        // A program, a script or anything else in front of a zip file.
        () if zip::has_directory(bytes) => Kind::Zip,
        () => Kind::Other,
    }
}
