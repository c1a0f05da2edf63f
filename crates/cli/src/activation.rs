//! Listening sockets inherited from the service manager (systemd socket activation).

#[cfg(unix)]
pub use privet_system::activation::take;

/// The inherited sockets, or why they cannot be used.
#[cfg(unix)]
pub type InheritedSockets = Result<
    Vec<privet_system::activation::ActivatedSocket>,
    privet_system::activation::ActivationError,
>;
#[cfg(not(unix))]
pub type InheritedSockets = ();

/// Socket activation exists only on Unix.
#[cfg(not(unix))]
pub fn take() -> InheritedSockets {}
