//! Both sides of an inspected connection: certificates minted by this installation's authority towards the client, and a
//! judgement of the origin's own certificate before ours is shown.

mod authority;
mod fault;
mod judge;
mod leaf_cache;
mod minter;
mod origin;
mod revocation;

pub use authority::{AuthorityFile, InspectionAuthority, PublicAuthority, UnusableAuthority};
pub use fault::CertificateFault;
pub use minter::{ClientRefusal, LEAVES, MintError, MintedError, Minter};
pub use origin::{OriginError, OriginTls};

#[cfg(test)]
mod tests;
