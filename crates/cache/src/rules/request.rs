//! What the rules need of a request, read in one pass over its fields.

use super::fields::Fields;

/// A request that the cache is asked for.
#[derive(Clone, Copy)]
pub struct Request<'f> {
    /// As sent: methods are case-sensitive.
    pub method: &'f [u8],
    pub fields: &'f dyn Fields,
}

impl<'f> Request<'f> {
    pub fn new(method: &'f [u8], fields: &'f dyn Fields) -> Request<'f> {
        Request { method, fields }
    }
}
