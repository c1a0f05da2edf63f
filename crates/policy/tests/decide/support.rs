//! What several of these tests need.

use privet_policy::*;

use crate::given::*;

/// The verdict in two words, to compare with.
pub fn way(request: &TestRequest, policy: &Policy) -> String {
    let verdict = decide(&request.borrowed(), policy);
    let explanation = explain(&request.borrowed(), policy);
    assert_eq!(explanation.verdict, verdict);
    let kind = format!("{:?}", verdict.why.kind);
    match explanation.outcome {
        Outcome {
            action: OutcomeAction::Block,
            ..
        } => format!("block {kind}"),
        Outcome {
            action: OutcomeAction::Direct,
            ..
        } => format!("direct {kind}"),
        Outcome {
            outbound,
            fallback_direct,
            ..
        } => {
            let or = if fallback_direct { " or direct" } else { "" };
            format!("{}{or} {kind}", outbound.unwrap())
        }
    }
}
