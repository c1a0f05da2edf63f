//! The TLS side of the `https` listeners: certificates from files, or of this installation's own authority.

mod check;
mod https_tls;
mod load;
mod names;

pub use check::certificate_findings;
pub(crate) use https_tls::HttpsTls;
pub use https_tls::{Authority, HttpsStatus};
pub(crate) use load::{CertificateUse, load};
