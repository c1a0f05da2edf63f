//! Where things are: the configuration, the data folder, the control socket.

use std::path::PathBuf;

use privet_api::paths::{PathError, Paths};
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
    /// What was named here.
    pub fn named(&self) -> Paths {
        Paths {
            config: self.config.clone(),
            data_dir: self.data_dir.clone(),
        }
    }

    /// The configuration file, absolute.
    pub fn config(&self) -> Result<PathBuf, Failure> {
        Ok(self.named().config()?)
    }

    /// The data folder, absolute; it need not exist.
    pub fn data_dir(&self) -> Result<PathBuf, Failure> {
        Ok(self.named().data_dir()?)
    }

    /// The control socket: in the data folder where one was named, else in the user's runtime folder.
    pub fn socket(&self) -> Result<PathBuf, Failure> {
        Ok(self.named().socket()?)
    }

    /// A client of the engine that runs here.
    pub fn client(&self) -> Result<Client, Failure> {
        Ok(Client::unix(self.socket()?).by("cli"))
    }
}

impl From<PathError> for Failure {
    fn from(error: PathError) -> Self {
        match error {
            PathError::NoHome => Self::with_help(
                error.to_string(),
                "name the places yourself: --config FILE --data-dir DIR",
            ),
            PathError::Io { .. } => Self::failed(error.to_string()),
        }
    }
}
