//! Which bodies are withheld whole: small ones, and programs, which run when they are opened.

/// Bodies up to this many bytes are withheld whole.
pub const SMALL: u64 = 1 << 20;
/// Bytes at the end of a larger body that are withheld until the verdict.
pub const TAIL: u64 = 256 * 1024;
/// How much of a body is withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Everything.
    Undecided,
    Whole,
    /// The end.
    Tail,
}

/// How many of the collected bytes may be forwarded before the verdict, where the end is withheld. `length`: as announced.
pub fn free(length: Option<u64>, collected: u64) -> u64 {
    match length {
        Some(length) => length.saturating_sub(TAIL).min(collected),
        None => collected.saturating_sub(TAIL),
    }
}

/// Bytes that are needed to detect the type of a body.
pub const MAGIC: usize = 16;

const ENDINGS: [&str; 22] = [
    "exe", "msi", "dll", "scr", "com", "bat", "cmd", "ps1", "vbs", "hta", "jar", "apk", "deb",
    "rpm", "dmg", "pkg", "sh", "run", "appimage", "msix", "xpi", "crx",
];

const TYPES: [&str; 14] = [
    "application/x-msdownload",
    "application/x-msdos-program",
    "application/x-dosexec",
    "application/x-executable",
    "application/x-elf",
    "application/x-mach-binary",
    "application/x-msi",
    "application/x-sh",
    "application/x-ms-installer",
    "application/vnd.microsoft.portable-executable",
    "application/vnd.android.package-archive",
    "application/vnd.debian.binary-package",
    "application/java-archive",
    "application/x-apple-diskimage",
];

/// Whether a body may be a program, by its type, its name or its first bytes.
pub fn is_executable(media_type: &str, url: &str, start: &[u8]) -> bool {
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    let magic: [&[u8]; 8] = [
        b"MZ",
        b"\x7fELF",
        b"#!",
        b"\xfe\xed\xfa",
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
        b"\xd0\xcf\x11\xe0",
    ];
    TYPES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(media_type))
        || ENDINGS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(ending))
        || magic.iter().any(|magic| start.starts_with(magic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_known_by_type_name_or_first_bytes() {
        let plain = "application/octet-stream";
        assert!(is_executable(
            "Application/X-MSDownload; a=b",
            "http://a/x",
            b""
        ));
        assert!(is_executable(plain, "http://a/setup.EXE?x=y.txt", b""));
        assert!(is_executable(plain, "http://a/x", b"MZ\x90"));
        assert!(!is_executable(
            "video/mp4",
            "http://exe/a.exe/film",
            b"\0\0\0"
        ));
    }
}
