//! What verifies a server's certificate, and that the server has its key.

use std::fmt::Debug;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::provider::provider;

/// What a server presents in its handshake.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PresentedCertificate<'a> {
    pub(crate) certificate: &'a CertificateDer<'a>,
    pub(crate) intermediates: &'a [CertificateDer<'a>],
    /// The name that was asked for.
    pub(crate) name: &'a ServerName<'a>,
    /// Empty: there is none.
    pub(crate) ocsp_response: &'a [u8],
    pub(crate) now: UnixTime,
}

impl PresentedCertificate<'_> {
    /// As the library's own verifier judges it.
    pub(crate) fn verified_by(
        self,
        inner: &dyn ServerCertVerifier,
    ) -> Result<ServerCertVerified, Error> {
        inner.verify_server_cert(
            self.certificate,
            self.intermediates,
            self.name,
            self.ocsp_response,
            self.now,
        )
    }
}

/// Judges certificates.
pub(crate) trait VerifyCertificate: Debug + Send + Sync {
    fn verify(&self, shown: PresentedCertificate<'_>) -> Result<ServerCertVerified, Error>;
}

/// A verifier for the library, which also verifies the signatures of handshakes.
#[derive(Debug)]
pub(crate) struct Verifier<V> {
    certificates: V,
    provider: Arc<CryptoProvider>,
}

impl<V> Verifier<V> {
    pub(crate) fn new(certificates: V) -> Self {
        Self {
            certificates,
            provider: provider(),
        }
    }
}

impl<V: VerifyCertificate> ServerCertVerifier for Verifier<V> {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.certificates.verify(PresentedCertificate {
            certificate: end_entity,
            intermediates,
            name: server_name,
            ocsp_response,
            now,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
