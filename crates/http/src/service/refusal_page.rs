//! The page for a request that the gateway refused.

use privet_gateway::Refusal;
use privet_policy::Target;

use super::OwnResponse;
use crate::respond::reject;

pub(super) fn page_of(refusal: Refusal, target: &Target) -> OwnResponse {
    let target = target.clone();
    Box::new(move |format| reject::refusal(&refusal, &target, format))
}
