//! The path of an `ftp` URL (RFC 1738 section 3.2.2) as the server's commands take it.

use percent_encoding::percent_decode;

/// A path on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePath {
    /// Decoded; relative to the folder after the login, or absolute where the URL begins with `/%2F`. Empty: that folder.
    pub bytes: Vec<u8>,
    /// The URL ends in a slash, or names the folder after the login.
    pub is_folder: bool,
}

/// A path that no command can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path holds an encoded CR, LF or NUL, which would end the command to the server")]
pub struct ForbiddenByte;

impl RemotePath {
    /// Decodes what follows the host in a URL. A final `;type=…` is dropped: files are always read as they are.
    ///
    /// # Errors
    /// The path holds a byte that would end the command.
    pub fn parse(url_path: &[u8]) -> Result<Self, ForbiddenByte> {
        let path = without_type(url_path);
        let bytes: Vec<u8> = percent_decode(path.strip_prefix(b"/").unwrap_or(path)).collect();
        if bytes.iter().any(|byte| is_forbidden(*byte)) {
            return Err(ForbiddenByte);
        }
        Ok(Self {
            is_folder: bytes.is_empty() || bytes.ends_with(b"/"),
            bytes,
        })
    }
}

/// Whether a byte ends a command on the control connection.
pub(crate) const fn is_forbidden(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

/// The path without a final `;type=…` (RFC 1738, section 3.2.2).
pub fn without_type(path: &[u8]) -> &[u8] {
    let Some((start, kind)) = path
        .len()
        .checked_sub(1)
        .and_then(|at| path.split_at_checked(at))
    else {
        return path;
    };
    match kind {
        [b'a' | b'A' | b'i' | b'I' | b'd' | b'D'] => start.strip_suffix(b";type=").unwrap_or(path),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_and_cannot_end_a_command() {
        for (given, want, folder) in [
            ("", "", true),
            ("/", "", true),
            ("/a.txt", "a.txt", false),
            ("/d/a%20b%2fc", "d/a b/c", false),
            ("/d/", "d/", true),
            ("/%2Fetc/motd", "/etc/motd", false),
            ("/a;type=i", "a", false),
            ("/d/;type=d", "d/", true),
            ("/a;type=x", "a;type=x", false),
            ("/100%", "100%", false),
            ("/a?b", "a?b", false),
        ] {
            let path = RemotePath::parse(given.as_bytes()).unwrap();
            assert_eq!(
                (&path.bytes[..], path.is_folder),
                (want.as_bytes(), folder),
                "{given}"
            );
        }
        for bad in ["/a%0d%0aDELE b", "/%0A", "/%00", "/a\n"] {
            assert_eq!(
                RemotePath::parse(bad.as_bytes()),
                Err(ForbiddenByte),
                "{bad}"
            );
        }
    }
}
