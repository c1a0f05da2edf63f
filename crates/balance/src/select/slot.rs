//! What a selector knows of each member, and which of them a request may take.

use std::sync::Arc;

use crate::hash::MemberId;
use crate::load::Load;
use crate::member::Tier;

pub(crate) struct Slot {
    pub(crate) id: MemberId,
    pub(crate) load: Arc<Load>,
    pub(crate) tier: Tier,
    pub(crate) weight: u32,
    /// Smooth weighted round-robin: the lag behind the member's share, in units of the sum of weights.
    pub(crate) lag: i64,
    /// Least connections: what was read for the current request.
    pub(crate) in_flight: u64,
}

/// The members that one request may take.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) tier: Tier,
    pub(crate) tried: &'a [usize],
}

impl Wanted<'_> {
    pub(crate) fn has(&self, place: usize, slot: &Slot) -> bool {
        slot.tier == self.tier && !self.tried.contains(&place)
    }

    pub(crate) fn among<'s>(&self, slots: &'s [Slot]) -> impl Iterator<Item = (usize, &'s Slot)> {
        let slots = slots.iter().enumerate();
        slots.filter(|(place, slot)| self.has(*place, slot))
    }
}
