//! Reads files that a user names without ever waiting: opening a FIFO waits for a writer, and a device may have no end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Opens a regular file for reading.
///
/// # Errors
/// It cannot be opened, or is a folder, FIFO, socket or device.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    // For a FIFO, and for files of the kernel whose reads wait, such as /proc/kmsg. Reads of other regular files ignore it.
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        use rustix::fs::OFlags;

        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(i32::try_from(flags.bits()).map_err(io::Error::other)?);
    }
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// Reads a regular file, at most `limit` bytes of it.
///
/// # Errors
/// As [`open`], or it cannot be read.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn only_regular_files_are_read_and_the_others_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let in_folder = |name: &str| folder.path().join(name);
        std::fs::write(in_folder("file"), "12345").unwrap();
        std::os::unix::fs::symlink("file", in_folder("link")).unwrap();
        for name in ["file", "link"] {
            assert_eq!(read(&in_folder(name), 3).unwrap(), b"123", "{name}");
        }
        mknodat(CWD, in_folder("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let _listener = UnixListener::bind(in_folder("socket")).unwrap();
        for path in [
            in_folder("fifo"),
            in_folder("socket"),
            in_folder("missing"),
            in_folder(""),
            "/dev/zero".into(),
            "/dev/null".into(),
        ] {
            assert!(open(&path).is_err(), "{}", path.display());
        }
    }
}
