//! The token of the API on TCP: 256 random bits in `DATA_DIR/control.token`, readable by its owner only.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

/// The file's name inside the data folder.
pub const TOKEN_FILE: &str = "control.token";
/// Random bytes in a new token.
const TOKEN_BYTES: usize = 32;

/// Fewest characters of a token.
const MIN_LENGTH: usize = 16;

/// What a caller over TCP sends. `Debug` does not print it.
pub struct Token(SecretString);

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("cannot read or write {}: {source}; see who owns it and its folder, and whether the disk is full", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} holds no usable token; delete it and a new one is made at the next start", path.display())]
    Malformed { path: PathBuf },
    #[error("the system gave no random bytes for a token: {0}")]
    NoRandom(String),
}

/// Most bytes that are read of the file; a token is far shorter.
const MAX_FILE: u64 = 4096;

impl Token {
    /// A token of visible ASCII characters, [`MIN_LENGTH`] to 256 of them: a shorter one can be guessed, or is what a crash left
    /// of a longer one.
    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits =
            (MIN_LENGTH..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(SecretString::from(text)))
    }

    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Reads the folder's token.
    pub fn read(data_dir: &Path) -> Result<Self, TokenError> {
        let path = data_dir.join(TOKEN_FILE);
        let text = read_text(&path).map_err(|source| TokenError::Io {
            path: path.clone(),
            source,
        })?;
        Self::from_text(&text).ok_or(TokenError::Malformed { path })
    }

    /// Reads the folder's token or creates one, also where the file is empty; `true`: it is new, and the user has not seen it
    /// yet. If others may read the file, its mode is changed to 0600.
    pub fn read_or_create(data_dir: &Path) -> Result<(Self, bool), TokenError> {
        match Self::read(data_dir) {
            Ok(token) => {
                restrict_to_owner(&data_dir.join(TOKEN_FILE))?;
                Ok((token, false))
            }
            Err(TokenError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Self::create(data_dir).map(|token| (token, true))
            }
            Err(TokenError::Malformed { path }) if is_blank(&path) => {
                Self::replace(data_dir).map(|token| (token, true))
            }
            Err(error) => Err(error),
        }
    }

    /// Creates a token in place of the folder's. A running engine takes the former one until it ends.
    pub fn replace(data_dir: &Path) -> Result<Self, TokenError> {
        let path = data_dir.join(TOKEN_FILE);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(TokenError::Io { path, source })
            }
            _ => Self::create(data_dir),
        }
    }

    fn create(data_dir: &Path) -> Result<Self, TokenError> {
        let mut random = [0_u8; TOKEN_BYTES];
        getrandom::fill(&mut random).map_err(|error| TokenError::NoRandom(error.to_string()))?;
        let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = data_dir.join(TOKEN_FILE);
        let failed = |source| TokenError::Io {
            path: path.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(failed)?;
        file.write_all(format!("{text}\n").as_bytes())
            .map_err(failed)?;
        file.sync_all().map_err(failed)?;
        Ok(Self(SecretString::from(text)))
    }
}

/// Whether the file has no text: what a full disk or a crash leaves.
fn is_blank(path: &Path) -> bool {
    read_text(path).is_ok_and(|text| text.trim().is_empty())
}

fn read_text(path: &Path) -> io::Result<String> {
    let bytes = privet_regular_file::read(path, MAX_FILE)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

#[cfg(unix)]
fn restrict_to_owner(path: &Path) -> Result<(), TokenError> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |source| TokenError::Io {
        path: path.to_owned(),
        source,
    };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn restrict_to_owner(_: &Path) -> Result<(), TokenError> {
    Ok(())
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_created_once_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let (made, new) = Token::read_or_create(dir.path()).unwrap();
        assert!(new);
        assert_eq!(made.expose().len(), 64);
        let (again, new) = Token::read_or_create(dir.path()).unwrap();
        assert!(!new);
        assert_eq!(made.expose(), again.expose());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(dir.path().join(TOKEN_FILE))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn an_empty_token_file_is_made_anew_and_an_unusable_one_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(TOKEN_FILE);
        fs::write(&file, "\n").unwrap();
        let (made, new) = Token::read_or_create(dir.path()).unwrap();
        assert!(new);
        assert_eq!(Token::read(dir.path()).unwrap().expose(), made.expose());
        for unusable in ["two words of more than sixteen\n", "0123456789abcde\n"] {
            fs::write(&file, unusable).unwrap();
            assert!(matches!(
                Token::read_or_create(dir.path()),
                Err(TokenError::Malformed { .. })
            ));
        }
        let replaced = Token::replace(dir.path()).unwrap();
        assert_ne!(replaced.expose(), made.expose());
    }

    #[cfg(unix)]
    #[test]
    fn a_device_in_place_of_the_token_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join(TOKEN_FILE)).unwrap();
        let refused = Token::read_or_create(folder.path());
        assert!(matches!(refused, Err(TokenError::Io { .. })));
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let token = Token::from_text("open-sesame-0123").unwrap();
        assert!(!format!("{token:?}").contains("sesame"));
    }
}
