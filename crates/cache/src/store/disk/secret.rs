//! The secret of the keys.

use std::io::{self, Write};
use std::path::Path;

use super::{files, seal};
use crate::key::KeySecret;

/// The secret of a disk store's keys: it has to be the same for as long as the entries live, so it lies beside them.
///
/// # Errors
///
/// Where the folder cannot be used; a cache in memory can have any secret.
pub fn key_secret(folder: &Path) -> io::Result<KeySecret> {
    files::create_folder(folder)?;
    let path = folder.join("secret");
    if let Ok(found) = std::fs::read(&path)
        && let Ok(secret) = <[u8; 16]>::try_from(found)
    {
        return Ok(KeySecret(secret));
    }
    let secret = seal::random::<16>()?;
    let new = folder.join("secret.new");
    let mut file = files::create_options().truncate(true).open(&new)?;
    file.write_all(&secret)?;
    file.sync_data()?;
    std::fs::rename(&new, &path)?;
    Ok(KeySecret(secret))
}
