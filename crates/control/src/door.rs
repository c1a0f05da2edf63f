//! By which door a change came: what a caller says of itself in a header.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use privet_engine::ChangeSource;

/// The header in which a door names itself. It proves nothing and gives no right: the timeline shows it.
pub const DOOR_HEADER: &str = "privet-door";

/// The names that a door may have. Whoever gives none of them is "api".
pub(crate) const DOORS: [(&str, ChangeSource); 4] = [
    ("window", ChangeSource::Window),
    ("tray", ChangeSource::Tray),
    ("cli", ChangeSource::Cli),
    ("page", ChangeSource::Page),
];

/// The door that this call came by.
pub(crate) struct From(pub ChangeSource);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut given = parts.headers.get_all(DOOR_HEADER).iter();
        let door = match (given.next(), given.next()) {
            (Some(name), None) => DOORS
                .iter()
                .find(|(known, _)| name.as_bytes() == known.as_bytes())
                .map_or(ChangeSource::Api, |(_, door)| *door),
            _ => ChangeSource::Api,
        };
        Ok(Self(door))
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    async fn door(names: &[&str]) -> ChangeSource {
        let mut request = Request::builder();
        for name in names {
            request = request.header(DOOR_HEADER, *name);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let Ok(From(door)) = From::from_request_parts(&mut parts, &()).await;
        door
    }

    #[tokio::test]
    async fn a_door_is_one_of_four_or_the_api() {
        assert_eq!(door(&["tray"]).await, ChangeSource::Tray);
        assert_eq!(door(&["window"]).await, ChangeSource::Window);
        for unknown in [&[][..], &["file"], &["Tray"], &["tray", "cli"], &["x\"},{"]] {
            assert_eq!(door(unknown).await, ChangeSource::Api, "{unknown:?}");
        }
    }
}
