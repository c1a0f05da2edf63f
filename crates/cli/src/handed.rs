//! Sockets that the service manager hands over (systemd socket activation).

#[cfg(unix)]
pub use privet_system::activation::take;

/// What was handed over, or why it cannot be used.
#[cfg(unix)]
pub type Handed = Result<
    Vec<privet_system::activation::ActivatedSocket>,
    privet_system::activation::ActivationError,
>;
#[cfg(not(unix))]
pub type Handed = ();

/// Nothing is handed over here.
#[cfg(not(unix))]
pub fn take() -> Handed {}
