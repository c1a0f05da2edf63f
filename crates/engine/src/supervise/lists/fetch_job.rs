//! What a fetch of a list is asked for and what it results in.

use bytes::Bytes;
use privet_config::ListFormat;
use privet_policy::VisitedSite;

use super::read::ParsedList;
use super::versions::VersionInfo;

/// A list that must be fetched.
#[derive(Debug, Clone)]
pub(crate) struct FetchJob {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) format: ListFormat,
    /// Metadata of the stored text, for a conditional request.
    pub(crate) stored: Option<VersionInfo>,
    /// The list blocks now: check an update for sites that the user visits.
    pub(crate) check_own_sites: bool,
}

/// A fetch that succeeded.
pub(crate) enum FetchOutcome {
    /// The stored text is current.
    NotModified,
    Updated(Box<ListUpdate>),
}

/// The outcome of a fetch, or a sentence for the user.
pub(crate) type FetchResult = Result<FetchOutcome, String>;

/// A new text of a list.
pub(crate) struct ListUpdate {
    pub(crate) parsed: ParsedList,
    pub(crate) info: VersionInfo,
    pub(crate) bytes: Bytes,
    /// The user's own sites that it would newly block.
    pub(crate) newly_blocked: Vec<VisitedSite>,
}
