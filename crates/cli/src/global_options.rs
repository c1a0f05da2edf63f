//! Options of every command, and the paths that follow from them.

use std::path::PathBuf;

use privet_api::paths::{PathError, Paths};
use privet_api::{Client, ClientKind};

use crate::exit::Failure;

/// Options that every command takes.
#[derive(Debug, Clone, clap::Args)]
pub struct GlobalOptions {
    /// Configuration file [default: privet/privet.toml in the user's configuration folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data folder; the control socket is then DIR/control.sock
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Use the defaults where the file of --config is missing
    #[arg(long, global = true)]
    pub default: bool,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

impl GlobalOptions {
    /// The paths given on the command line.
    pub fn paths(&self) -> Paths {
        Paths {
            config: self.config.clone(),
            data_dir: self.data_dir.clone(),
        }
    }

    /// Absolute path of the configuration file.
    pub fn config(&self) -> Result<PathBuf, Failure> {
        Ok(self.paths().config()?)
    }

    /// As [`GlobalOptions::config`], for commands that read the file.
    ///
    /// # Errors
    /// The file that was named is missing: a typing error must not start an engine with the defaults.
    pub fn existing_config(&self) -> Result<PathBuf, Failure> {
        let path = self.config()?;
        let missing = self.config.is_some() && !self.default && !path.exists();
        match missing {
            false => Ok(path),
            true => Err(Failure::Config {
                text: format!("the configuration file {} does not exist", path.display()),
                help: Some(
                    "correct the path, or use the defaults until the file exists: --default"
                        .to_owned(),
                ),
                diagnostics: Vec::new(),
            }),
        }
    }

    /// Absolute path of the data folder, which need not exist.
    pub fn data_dir(&self) -> Result<PathBuf, Failure> {
        Ok(self.paths().data_dir()?)
    }

    /// Path of the control socket: in the data folder if one was given, else in the user's runtime folder.
    pub fn socket(&self) -> Result<PathBuf, Failure> {
        Ok(self.paths().socket()?)
    }

    /// A client for the engine of these paths.
    pub fn client(&self) -> Result<Client, Failure> {
        Ok(Client::unix(self.socket()?).with_kind(ClientKind::Cli))
    }
}

impl From<PathError> for Failure {
    fn from(error: PathError) -> Self {
        match error {
            PathError::NoHome => Self::with_help(
                error.to_string(),
                "set the paths with --config FILE --data-dir DIR",
            ),
            PathError::Io { .. } => Self::failed(error.to_string()),
        }
    }
}
