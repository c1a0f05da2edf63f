//! All listen addresses, to report two settings that use the same one.

use std::net::SocketAddr;

use crate::diagnose::DiagnosticCode;
use crate::tree::Value;

#[derive(Default)]
pub(super) struct ListenAddresses<'a> {
    used: Vec<UsedAddress<'a>>,
}

struct UsedAddress<'a> {
    address: SocketAddr,
    /// In messages: "listen.mixed", "site \"app\"".
    owner: String,
    /// Sites may share an address.
    site: bool,
    value: Value<'a>,
}

impl<'a> ListenAddresses<'a> {
    pub fn add(&mut self, address: SocketAddr, owner: &str, value: Value<'a>) {
        self.used.push(UsedAddress {
            address,
            owner: owner.to_owned(),
            site: false,
            value,
        });
    }

    pub fn add_for_site(&mut self, address: SocketAddr, name: &str, value: Value<'a>) {
        self.used.push(UsedAddress {
            address,
            owner: format!("site \"{name}\""),
            site: true,
            value,
        });
    }

    pub fn report_clashes(&self) {
        for (i, later) in self.used.iter().enumerate() {
            let clash = self.used.iter().take(i).find(|earlier| {
                let shared = earlier.site
                    && later.site
                    && earlier.owner != later.owner
                    && earlier.address == later.address;
                !shared && overlap(earlier.address, later.address)
            });
            if let Some(earlier) = clash {
                let cause = format!("{} is taken by {}", later.address, earlier.owner);
                later.value.refuse(
                    DiagnosticCode::Clash,
                    cause,
                    "give each listener an address or a port of its own",
                );
            }
        }
    }
}

/// The same port on the same address, or on all addresses of the family. Port 0 never overlaps: the system chooses a new one.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let same_address = a.ip() == b.ip()
        || (a.is_ipv4() == b.is_ipv4() && (a.ip().is_unspecified() || b.ip().is_unspecified()));
    a.port() == b.port() && a.port() != 0 && same_address
}
