//! The rules of a policy, compiled.

mod app_pattern;
mod index;
mod matching;
mod position;
mod rule;

pub(crate) use app_pattern::AppPattern;
pub(crate) use index::{Candidates, RuleIndex};
pub(crate) use matching::{
    Evaluation, MatchResult, MissingFact, NameCheck, NoLookupReason, covers, is_below,
};
pub use position::RulePosition;
pub use rule::MAX_REGEX;
pub(crate) use rule::{CompiledAction, Rule};
