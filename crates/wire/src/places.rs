//! Where things are: the configuration, the data folder, the control socket. The same for every door.

use std::io;
use std::path::{Path, PathBuf};

use directories::{BaseDirs, ProjectDirs};

#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error("this user has no home folder")]
    Homeless,
    #[error("{}: {source}", path.display())]
    Path { path: PathBuf, source: io::Error },
}

/// What a person named on the command line; the rest is where the system keeps such things.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    pub config: Option<PathBuf>,
    pub data_dir: Option<PathBuf>,
}

impl Named {
    /// The configuration file, absolute.
    ///
    /// # Errors
    /// [`PlaceError`]
    pub fn config(&self) -> Result<PathBuf, PlaceError> {
        match &self.config {
            Some(path) => absolute(path),
            None => BaseDirs::new()
                .map(|dirs| dirs.config_dir().join("privet").join("privet.toml"))
                .ok_or(PlaceError::Homeless),
        }
    }

    /// The data folder, absolute; it need not exist.
    ///
    /// # Errors
    /// [`PlaceError`]
    pub fn data_dir(&self) -> Result<PathBuf, PlaceError> {
        match &self.data_dir {
            Some(path) => absolute(path),
            None => ProjectDirs::from("", "", "privet")
                .map(|dirs| dirs.data_local_dir().to_owned())
                .ok_or(PlaceError::Homeless),
        }
    }

    /// The folder of the sockets: the data folder where one was named, else the user's runtime folder.
    ///
    /// # Errors
    /// [`PlaceError`]
    pub fn run_dir(&self) -> Result<PathBuf, PlaceError> {
        let runtime =
            std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| Path::new(dir).is_absolute());
        match (&self.data_dir, runtime) {
            (None, Some(runtime)) => Ok(Path::new(&runtime).join("privet")),
            _ => self.data_dir(),
        }
    }

    /// The control socket.
    ///
    /// # Errors
    /// [`PlaceError`]
    pub fn socket(&self) -> Result<PathBuf, PlaceError> {
        Ok(self.run_dir()?.join("control.sock"))
    }

    /// The words that name the same places to another program of ours.
    ///
    /// # Errors
    /// [`PlaceError`]
    pub fn words(&self) -> Result<Vec<std::ffi::OsString>, PlaceError> {
        let mut words = Vec::new();
        if self.config.is_some() {
            words.extend(["--config".into(), self.config()?.into()]);
        }
        if self.data_dir.is_some() {
            words.extend(["--data-dir".into(), self.data_dir()?.into()]);
        }
        Ok(words)
    }
}

fn absolute(path: &Path) -> Result<PathBuf, PlaceError> {
    std::path::absolute(path).map_err(|source| PlaceError::Path {
        path: path.to_owned(),
        source,
    })
}
