//! The checks that need no running engine: the configuration, file permissions, the clock, the keyring.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use privet_api::diagnostics::Finding;
use privet_config::{Config, DiagnosticCode, Keyring, KeyringError, Secret};

use privet_system::proxy::{SystemProxyReport, SystemProxyState};

use crate::auth::token::TOKEN_FILE;

/// No version of this program is older: a clock before it is wrong.
const FIRST_RELEASE: Duration = Duration::from_secs(1_767_225_600);
/// CheckInputs may be newer than the clock by this much (network folders).
const CLOCK_SLACK: Duration = Duration::from_secs(120);

/// What the checks read.
pub struct CheckInputs {
    pub config_path: PathBuf,
    pub data_dir: PathBuf,
    pub keyring: Arc<dyn Keyring + Send + Sync>,
}

/// Runs all checks. Blocks on files and on the keyring.
pub fn run_checks(files: &CheckInputs) -> Vec<Finding> {
    let mut findings = configuration(&files.config_path);
    if let Ok(loaded) = Config::load(&files.config_path) {
        findings.extend(secrets(&loaded.config, &*files.keyring));
        findings.extend(open_files(loaded.config.listen.limits.connections));
    }
    findings.extend(permissions(files));
    findings.push(clock(
        SystemTime::now(),
        &files.config_path,
        &files.data_dir,
    ));
    findings
}

fn configuration(path: &Path) -> Vec<Finding> {
    let shown = path.display().to_string();
    match Config::load(path) {
        Ok(loaded) => {
            let valid = loaded.note.unwrap_or_else(|| format!("{shown} is valid"));
            let warnings = loaded.warnings.iter().map(|warning| {
                Finding::warning(
                    "configuration",
                    format!(
                        "{shown}:{}:{}: {}",
                        warning.line, warning.column, warning.cause
                    ),
                    warning
                        .help
                        .clone()
                        .unwrap_or_else(|| "change that line".to_owned()),
                )
            });
            std::iter::once(Finding::ok("configuration", valid))
                .chain(warnings)
                .collect()
        }
        Err(found) => found
            .errors()
            .map(|error| {
                Finding::wrong(
                    "configuration",
                    format!("{shown}:{}:{}: {}", error.line, error.column, error.cause),
                    error.help.clone().unwrap_or_else(|| match error.code {
                        DiagnosticCode::File => {
                            "see that the file is there and yours to read".to_owned()
                        }
                        _ => "change that line; `privet check` shows it".to_owned(),
                    }),
                )
            })
            .collect(),
    }
}

/// Every secret that the configuration refers to can be read; none is kept or shown.
fn secrets(config: &Config, keyring: &dyn Keyring) -> Vec<Finding> {
    let mut findings: Vec<Finding> = config
        .secrets()
        .map(|(whose, secret)| match secret.reveal(keyring) {
            Ok(_) => Finding::ok("secret", format!("the password of {whose} can be read")),
            Err(error) => Finding::wrong(
                "secret",
                format!("the password of {whose}: {error}"),
                fix(secret),
            ),
        })
        .collect();
    findings.push(check_keyring(keyring));
    findings
}

/// Asks for a name that nothing uses: it distinguishes a missing service from a missing entry.
fn check_keyring(keyring: &dyn Keyring) -> Finding {
    let error = match keyring.read("privet-doctor") {
        Ok(_) | Err(KeyringError::NoEntry) => {
            return Finding::ok("keyring", "the keyring answers");
        }
        Err(error) => error,
    };
    let otherwise = "use { env = \"NAME\" } or { file = \"PATH\" } for secrets";
    let fix = match error {
        KeyringError::Crashed | KeyringError::Failed(_) => {
            "restart the keyring's service (log out and in)"
        }
        KeyringError::Locked => "unlock the keyring",
        KeyringError::NoService | KeyringError::NoEntry => {
            "log in to a desktop session with a keyring"
        }
    };
    Finding::warning(
        "keyring",
        error.to_string(),
        format!("{fix}, or {otherwise}"),
    )
}

fn fix(secret: &Secret) -> String {
    match secret {
        Secret::Keyring(name) => format!("put it there: privet secret set {name}"),
        Secret::Env(name) => format!("set the variable {name} before the engine starts"),
        Secret::File(path) => format!("write it to the first line of {}", path.display()),
        Secret::Plain(_) => "write it again".to_owned(),
    }
}

#[cfg(unix)]
fn permissions(files: &CheckInputs) -> Vec<Finding> {
    let token = files.data_dir.join(TOKEN_FILE);
    let mut private = vec![
        (files.data_dir.clone(), "the data folder"),
        (token, "the control token"),
    ];
    if let Ok(loaded) = Config::load(&files.config_path) {
        let config = loaded.config;
        let passwords = config
            .upstreams
            .iter()
            .filter_map(|upstream| upstream.password.as_ref());
        for secret in passwords.chain(config.listen.users.iter().map(|user| &user.password)) {
            match secret {
                Secret::File(path) => private.push((path.clone(), "a secret")),
                Secret::Plain(_) => private.push((
                    files.config_path.clone(),
                    "a configuration with passwords in it",
                )),
                Secret::Keyring(_) | Secret::Env(_) => {}
            }
        }
    }
    private.sort();
    private.dedup();
    let mut findings: Vec<Finding> = private
        .iter()
        .filter_map(|(path, what)| readable_by_others(path, what))
        .collect();
    if findings.is_empty() {
        findings.push(Finding::ok(
            "permissions",
            "private files are readable by their owner only",
        ));
    }
    findings
}

#[cfg(unix)]
fn readable_by_others(path: &Path, what: &str) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt;
    let meta = fs::metadata(path).ok()?;
    let mode = meta.permissions().mode();
    // Others may read a folder as long as its files are closed to them.
    let bits = if meta.is_dir() { 0o022 } else { 0o077 };
    (mode & bits != 0).then(|| {
        Finding::wrong(
            "permissions",
            format!(
                "others can open {} ({what}, mode {:o})",
                path.display(),
                mode & 0o777
            ),
            format!("chmod go-rwx {}", path.display()),
        )
    })
}

#[cfg(not(unix))]
fn permissions(_: &CheckInputs) -> Vec<Finding> {
    Vec::new()
}

/// A wrong clock breaks TLS and every time in the connection log. It is detected without the network, by files that are newer than "now".
fn clock(now: SystemTime, config: &Path, data_dir: &Path) -> Finding {
    let first = SystemTime::UNIX_EPOCH + FIRST_RELEASE;
    let newest = std::iter::once(config.to_owned())
        .chain(
            fs::read_dir(data_dir)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path()),
        )
        .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
        .max();
    let behind = newest.filter(|(modified, _)| {
        modified
            .duration_since(now)
            .is_ok_and(|ahead| ahead > CLOCK_SLACK)
    });
    let fix = "set the clock, best by a time service (timedatectl set-ntp true)";
    match behind {
        _ if now < first => Finding::wrong(
            "clock",
            "the clock is set to a time before the release of this program",
            fix,
        ),
        Some((_, path)) => Finding::wrong(
            "clock",
            format!(
                "the clock is behind: {} was written in its future",
                path.display()
            ),
            fix,
        ),
        None => Finding::ok("clock", "the clock is plausible"),
    }
}

/// A connection takes two descriptors, four while its bytes are spliced.
#[cfg(target_os = "linux")]
fn open_files(connections: usize) -> Option<Finding> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    let soft: u64 = line.split_whitespace().nth(3)?.parse().ok()?;
    let wanted = (connections as u64).saturating_mul(2).saturating_add(64);
    Some(if soft < wanted {
        Finding::warning(
            "files",
            format!("{soft} files may be open; {connections} connections need {wanted}"),
            format!(
                "raise the limit (ulimit -n {wanted}, or LimitNOFILE={wanted} in the unit), or lower [listen.limits] connections"
            ),
        )
    } else {
        Finding::ok("files", format!("{soft} files may be open"))
    })
}

#[cfg(not(target_os = "linux"))]
fn open_files(_: usize) -> Option<Finding> {
    None
}

/// The desktop's proxy as a finding; a desktop without proxy settings is fine.
pub fn system_proxy(report: SystemProxyReport) -> Finding {
    let check = "system proxy";
    let fix = report.fix.unwrap_or_default();
    match report.state {
        SystemProxyState::On if fix.is_empty() => Finding::ok(check, report.text),
        SystemProxyState::Off | SystemProxyState::Unsupported => Finding::ok(check, report.text),
        SystemProxyState::Leftover => Finding::wrong(check, report.text, fix),
        SystemProxyState::On | SystemProxyState::Changed | SystemProxyState::Unknown => {
            Finding::warning(check, report.text, fix)
        }
    }
}

#[cfg(test)]
mod tests {
    use privet_config::NoKeyring;

    use super::*;
    use privet_api::diagnostics::FindingState;

    fn files(dir: &Path, config: &str) -> CheckInputs {
        let config_path = dir.join("privet.toml");
        fs::write(&config_path, config).unwrap();
        CheckInputs {
            config_path,
            data_dir: dir.join("data"),
            keyring: Arc::new(NoKeyring),
        }
    }

    fn state(findings: &[Finding], check: &str) -> Vec<FindingState> {
        findings
            .iter()
            .filter(|f| f.check == check)
            .map(|f| f.state)
            .collect()
    }

    #[test]
    fn a_configuration_with_a_fault_is_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let findings = run_checks(&files(dir.path(), "mode = \"standard\"\n[lisen]\n"));
        let wrong = findings
            .iter()
            .find(|f| f.state == FindingState::Wrong)
            .unwrap();
        assert!(wrong.text.contains(":2:"), "{wrong:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_token_that_others_can_read_is_reported_with_chmod() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path(), "");
        fs::create_dir(&files.data_dir).unwrap();
        let token = files.data_dir.join(TOKEN_FILE);
        fs::write(&token, "x").unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
        let findings = run_checks(&files);
        let wrong = findings.iter().find(|f| f.check == "permissions").unwrap();
        assert_eq!(wrong.state, FindingState::Wrong);
        assert!(wrong.fix.as_ref().unwrap().starts_with("chmod"));
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(
            state(&run_checks(&files), "permissions"),
            [FindingState::Ok]
        );
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_wrong_and_a_missing_keyring_alone_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let findings = run_checks(&files(dir.path(), ""));
        assert_eq!(state(&findings, "keyring"), [FindingState::Warning]);
        let config = "[[upstream]]\nname = \"a\"\nurl = \"socks5://127.0.0.1:1\"\nusername = \"u\"\npassword = { keyring = \"k\" }\n";
        let findings = run_checks(&files(dir.path(), config));
        assert_eq!(state(&findings, "secret"), [FindingState::Wrong]);
    }

    #[test]
    fn a_clock_behind_its_own_files_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path(), "");
        let now = SystemTime::now();
        assert_eq!(
            clock(now, &files.config_path, &files.data_dir).state,
            FindingState::Ok
        );
        let hour_ago = now - Duration::from_secs(3600);
        assert_eq!(
            clock(hour_ago, &files.config_path, &files.data_dir).state,
            FindingState::Wrong
        );
        assert_eq!(
            clock(SystemTime::UNIX_EPOCH, &files.config_path, &files.data_dir).state,
            FindingState::Wrong
        );
    }
}
