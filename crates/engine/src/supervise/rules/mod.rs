//! The rules: temporary rules, hit counts, states for the API, shadowing.

mod expired;
mod hit_counts;
mod lifetime;
mod save;
mod shadow_warnings;
mod states;
mod temporary;
pub(crate) mod tracked;

pub(crate) use hit_counts::RuleHitCounts;
pub use lifetime::{RuleLifetime, TemporaryLifetime};
pub use shadow_warnings::shadow_warnings;
pub(crate) use shadow_warnings::warning as shadow_warning;
pub use states::RuleState;
pub(crate) use states::states;
pub use temporary::MAX_TEMPORARY_RULES;
