//! What a site changes in the heads that pass it: the backend learns who asks, the client does not learn who answers.

/// What a site changes in the fields of a response.
pub trait SiteFields: Send + Sync {
    /// Passes a field to `emit` as the client is to have it, or leaves it out.
    fn emit(&self, name: &[u8], value: &[u8], emit: &mut dyn FnMut(&[u8], &[u8]));
}

/// How a site rewrites requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct SiteRequest<'a> {
    /// The value of `Host`, as the client sent it.
    pub host: &'a [u8],
    /// Bytes of the path's start that the backend does not get.
    pub strip: usize,
    /// Field lines that say who asks, each with its CRLF.
    pub fields: &'a [u8],
}
