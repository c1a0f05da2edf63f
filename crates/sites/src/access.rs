//! `allow` and `deny` of a site: networks that its clients have to be in, and those that they must not be in.

use std::net::IpAddr;

use ipnet::IpNet;

/// Which clients a site answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
}

/// Why a client is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessRefusal {
    /// In this network of `deny`.
    #[error("it is in {0} of `deny`")]
    Denied(IpNet),
    /// In none of `allow`.
    #[error("it is in no network of `allow`")]
    NotAllowed,
}

impl Access {
    pub fn new(allow: &[IpNet], deny: &[IpNet]) -> Self {
        Self {
            allow: allow.to_vec(),
            deny: deny.to_vec(),
        }
    }

    /// `deny` counts before `allow`; an empty `allow` is everybody.
    ///
    /// # Errors
    /// Why the client is refused.
    pub fn check(&self, client: IpAddr) -> Result<(), AccessRefusal> {
        let client = client.to_canonical();
        let holds = |network: &&IpNet| network.contains(&client);
        if let Some(network) = self.deny.iter().find(holds) {
            return Err(AccessRefusal::Denied(*network));
        }
        match self.allow.is_empty() || self.allow.iter().any(|network| holds(&network)) {
            true => Ok(()),
            false => Err(AccessRefusal::NotAllowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deny_counts_before_allow_and_mapped_addresses_are_ipv4_ones() {
        let nets =
            |all: &[&str]| -> Vec<IpNet> { all.iter().map(|n| n.parse().unwrap()).collect() };
        let access = Access::new(
            &nets(&["127.0.0.0/8", "2001:db8::/32"]),
            &nets(&["127.0.0.2/32"]),
        );
        let check = |ip: &str| access.check(ip.parse().unwrap());
        assert_eq!(check("127.0.0.1"), Ok(()));
        assert_eq!(check("::ffff:127.0.0.1"), Ok(()));
        assert_eq!(check("2001:db8::1"), Ok(()));
        assert_eq!(check("192.0.2.1"), Err(AccessRefusal::NotAllowed));
        let denied = Err(AccessRefusal::Denied("127.0.0.2/32".parse().unwrap()));
        assert_eq!(check("127.0.0.2"), denied);
        assert_eq!(check("::ffff:127.0.0.2"), denied);
        assert_eq!(
            Access::default().check("192.0.2.1".parse().unwrap()),
            Ok(())
        );
    }
}
