//! Responses that are made here.

pub(crate) mod error_page;
pub(crate) mod local_response;
pub(crate) mod reject;
