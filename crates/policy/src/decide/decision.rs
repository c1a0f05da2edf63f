//! One decision under way: the request, and what its steps found so far.

use std::sync::Arc;

use super::observer::Observer;
use crate::policy::Policy;
use crate::rules::Rule;
use crate::{Action, Request, Treatment, Verdict, Why, WhyKind};

/// A decision. Each step is an `impl` block in a file of its own; `run` calls them in order.
pub(super) struct Decision<'a, O> {
    pub(super) request: &'a Request<'a>,
    pub(super) policy: &'a Policy,
    pub(super) observer: &'a mut O,
    /// An `ip` rule needs the addresses of the target's name, which may be looked up here.
    pub(super) wants_addresses: bool,
    /// The rule that matched, where it says which targets it is about.
    pub(super) named_by: Option<&'a Rule>,
    /// The rule that matched.
    pub(super) matched: Option<&'a Rule>,
    /// What lists on probation would do, for the reason of whichever later step decides.
    pub(super) probation_note: Option<String>,
}

impl<'a, O: Observer> Decision<'a, O> {
    pub(super) fn new(request: &'a Request<'a>, policy: &'a Policy, observer: &'a mut O) -> Self {
        Self {
            request,
            policy,
            observer,
            wants_addresses: false,
            named_by: None,
            matched: None,
            probation_note: None,
        }
    }
}

pub(super) fn block(kind: WhyKind, text: impl Into<Arc<str>>) -> Verdict {
    verdict(Action::Block, kind, text.into())
}

pub(super) fn verdict(action: Action, kind: WhyKind, text: Arc<str>) -> Verdict {
    Verdict {
        action,
        why: Why { kind, text },
        wants_addresses: false,
        treatment: Treatment::default(),
    }
}
