//! The names and addresses of this machine, for the certificate that the installation signs itself.

use std::collections::BTreeSet;
use std::net::IpAddr;

use privet_config::Config;
use privet_tls::CertificateName;

/// All names by which clients may reach the `https` listeners.
pub(super) fn of_this_machine(config: &Config) -> BTreeSet<CertificateName> {
    let host = privet_system::interfaces::host_name();
    let local = host.as_ref().map(|name| format!("{name}.local"));
    let names = ["localhost".to_owned()]
        .into_iter()
        .chain(host)
        .chain(local);
    let mut all: BTreeSet<CertificateName> = names.filter_map(|name| name.parse().ok()).collect();
    let listening = || config.listen.https.iter().map(|address| address.ip());
    let mut addresses: Vec<IpAddr> = listening().filter(|ip| !ip.is_unspecified()).collect();
    addresses.extend([
        IpAddr::from([127, 0, 0, 1]),
        IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
    ]);
    if listening().any(|ip| ip.is_unspecified()) {
        addresses.extend(privet_system::interfaces::addresses());
    }
    let addresses = addresses.into_iter().filter(|ip| !is_link_local(*ip));
    all.extend(addresses.map(|ip| CertificateName::Address(ip.to_canonical())));
    all
}

/// Of use only together with an interface, which no URL names.
fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}
