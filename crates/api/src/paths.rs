//! Finds the configuration file, the data folder and the control socket, for every program of Privet in the same way.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use directories::{BaseDirs, ProjectDirs};

#[derive(Debug, thiserror::Error)]
pub enum PathError {
    #[error("this user has no home folder")]
    NoHome,
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// The paths named on the command line. What is `None` is in the system's usual folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths {
    /// `--config FILE`
    pub config: Option<PathBuf>,
    /// `--data-dir DIR`
    pub data_dir: Option<PathBuf>,
}

impl Paths {
    /// The configuration file, absolute.
    ///
    /// # Errors
    /// [`PathError`]
    pub fn config(&self) -> Result<PathBuf, PathError> {
        match &self.config {
            Some(path) => absolute(path),
            None => BaseDirs::new()
                .map(|dirs| dirs.config_dir().join("privet").join("privet.toml"))
                .ok_or(PathError::NoHome),
        }
    }

    /// The data folder, absolute. It need not exist.
    ///
    /// # Errors
    /// [`PathError`]
    pub fn data_dir(&self) -> Result<PathBuf, PathError> {
        match &self.data_dir {
            Some(path) => absolute(path),
            None => ProjectDirs::from("", "", "privet")
                .map(|dirs| dirs.data_local_dir().to_owned())
                .ok_or(PathError::NoHome),
        }
    }

    /// The folder of the sockets: the data folder if one was named, else `$XDG_RUNTIME_DIR/privet`.
    ///
    /// # Errors
    /// [`PathError`]
    pub fn run_dir(&self) -> Result<PathBuf, PathError> {
        let runtime =
            std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| Path::new(dir).is_absolute());
        match (&self.data_dir, runtime) {
            (None, Some(runtime)) => Ok(Path::new(&runtime).join("privet")),
            _ => self.data_dir(),
        }
    }

    /// The control socket: `control.sock` in [`Paths::run_dir`].
    ///
    /// # Errors
    /// [`PathError`]
    pub fn socket(&self) -> Result<PathBuf, PathError> {
        Ok(self.run_dir()?.join("control.sock"))
    }

    /// The command line arguments that name the same paths to another program of Privet.
    ///
    /// # Errors
    /// [`PathError`]
    pub fn to_args(&self) -> Result<Vec<OsString>, PathError> {
        let mut args = Vec::new();
        if self.config.is_some() {
            args.extend(["--config".into(), self.config()?.into()]);
        }
        if self.data_dir.is_some() {
            args.extend(["--data-dir".into(), self.data_dir()?.into()]);
        }
        Ok(args)
    }
}

fn absolute(path: &Path) -> Result<PathBuf, PathError> {
    std::path::absolute(path).map_err(|source| PathError::Io {
        path: path.to_owned(),
        source,
    })
}
