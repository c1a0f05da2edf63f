//! What the lists say about a request.

use std::sync::Arc;
use std::time::SystemTime;

use smallvec::SmallVec;

use crate::host_hash::SuffixHashes;
use crate::list::{ListHit, Subject};
use crate::policy::Policy;
use crate::{List, Request};

/// The lines that name the target.
pub(super) struct ListHits<'a> {
    pub(super) blocks: SmallVec<[(&'a Arc<List>, ListHit); 4]>,
    /// The strongest exception of a list that is not on probation.
    pub(super) exception: Option<(&'a Arc<List>, ListHit)>,
}

impl<'a> ListHits<'a> {
    /// Asks every list; `saw` is told each answer, with the end of the list's probation.
    pub(super) fn of(
        request: &'a Request<'a>,
        policy: &'a Policy,
        suffixes: &SuffixHashes,
        mut saw: impl FnMut(&'a List, Option<ListHit>, Option<SystemTime>),
    ) -> ListHits<'a> {
        let subject = Subject {
            host: &request.target.host,
            suffixes,
            addresses: request.addresses.known(),
            url: request.url,
            page: request.page,
        };
        let mut hits = ListHits {
            blocks: SmallVec::new(),
            exception: None,
        };
        for list in policy.lists() {
            let hit = list.look_up(&subject);
            let probation_until = list.probation_at(request.at);
            saw(list, hit, probation_until);
            match hit {
                Some(hit) if !hit.allow => hits.blocks.push((list, hit)),
                Some(hit) if probation_until.is_none() => {
                    let is_stronger = |(_, other): (_, ListHit)| hit.rank() > other.rank();
                    if hits.exception.is_none_or(is_stronger) {
                        hits.exception = Some((list, hit));
                    }
                }
                Some(_) | None => {}
            }
        }
        hits
    }

    /// The blocks that no exception undoes.
    pub(super) fn effective(&self) -> impl Iterator<Item = (&'a Arc<List>, ListHit)> {
        let excepted = self.exception.map_or(0, |(_, hit)| hit.rank());
        let blocks = self.blocks.iter().copied();
        blocks.filter(move |(_, hit)| hit.rank() > excepted)
    }
}
