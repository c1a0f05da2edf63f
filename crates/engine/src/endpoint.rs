//! How services are reached that the configuration names.

use privet_config::{ServiceAddress, ServiceEndpoint};
use privet_net::{Connector, Endpoint, EndpointDialer, EndpointTls};

/// `tls`: needed for addresses that are asked over TLS.
///
/// # Errors
/// The address cannot be used, as a sentence.
pub(crate) fn connector(
    at: &ServiceAddress,
    tls: Option<&EndpointTls>,
    dialer: &EndpointDialer,
) -> Result<Connector, String> {
    match &at.endpoint {
        ServiceEndpoint::Unix(path) => Ok(Connector::Unix(path.clone())),
        ServiceEndpoint::Tcp(url) => {
            let endpoint = Endpoint::new(url, tls)?;
            Ok(Connector::Tcp(Box::new((endpoint, dialer.clone()))))
        }
    }
}
