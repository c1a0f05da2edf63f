//! Idle upstream connections that belong to one client connection: what was authenticated on them (NTLM, Negotiate) holds
//! for this client alone, so that they never go to the pool.

use privet_policy::Target;

use super::connection::OriginConnection;

/// The most that one client connection keeps; the oldest is closed when another is added.
const MAX_PINNED: usize = 8;

#[expect(clippy::vec_box, reason = "connections are passed on in their boxes")]
#[derive(Default)]
pub struct PinnedOrigins(Vec<Box<OriginConnection>>);

impl PinnedOrigins {
    pub fn give(&mut self, mut origin: Box<OriginConnection>) {
        origin.rest();
        if self.0.len() >= MAX_PINNED {
            self.0.remove(0);
        }
        self.0.push(origin);
    }

    /// Takes the open connection to `target`. `thorough`: see [`OriginConnection::is_quiet`].
    pub fn take(
        &mut self,
        key: u64,
        target: &Target,
        thorough: bool,
    ) -> Option<Box<OriginConnection>> {
        let at = self
            .0
            .iter()
            .rposition(|origin| origin.key == key && origin.target == *target)?;
        let mut origin = self.0.swap_remove(at);
        origin.is_quiet(thorough).then_some(origin)
    }
}
