//! What a handshake settled.

use std::net::IpAddr;
use std::sync::Arc;

use super::certificate_source::TlsDemands;
use crate::names::CertificateName;

/// What a handshake settled about the client's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The host name that the client asked for, in lower case; `None`: it asked for none.
    pub name: Option<Box<str>>,
    /// The address that it reached.
    pub local: IpAddr,
    pub demands: TlsDemands,
    /// The names in the certificate that was shown.
    pub certificate_names: Arc<[CertificateName]>,
}
