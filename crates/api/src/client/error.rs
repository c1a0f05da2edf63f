//! Why a call failed.

use crate::problem::Problem;
use crate::transport::TransportError;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing listens on the endpoint.
    #[error("no engine answers on {0}; start one with `privet serve`")]
    NotRunning(String),
    /// The engine refused, and why.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    #[error("the token of this data folder is not the engine's")]
    Unauthorized,
    #[error("the engine did not answer in time")]
    TimedOut,
    #[error("the engine's answer could not be read: {0}")]
    Broken(String),
}

impl From<TransportError> for ClientError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::NotRunning(endpoint) => Self::NotRunning(endpoint),
            TransportError::TimedOut => Self::TimedOut,
            TransportError::Broken(why) => Self::Broken(why),
        }
    }
}
