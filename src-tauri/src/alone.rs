//! Where there are no Unix sockets each start has a window of its own.

use std::io;
use std::path::Path;

/// What a second start would tell the first.
#[derive(Debug, Clone, Default)]
pub struct Message {
    pub link: Option<String>,
    pub activation: Option<String>,
}

pub enum Claim {
    First(First),
    #[expect(dead_code, reason = "nobody is asked here")]
    HandedOver,
}

pub struct First;

/// Always the first.
///
/// # Errors
/// None.
pub fn claim(_folder: &Path, _message: &Message) -> io::Result<Claim> {
    Ok(Claim::First(First))
}

impl First {
    /// Nobody is heard.
    ///
    /// # Errors
    /// None.
    pub fn listen(self, _show: impl Fn(Message) + Send + 'static) -> io::Result<()> {
        Ok(())
    }
}
