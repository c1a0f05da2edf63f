//! Where the authority is kept: in the keyring, else in a file that only its owner can read.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use privet_config::{Keyring, KeyringError};
use privet_tls::CertificateDer;
use privet_tls::inspection::{AuthorityFile, InspectionAuthority, PublicAuthority};
use secrecy::{ExposeSecret, SecretString};

/// The keyring's entry.
pub(crate) const AUTHORITY_ENTRY: &str = "inspection-authority";

/// Where the authority may be kept.
pub(crate) struct AuthorityPlace {
    pub(crate) folder: PathBuf,
    pub(crate) keyring: Arc<dyn Keyring + Send + Sync>,
}

impl AuthorityPlace {
    fn file(&self) -> AuthorityFile {
        AuthorityFile::new(self.secret_path())
    }

    fn secret_path(&self) -> PathBuf {
        self.folder.join("inspection.pem")
    }

    /// The certificate without its key: what is known of the authority while the keyring is not asked.
    fn public_path(&self) -> PathBuf {
        self.folder.join("inspection-ca.pem")
    }

    fn keep_public(&self, facts: &AuthorityFacts) {
        let path = self.public_path();
        let is_kept = std::fs::read_to_string(&path).is_ok_and(|kept| kept == facts.pem);
        if !is_kept && let Err(error) = std::fs::write(&path, &facts.pem) {
            tracing::warn!("{}: {error}", path.display());
        }
    }

    /// What is known of an authority that was made before. Blocks on the disk.
    pub(crate) fn known(&self) -> Option<AuthorityFacts> {
        let pem = std::fs::read_to_string(self.public_path()).ok()?;
        let public = PublicAuthority::from_pem(&pem).ok()?;
        Some(AuthorityFacts {
            common_name: public.common_name,
            pem,
            fingerprint: public.facts.fingerprint.to_string(),
            not_before: public.facts.not_before,
            not_after: public.facts.not_after,
            certificate: public.certificate,
            in_keyring: Arc::new(AtomicBool::new(!self.secret_path().exists())),
            replaces: false,
        })
    }

    /// The authority's certificate; the authority is made where there is none. Blocks while the keyring asks the user.
    ///
    /// # Errors
    /// As a sentence.
    pub(crate) fn ensure(&self) -> Result<AuthorityFacts, String> {
        let is_valid = |known: &AuthorityFacts| known.is_valid_at(SystemTime::now());
        if let Some(known) = self.known().filter(is_valid) {
            return Ok(known);
        }
        load_or_make(self, &*self.keyring)?;
        self.known()
            .ok_or_else(|| format!("{} cannot be read", self.public_path().display()))
    }
}

/// What may be told about the authority: everything but its key.
pub struct AuthorityFacts {
    pub common_name: String,
    /// PEM.
    pub pem: String,
    /// SHA-256 of the certificate, as hexadecimal bytes with colons.
    pub fingerprint: String,
    pub not_before: SystemTime,
    pub not_after: SystemTime,
    pub certificate: CertificateDer<'static>,
    in_keyring: Arc<AtomicBool>,
    /// It was made in the place of one that had expired or could not be read: programs trusted that one.
    pub(crate) replaces: bool,
}

/// Where the authority's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorityStorage {
    Keyring,
    File,
}

impl AuthorityFacts {
    fn of(authority: &InspectionAuthority, in_keyring: bool) -> Self {
        let facts = authority.facts();
        Self {
            common_name: authority.common_name(),
            pem: authority.certificate_pem(),
            fingerprint: facts.fingerprint.to_string(),
            not_before: facts.not_before,
            not_after: facts.not_after,
            certificate: authority.certificate().clone(),
            in_keyring: Arc::new(AtomicBool::new(in_keyring)),
            replaces: false,
        }
    }

    pub(crate) fn is_valid_at(&self, now: SystemTime) -> bool {
        now < self.not_after
    }

    pub fn storage(&self) -> AuthorityStorage {
        match self.in_keyring.load(Ordering::Relaxed) {
            true => AuthorityStorage::Keyring,
            false => AuthorityStorage::File,
        }
    }
}

/// The installation's authority. Where there is none it is made, in the file; a thread of its own then moves it to the keyring,
/// which may wait for the user. `secrets`: what the keyring answered already.
pub(super) fn load_or_make(
    place: &AuthorityPlace,
    secrets: &dyn Keyring,
) -> Result<(InspectionAuthority, Arc<AuthorityFacts>), String> {
    let (authority, facts) = find_or_make(place, secrets)?;
    place.keep_public(&facts);
    Ok((authority, facts))
}

/// The authority in the file, and whether there is a file, readable or not. One that cannot be read is set aside.
fn read_file(file: &AuthorityFile) -> Result<(Option<InspectionAuthority>, bool), String> {
    match file.read() {
        Ok(found) => {
            let is_there = found.is_some();
            Ok((found, is_there))
        }
        Err(error) => {
            let aside = file.set_aside().map_err(|error| error.to_string())?;
            tracing::warn!("{error}; it was renamed to {}", aside.display());
            Ok((None, true))
        }
    }
}

fn find_or_make(
    place: &AuthorityPlace,
    secrets: &dyn Keyring,
) -> Result<(InspectionAuthority, Arc<AuthorityFacts>), String> {
    let now = SystemTime::now();
    let (from_file, mut replaces) = read_file(&place.file())?;
    let kept = secrets.read(AUTHORITY_ENTRY);
    let has_keyring = !matches!(kept, Err(KeyringError::NoService));
    if let Some(authority) = from_file.filter(|authority| authority.is_valid_at(now)) {
        let facts = Arc::new(AuthorityFacts::of(&authority, false));
        if has_keyring {
            move_to_keyring(place, &authority, &facts);
        }
        return Ok((authority, facts));
    }
    match kept {
        Ok(secret) => {
            let authority = InspectionAuthority::from_pem(secret.expose_secret());
            let authority = authority.map_err(|error| {
                format!("{error}; remove it with: privet secret delete {AUTHORITY_ENTRY}")
            })?;
            if authority.is_valid_at(now) {
                let facts = Arc::new(AuthorityFacts::of(&authority, true));
                return Ok((authority, facts));
            }
            replaces = true;
        }
        Err(KeyringError::NoEntry | KeyringError::NoService) => {}
        Err(error) => {
            return Err(format!(
                "the inspection authority cannot be read: {error}; unlock the keyring and apply the configuration again"
            ));
        }
    }
    let made = InspectionAuthority::make(now).map_err(|error| error.to_string())?;
    place
        .file()
        .write(&made)
        .map_err(|error| error.to_string())?;
    tracing::info!("an inspection authority was made");
    let facts = Arc::new(AuthorityFacts {
        replaces,
        ..AuthorityFacts::of(&made, false)
    });
    if has_keyring {
        move_to_keyring(place, &made, &facts);
    }
    Ok((made, facts))
}

/// Writes the authority to the keyring, and removes the file once it can be read from there.
fn move_to_keyring(
    place: &AuthorityPlace,
    authority: &InspectionAuthority,
    facts: &AuthorityFacts,
) {
    let (keyring, file) = (place.keyring.clone(), place.file());
    let secret = SecretString::from(authority.secret_pem());
    let in_keyring = facts.in_keyring.clone();
    let moving = move || {
        let moved = keyring
            .write(AUTHORITY_ENTRY, &secret)
            .and_then(|()| keyring.read(AUTHORITY_ENTRY));
        match moved {
            Ok(read) if read.expose_secret() == secret.expose_secret() => {
                in_keyring.store(true, Ordering::Relaxed);
                if let Err(error) = file.remove() {
                    tracing::warn!("the file of the inspection authority stays: {error}");
                }
            }
            Ok(_) => tracing::warn!("the keyring did not keep the inspection authority"),
            Err(error) => {
                tracing::info!("the inspection authority stays in its file: {error}");
            }
        }
    };
    let thread = std::thread::Builder::new().name("authority".to_owned());
    if let Err(error) = thread.spawn(moving) {
        tracing::warn!("the inspection authority stays in its file: {error}");
    }
}
