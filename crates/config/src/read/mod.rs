//! Reads the text to a checked configuration. Each section has a reader; all problems are reported at once.

mod cache;
mod context;
mod control;
mod filter;
mod groups;
mod inspect;
mod listen;
mod listen_addresses;
mod log;
mod modes;
mod not_served;
mod outbound_names;
mod rules;
mod secrets;
mod service_address;
mod sites;
mod upstreams;

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::diagnose::{Diagnostic, DiagnosticCode, Diagnostics, Severity};
use crate::findings::Findings;
use crate::keys;
use crate::model::Config;
use crate::tree::Table;
use context::ReadContext;
use listen_addresses::ListenAddresses;
use outbound_names::OutboundNames;

/// The longest configuration that is read, in bytes.
pub const MAX_FILE: usize = 16 << 20;
/// The file's name in messages where no other is known, and in the configuration's folder.
pub const FILE_NAME: &str = "privet.toml";

/// A valid configuration, with what should be reported about it.
#[derive(Debug, Clone)]
pub struct LoadedConfig {
    pub config: Config,
    /// Shown with [`Diagnostic::in_file`].
    pub warnings: Vec<Diagnostic>,
    /// A notice for the start: there is no file, and the defaults hold.
    pub note: Option<String>,
    /// The text of the file that was loaded.
    pub text: Option<String>,
}

impl Config {
    /// Checks the whole text. Relative paths in it are joined to `base`.
    ///
    /// # Errors
    /// All problems, with warnings, in the order of the text.
    pub fn parse(text: &str, base: &Path) -> Result<LoadedConfig, Diagnostics> {
        // Editors count no column for a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let base = std::path::absolute(base).unwrap_or_else(|_| base.to_owned());
        let findings = Findings::new(text);
        let (tree, broken) = DeTable::parse_recoverable(text);
        for error in &broken {
            let span = error.span().unwrap_or(0..0);
            findings.add(
                Severity::Error,
                DiagnosticCode::Syntax,
                span,
                error.message().trim().replace('\n', ", "),
                None,
            );
        }
        let top = Table::checked(tree.get_ref(), 0..0, &keys::TOP, &findings);
        let config = read_config(&top, base);
        if !broken.is_empty() {
            findings.drop_effects_of_syntax_errors();
        }
        let list = findings.into_diagnostics();
        if list.iter().any(|d| d.severity == Severity::Error) {
            return Err(Diagnostics {
                file: FILE_NAME.to_owned(),
                list,
            });
        }
        Ok(LoadedConfig {
            config,
            warnings: list,
            note: None,
            text: None,
        })
    }

    /// Reads and checks a file. Where there is none, the defaults hold and [`LoadedConfig::note`] says so. The null device
    /// holds no text.
    ///
    /// # Errors
    /// As [`Config::parse`]; and where the file is there but is not a regular file, cannot be read, or is no text.
    pub fn load(path: &Path) -> Result<LoadedConfig, Diagnostics> {
        let file = path.display().to_string();
        let refuse = |diagnostic| Diagnostics {
            file: file.clone(),
            list: vec![diagnostic],
        };
        let bytes = match read_bounded(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let note = Some(format!("{file} does not exist: the defaults hold"));
                return Ok(LoadedConfig {
                    config: Config::default(),
                    warnings: Vec::new(),
                    note,
                    text: None,
                });
            }
            Err(error) => {
                return Err(refuse(Diagnostic::of_file(
                    format!("cannot be read: {error}"),
                    Some(unreadable_help(&error)),
                )));
            }
        };
        if bytes.len() > MAX_FILE {
            return Err(refuse(Diagnostic::of_file(
                format!("is longer than {MAX_FILE} bytes"),
                None,
            )));
        }
        let text = String::from_utf8(bytes).map_err(|error| refuse(not_text(&error)))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let base = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        let base = std::fs::canonicalize(base).unwrap_or_else(|_| base.to_owned());
        match Config::parse(&text, &base) {
            Ok(loaded) => Ok(LoadedConfig {
                text: Some(text),
                ..loaded
            }),
            Err(found) => Err(Diagnostics { file, ..found }),
        }
    }
}

/// The default path: `privet.toml` in the user's configuration folder. `None` where the system has no such folder.
pub fn default_path() -> Option<PathBuf> {
    Some(
        directories::ProjectDirs::from("", "", "privet")?
            .config_dir()
            .join(FILE_NAME),
    )
}

fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    if path == Path::new("/dev/null") {
        return Ok(Vec::new());
    }
    privet_regular_file::read(path, MAX_FILE as u64 + 1)
}

fn not_text(error: &std::string::FromUtf8Error) -> Diagnostic {
    let valid = error.utf8_error().valid_up_to();
    let line = error
        .as_bytes()
        .iter()
        .take(valid)
        .filter(|b| **b == b'\n')
        .count()
        + 1;
    Diagnostic::of_file(
        format!("is not UTF-8 text (line {line})"),
        Some("save it as UTF-8".to_owned()),
    )
}

fn read_config<'a>(top: &Table<'a>, base: PathBuf) -> Config {
    let context = ReadContext {
        base,
        outbounds: OutboundNames::collect(top),
    };
    let mut addresses = ListenAddresses::default();
    let listen = listen::read(top, &context, &mut addresses);
    let modes = modes::read(top, &context);
    let upstreams = upstreams::read(top, &context);
    let config = Config {
        mode: modes::chosen(top, &modes, !context.outbounds.is_empty()),
        groups: groups::read(top, &context),
        rules: rules::read(top, &context, &listen.users),
        filter: filter::read(top, &context),
        cache: cache::read(top, &context),
        inspect: inspect::read(top, &context),
        scan: inspect::read_scan(top, &context),
        sites: sites::read(top, &context, &mut addresses),
        control: control::read(top, &mut addresses),
        log: log::read(top),
        listen,
        modes,
        upstreams,
    };
    addresses.report_clashes();
    cache::warn_unshared(top, &config);
    config
}

fn unreadable_help(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => "let the user that runs Privet read it",
        _ => "name a regular file with --config",
    }
    .to_owned()
}
