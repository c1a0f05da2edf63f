//! Whose handshake it is, and what it settled.

use std::net::IpAddr;
use std::sync::Arc;

use super::certificate_source::TlsDemands;
use crate::names::CertificateName;

/// The addresses of a client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The address that the client reached. It chooses the certificate of a client that names no host.
    pub local: IpAddr,
    /// The client's.
    pub peer: IpAddr,
}

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
