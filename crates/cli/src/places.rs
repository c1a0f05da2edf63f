//! Where things are: the configuration, the data folder, the control socket.

use std::path::{Path, PathBuf};

use directories::{BaseDirs, ProjectDirs};
use privet_control::Client;

use crate::exit::Failure;

/// Options that every command takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Places {
    /// The configuration file [default: privet.toml in the user's configuration folder, under privet/]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where state is kept; with it the control socket is DIR/control.sock
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,
}

impl Places {
    /// The configuration file, absolute.
    pub fn config(&self) -> Result<PathBuf, Failure> {
        match &self.config {
            Some(path) => absolute(path),
            None => BaseDirs::new()
                .map(|dirs| dirs.config_dir().join("privet").join("privet.toml"))
                .ok_or_else(homeless),
        }
    }

    /// The data folder, absolute; it need not exist.
    pub fn data_dir(&self) -> Result<PathBuf, Failure> {
        match &self.data_dir {
            Some(path) => absolute(path),
            None => ProjectDirs::from("", "", "privet")
                .map(|dirs| dirs.data_local_dir().to_owned())
                .ok_or_else(homeless),
        }
    }

    /// The control socket: in the data folder where one was named, else in the user's runtime folder.
    pub fn socket(&self) -> Result<PathBuf, Failure> {
        let runtime =
            std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| Path::new(dir).is_absolute());
        match (&self.data_dir, runtime) {
            (None, Some(runtime)) => Ok(Path::new(&runtime).join("privet").join("control.sock")),
            _ => Ok(self.data_dir()?.join("control.sock")),
        }
    }

    /// A client of the engine that runs here.
    pub fn client(&self) -> Result<Client, Failure> {
        Ok(Client::unix(self.socket()?))
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
}

fn homeless() -> Failure {
    Failure::with_help(
        "this user has no home folder",
        "name the places yourself: --config FILE --data-dir DIR",
    )
}
