//! The running pause in the data folder, and whether it survives a restart.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use privet_config::unix_time::{from_unix_ms, unix_ms};
use privet_config::{Config, Dns, HeaderMode, Mode, RouteRef};
use serde::{Deserialize, Serialize};

use super::selection::Pause;

/// Name of the file in the data folder.
const FILE_NAME: &str = "pause.json";
/// Largest accepted file, in bytes.
const MAX_FILE: u64 = 4096;

/// A pause as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredPause {
    mode: String,
    /// Unix milliseconds; `None`: until the engine restarts.
    until_ms: Option<u64>,
}

impl From<&Pause> for StoredPause {
    fn from(pause: &Pause) -> Self {
        Self {
            mode: pause.mode.clone(),
            until_ms: pause.until.map(unix_ms),
        }
    }
}

impl StoredPause {
    /// The pause that an earlier run stored; `None`: there is none, or it cannot be read. Blocking.
    pub(crate) fn load(data_dir: &Path) -> Option<Self> {
        let path = data_dir.join(FILE_NAME);
        let size = std::fs::metadata(&path).ok()?.len();
        let text = (size <= MAX_FILE).then(|| std::fs::read(&path).ok())??;
        serde_json::from_slice(&text).ok()
    }

    /// Stores `pause`, or that there is none. Blocking.
    pub(crate) fn save(data_dir: &Path, pause: Option<&Self>) -> io::Result<()> {
        let path: PathBuf = data_dir.join(FILE_NAME);
        let Some(pause) = pause else {
            return match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        };
        let text = serde_json::to_string(pause).map_err(io::Error::other)?;
        privet_config::save(&path, &text).map_err(|error| error.source)
    }

    /// The pause after a restart at `now`: it goes on where its end is still to come and its mode is at least as strict as
    /// the mode of the configuration. One without an end goes on where its mode is stricter.
    pub(crate) fn after_restart(&self, config: &Config, now: SystemTime) -> Option<Pause> {
        let until = self.until_ms.map(from_unix_ms);
        let (mode, base) = (
            config.modes.get(&self.mode)?,
            config.modes.get(&config.mode)?,
        );
        let goes_on = match until {
            Some(until) => until > now,
            None => !is_as_strict(base, mode),
        };
        (goes_on && is_as_strict(mode, base)).then(|| Pause {
            mode: self.mode.clone(),
            until,
        })
    }
}

/// Whether `mode` protects at least as much as `base` in every respect.
fn is_as_strict(mode: &Mode, base: &Mode) -> bool {
    let protections = |mode: &Mode| {
        let headers = match mode.headers {
            HeaderMode::Untouched => 0,
            HeaderMode::Reduced => 1,
            HeaderMode::Minimal => 2,
        };
        [
            u8::from(mode.kill_switch),
            u8::from(mode.filter),
            u8::from(mode.route != RouteRef::Direct),
            u8::from(mode.dns == Dns::Upstream),
            headers,
        ]
    };
    let (mode, base) = (protections(mode), protections(base));
    mode.iter().zip(base).all(|(mode, base)| *mode >= base)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_restart_keeps_a_stricter_pause_and_ends_a_weaker_one() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let pause = |mode: &str, until_ms| StoredPause {
            mode: mode.to_owned(),
            until_ms,
        };
        let later = Some(1_001_000);
        for (base, mode, until_ms, kept) in [
            ("standard", "strict", later, true),
            ("standard", "strict", Some(999_000), false),
            ("standard", "strict", None, true),
            ("strict", "strict", None, false),
            ("strict", "standard", None, false),
            ("standard", "gone", later, false),
            ("strict", "standard", later, false),
            ("standard", "off", later, false),
        ] {
            let text = format!("mode = \"{base}\"\n");
            let config = Config::parse(&text, Path::new("/")).unwrap().config;
            let after = pause(mode, until_ms).after_restart(&config, now);
            assert_eq!(after.is_some(), kept, "{base} {mode} {until_ms:?}");
        }
    }

    #[test]
    fn a_stored_pause_is_read_again_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let pause = StoredPause {
            mode: "strict".to_owned(),
            until_ms: Some(5),
        };
        StoredPause::save(folder.path(), Some(&pause)).unwrap();
        assert_eq!(StoredPause::load(folder.path()), Some(pause));
        StoredPause::save(folder.path(), None).unwrap();
        StoredPause::save(folder.path(), None).unwrap();
        assert_eq!(StoredPause::load(folder.path()), None);
    }
}
