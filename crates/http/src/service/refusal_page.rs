//! The page for a request that the gateway refused.

use privet_gateway::Refusal;
use privet_net::DialErrorKind;
use privet_policy::Target;

use super::{DialFailure, OwnResponse};
use crate::respond::reject;

pub(super) fn page_of(refusal: Refusal, target: &Target) -> OwnResponse {
    let target = target.clone();
    Box::new(move |format| reject::refusal(&refusal, &target, format))
}

pub(super) fn dial_failure(refusal: Refusal, target: &Target) -> DialFailure {
    let unreachable = matches!(&refusal, Refusal::Failed(error) if is_unreachable(error.kind));
    DialFailure {
        response: page_of(refusal, target),
        unreachable,
    }
}

fn is_unreachable(kind: DialErrorKind) -> bool {
    matches!(
        kind,
        DialErrorKind::Refused
            | DialErrorKind::NetworkUnreachable
            | DialErrorKind::HostUnreachable
            | DialErrorKind::TtlExpired
            | DialErrorKind::TimedOut
            | DialErrorKind::ResolverFailed
            | DialErrorKind::UpstreamDown
    )
}
