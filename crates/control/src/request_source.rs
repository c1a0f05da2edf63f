//! Reads which client made a change, for the timeline.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use privet_api::{CLIENT_HEADER, ClientKind};
use privet_engine::ChangeSource;

/// The source of the changes that this request makes. It is `Api` unless [`CLIENT_HEADER`] occurs once with a known value.
pub(crate) struct RequestSource(pub ChangeSource);

impl<S: Send + Sync> FromRequestParts<S> for RequestSource {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut values = parts.headers.get_all(CLIENT_HEADER).iter();
        let source = match (values.next(), values.next()) {
            (Some(value), None) => ClientKind::ALL
                .into_iter()
                .find(|kind| value.as_bytes() == kind.as_str().as_bytes())
                .map_or(ChangeSource::Api, source),
            _ => ChangeSource::Api,
        };
        Ok(Self(source))
    }
}

const fn source(kind: ClientKind) -> ChangeSource {
    match kind {
        ClientKind::Window => ChangeSource::Window,
        ClientKind::Tray => ChangeSource::Tray,
        ClientKind::Cli => ChangeSource::Cli,
        ClientKind::Page => ChangeSource::Page,
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    async fn source_of(values: &[&str]) -> ChangeSource {
        let mut request = Request::builder();
        for value in values {
            request = request.header(CLIENT_HEADER, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let Ok(RequestSource(source)) = RequestSource::from_request_parts(&mut parts, &()).await;
        source
    }

    #[tokio::test]
    async fn a_source_is_one_of_four_clients_or_the_api() {
        assert_eq!(source_of(&["tray"]).await, ChangeSource::Tray);
        assert_eq!(source_of(&["window"]).await, ChangeSource::Window);
        for unknown in [&[][..], &["file"], &["Tray"], &["tray", "cli"], &["x\"},{"]] {
            assert_eq!(source_of(unknown).await, ChangeSource::Api, "{unknown:?}");
        }
    }
}
