//! Which authority issued a certificate, and how serial numbers are compared.

use x509_parser::certificate::X509Certificate;

/// Two authorities may have one name: the signature says whose the certificate is.
pub(super) fn is_issued_by(
    certificate: &X509Certificate<'_>,
    issuer: &X509Certificate<'_>,
) -> bool {
    certificate.issuer() == issuer.subject()
        && certificate
            .verify_signature(Some(issuer.public_key()))
            .is_ok()
}

/// A serial number as bytes that can be compared: a zero may stand before it (DER integers are signed).
pub(super) fn without_zeros(serial: &[u8]) -> &[u8] {
    let begin = serial.iter().position(|byte| *byte != 0);
    serial
        .get(begin.unwrap_or(serial.len())..)
        .unwrap_or_default()
}
