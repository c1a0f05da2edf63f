//! One connection to the server.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo};
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::bounded::{Bounded, MOST_AT_ONCE, Unread};
use crate::settings::RedisSettings;

/// How long connecting and logging in may take.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Why there is no connection. It contains no secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("it did not answer within {}", shown(*.0))]
    TimedOut(Duration),
    #[error("it cannot be reached: {0}")]
    Unreachable(std::io::Error),
    #[error("{}", text(.0))]
    Redis(#[from] redis::RedisError),
    #[error("it closed the connection")]
    Closed,
}

fn shown(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

/// The error text of a server, shortened and without control characters.
fn text(error: &redis::RedisError) -> String {
    let text = error.to_string();
    let kept = text.chars().filter(|letter| !letter.is_control());
    kept.take(200).collect()
}

/// The future that reads and writes the connection. It has to be polled.
type Driving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection that all requests share (pipelining).
pub(crate) struct Link {
    pub(crate) connection: MultiplexedConnection,
    /// Limits the commands that wait for replies.
    pub(crate) places: Arc<Semaphore>,
    /// Set once the connection has failed.
    pub(crate) failed: CancellationToken,
    pub(crate) unread: Unread,
}

impl Link {
    /// Connects and logs in. The connection works while the future runs.
    pub(crate) async fn open(settings: &RedisSettings) -> Result<(Self, Driving), LinkError> {
        let opening = timeout(CONNECT_TIMEOUT, Self::connect(settings)).await;
        opening.unwrap_or(Err(LinkError::TimedOut(CONNECT_TIMEOUT)))
    }

    async fn connect(settings: &RedisSettings) -> Result<(Self, Driving), LinkError> {
        let stream = settings.connector.connect(CONNECT_TIMEOUT).await;
        let stream = stream.map_err(LinkError::Unreachable)?;
        let unread = Unread::default();
        let stream = Bounded::new(stream, unread.clone());
        let mut login = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some(name) = &settings.username {
            login = login.set_username(name);
        }
        if let Some(password) = &settings.password {
            login = login.set_password(password.expose_secret());
        }
        // Each command has a timeout of its own.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let opened = MultiplexedConnection::new_with_config(&login, stream, config).await;
        let (connection, driver) = opened?;
        let driver: Driving = Box::pin(driver);
        unread.reset();
        let link = Self {
            connection,
            places: Arc::new(Semaphore::new(MOST_AT_ONCE)),
            failed: CancellationToken::new(),
            unread,
        };
        Ok((link, driver))
    }
}
