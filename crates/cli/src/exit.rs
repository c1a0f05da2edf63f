//! Exit codes and error messages of the commands.

use privet_api::ClientError;
use privet_api::Diagnostic;

/// Exit codes, for `--help` and docs/cli.md.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done; the answer is yes
  1  failed: the message says why and what to do
  2  invalid configuration or command line
  3  no engine is running for this data folder
  4  the answer is no: `why` says blocked, `close` found nothing to close
`privet run` exits with the program's own code (126: cannot be run, 127: not found, 128+N: killed by signal N).";

/// How a command without an error ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// The command worked and its answer is no.
    Negative,
    /// A check failed: `doctor`, `test`, a list's refresh.
    CheckFailed,
    /// Exit code of the program that `run` started.
    Child(u8),
}

impl Exit {
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::CheckFailed => 1,
            Self::Negative => 4,
            Self::Child(code) => code,
        }
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{text}")]
    Failed { text: String, help: Option<String> },
    #[error("{text}")]
    Config {
        text: String,
        help: Option<String>,
        diagnostics: Vec<Diagnostic>,
    },
    #[error("{0}")]
    NoEngine(String),
    /// The reader of standard output closed the pipe. Not an error.
    #[error("the reader closed the output")]
    PipeClosed,
}

impl Failure {
    pub fn failed(text: impl Into<String>) -> Self {
        Self::Failed {
            text: text.into(),
            help: None,
        }
    }

    pub fn with_help(text: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Failed {
            text: text.into(),
            help: Some(help.into()),
        }
    }

    pub fn usage(text: impl Into<String>) -> Self {
        Self::Config {
            text: text.into(),
            help: None,
            diagnostics: Vec::new(),
        }
    }

    pub const fn code(&self) -> u8 {
        match self {
            Self::PipeClosed => 0,
            Self::Failed { .. } => 1,
            Self::Config { .. } => 2,
            Self::NoEngine(_) => 3,
        }
    }

    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Failed { help, .. } | Self::Config { help, .. } => help.as_deref(),
            Self::NoEngine(_) | Self::PipeClosed => None,
        }
    }

    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Config { diagnostics, .. } => diagnostics,
            _ => &[],
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NotRunning(_) => Self::NoEngine(error.to_string()),
            ClientError::Problem(problem) if problem.status == 422 || problem.status == 400 => {
                Self::Config {
                    text: problem.detail,
                    help: problem.help,
                    diagnostics: problem.diagnostics,
                }
            }
            ClientError::Problem(problem) => Self::Failed {
                text: problem.detail,
                help: problem.help,
            },
            other => Self::failed(other.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self::PipeClosed
        } else {
            Self::failed(error.to_string())
        }
    }
}
