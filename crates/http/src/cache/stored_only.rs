//! Requests whose client wants nothing but a stored response (`only-if-cached`, RFC 9111 §5.2.1.7): none of them causes a
//! request to an origin, whatever keeps the cache from answering.

use privet_cache::rules::directives::RequestDirectives;

use crate::exchange::Downstream;
use crate::request::RequestFlow;
use crate::request::flow::NextStep;
use crate::service::{Fetch, Service};

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    /// Asks the origin although there is a cache, unless the client wants nothing but a stored response.
    pub(super) async fn pass_by(&mut self, fetch: S::Fetch) -> NextStep {
        match self.wants_stored_only(&fetch) {
            true => self.not_stored().await,
            false => self.relay(fetch).await,
        }
    }

    /// Whether there is a cache for the request, and the client wants nothing else than what is in it.
    pub(super) fn wants_stored_only(&self, fetch: &S::Fetch) -> bool {
        if fetch.cache().is_none() {
            return false;
        }
        let bytes = self.client.head_bytes();
        let mut directives = RequestDirectives::default();
        for field in self.head.fields.iter() {
            let name = field.name.of_buffer(bytes);
            if name.eq_ignore_ascii_case(b"cache-control") {
                directives.add_line(field.value.of_buffer(bytes));
            }
        }
        directives.only_if_cached
    }

    /// The client wants nothing but a stored response (RFC 9111 §5.2.1.7).
    pub(super) async fn not_stored(&mut self) -> NextStep {
        let text = "the response is not in the cache, and the request asks for nothing else";
        let response = self
            .service
            .failure(504, "not in the cache", text.to_owned());
        self.reply(response).await
    }
}
