//! Stores of trusted certificate authorities: the system's, those of Firefox and Chromium (NSS), and Java's. Whether an
//! authority is in one is measured; it is added and removed where that needs no other rights than ours.

mod java;
mod nss;
mod pem;
mod store;
mod system_store;

pub use store::{Authority, StoreFolders, StoreKind, TrustStore};

/// Measures all stores. Blocks: it runs programs.
pub fn measure(authority: &Authority, folders: &StoreFolders) -> Vec<TrustStore> {
    let mut system = system_store::measure(authority);
    system.writable &= !folders.only_these;
    let mut all = vec![system];
    all.extend(nss::measure(authority, folders));
    all.extend(java::measure(authority, folders));
    all
}

/// Adds the authority to a store, or removes it. Blocks: it runs programs.
///
/// # Errors
/// What failed, as a sentence.
pub fn change(
    authority: &Authority,
    store: &TrustStore,
    trusted: bool,
    folders: &StoreFolders,
) -> Result<(), String> {
    if store.trusted == Some(trusted) {
        return Ok(());
    }
    if !store.writable {
        return Err("it cannot be changed by this user".to_owned());
    }
    match store.kind {
        StoreKind::System => system_store::change(authority, trusted),
        StoreKind::Nss => nss::change(authority, &store.path, trusted),
        StoreKind::Java => java::change(authority, &store.path, trusted, folders),
    }
}
