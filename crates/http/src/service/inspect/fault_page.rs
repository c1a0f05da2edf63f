//! Why an inspected origin is not connected to, and the page that says so.

use std::sync::Arc;

use privet_gateway::Refusal;
use privet_policy::{Host, Target};
use privet_tls::inspection::{CertificateFault, OriginError};

use crate::respond::error_page::ErrorPage;
use crate::respond::reject;
use crate::service::{OwnResponse, ResponseFormat};

/// What keeps requests from an origin.
#[derive(Clone)]
pub(super) enum OriginFault {
    Certificate(Arc<[CertificateFault]>),
    /// The handshake failed otherwise.
    Handshake(Arc<str>),
    /// A rule demands inspection, and the origin asks for a certificate that only the client has.
    AsksForCertificate,
    Unreachable(Arc<Refusal>),
}

impl From<OriginError> for OriginFault {
    fn from(error: OriginError) -> Self {
        match error {
            OriginError::Certificate(faults) => Self::Certificate(faults.into()),
            OriginError::AsksForCertificate => Self::AsksForCertificate,
            other => Self::Handshake(other.to_string().into()),
        }
    }
}

impl OriginFault {
    /// For the connection log; `None`: it is recorded already.
    pub(super) fn record(&self, target: &Target) -> Option<String> {
        match self {
            Self::Certificate(faults) => Some(format!(
                "the certificate of {target} is not acceptable: {}",
                sentences(faults)
            )),
            Self::Handshake(why) => Some(format!("TLS with {target} failed: {why}")),
            Self::AsksForCertificate => Some(format!(
                "{target} asks for a client certificate, and a rule demands inspection"
            )),
            Self::Unreachable(_) => None,
        }
    }

    pub(super) fn page(&self, target: &Target) -> OwnResponse {
        let (fault, target) = (self.clone(), target.clone());
        Box::new(move |format| fault.write(&target, format))
    }

    fn write(&self, target: &Target, format: ResponseFormat) -> Vec<u8> {
        let mut out = Vec::new();
        let (reason, text, hints) = match self {
            Self::Unreachable(refusal) => return reject::refusal(refusal, target, format),
            Self::Certificate(faults) => {
                let codes: Vec<&str> = faults.iter().map(CertificateFault::code).collect();
                (
                    format!("certificate: {}", codes.join(", ")),
                    format!(
                        "The certificate of {target} is not acceptable: {}. Nothing was sent to it.",
                        sentences(faults)
                    ),
                    certificate_hints(faults, target),
                )
            }
            Self::Handshake(why) => (
                "TLS failed".to_owned(),
                format!("TLS with {target} failed: {why}"),
                Vec::new(),
            ),
            Self::AsksForCertificate => (
                "client certificate wanted".to_owned(),
                format!(
                    "{target} asks for a client certificate, which only the program has, and a rule demands that what it \
                     sends is inspected."
                ),
                vec![format!("privet why {target}")],
            ),
        };
        let mut page = ErrorPage::new(502, &reason, &text, format);
        page.hints = hints;
        page.write(&mut out);
        out
    }
}

fn sentences(faults: &[CertificateFault]) -> String {
    let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    all.join("; ")
}

fn certificate_hints(faults: &[CertificateFault], target: &Target) -> Vec<String> {
    let mut hints = Vec::new();
    let unknown = |fault: &CertificateFault| {
        matches!(
            fault,
            CertificateFault::SelfSigned | CertificateFault::UntrustedIssuer { .. }
        )
    };
    if faults.iter().any(unknown) {
        hints.push(
            "[inspect]\ntrust = [\"ca.pem\"]  # the authority that signed it, if you know it"
                .to_owned(),
        );
    }
    if let Host::Name(name) = &target.host {
        hints.push(format!(
            "privet inspect except {name}  # let the program judge it itself"
        ));
    }
    hints
}
