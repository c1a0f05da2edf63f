//! Temporary files for bodies that wait for their verdict and do not fit the memory.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use crate::budget::{Budget, Reservation};

/// A folder for unnamed temporary files, and the bytes that they may have together. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
    budget: Budget,
}

impl Spool {
    pub fn new(folder: PathBuf, budget: Budget) -> Self {
        Self { folder, budget }
    }

    /// An empty reservation of its bytes.
    pub fn hold(&self) -> Reservation {
        self.budget.hold()
    }

    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// A file that only this process can open, and that is gone when it is closed. Blocks.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(&self) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let file = tempfile::tempfile_in(&self.folder)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_file_has_no_name_and_is_for_nobody_else() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path().join("spool"), Budget::new(1));
        let file = spool.create().unwrap();
        let known = file.metadata().unwrap();
        assert_eq!((known.nlink(), known.mode() & 0o777), (0, 0o600));
        let names = fs::read_dir(folder.path().join("spool")).unwrap();
        assert_eq!(names.count(), 0);
    }
}
