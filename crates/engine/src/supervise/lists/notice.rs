//! Sentences about damaged files of lists.

/// Something that the user should know about a list, and that needs no action.
#[derive(Clone)]
pub(crate) struct Notice {
    /// Key of the problem: "lists" or "list-file:NAME".
    pub(crate) about: String,
    pub(crate) text: String,
}
