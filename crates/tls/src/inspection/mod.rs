//! Both sides of an inspected connection: certificates minted by this installation's authority towards the client, and a
//! judgement of the origin's own certificate before ours is shown.

mod authority;
mod fault;
mod leaf_cache;
mod minter;
mod origin;
mod origin_verifier;
mod revocation;

pub use authority::{AuthorityFile, InspectionAuthority, PublicAuthority, UnusableAuthority};
pub use fault::CertificateFault;
pub use minter::{ClientHandshakeError, ClientRefusal, LEAVES, MintError, Minter};
pub use origin::{OriginError, OriginTls};
pub use revocation::Revocation;

#[cfg(test)]
mod origin_verifier_tests;
#[cfg(test)]
mod tests;
