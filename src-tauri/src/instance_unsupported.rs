//! Platforms without Unix sockets: every start opens its own window.

use std::io;
use std::path::Path;

/// What a second start would forward.
#[derive(Debug, Clone, Default)]
pub struct LaunchRequest {
    pub link: Option<String>,
    pub activation_token: Option<String>,
}

pub enum Instance {
    Primary(PrimaryInstance),
    #[expect(dead_code, reason = "there is never another instance here")]
    Forwarded,
}

pub struct PrimaryInstance;

/// Always the primary instance.
///
/// # Errors
/// None.
pub fn acquire(_folder: &Path, _request: &LaunchRequest) -> io::Result<Instance> {
    Ok(Instance::Primary(PrimaryInstance))
}

impl PrimaryInstance {
    /// Receives nothing.
    ///
    /// # Errors
    /// None.
    pub fn listen(self, _show: impl Fn(LaunchRequest) + Send + 'static) -> io::Result<()> {
        Ok(())
    }
}
