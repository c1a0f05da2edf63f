//! The user who started this program.

/// The user's number: with sudo, of the user who called it. `None` on systems without such numbers.
pub fn invoking_user() -> Option<u32> {
    #[cfg(unix)]
    {
        let own = rustix::process::getuid();
        let caller = std::env::var("SUDO_UID").ok();
        let caller = caller.filter(|_| own.is_root());
        Some(
            caller
                .and_then(|uid| uid.parse().ok())
                .unwrap_or(own.as_raw()),
        )
    }
    #[cfg(not(unix))]
    None
}
