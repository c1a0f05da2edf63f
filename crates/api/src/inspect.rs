//! `/api/v1/inspect`: HTTPS inspection.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

/// HTTPS inspection at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Inspection {
    pub enabled: bool,
    /// The hosts that are inspected.
    #[schema(example = json!(["*.example.com"]))]
    pub hosts: Vec<String>,
    /// The hosts that never are.
    pub except: Vec<String>,
    /// "block" or "pass": a tunnel whose client asks for another host in its TLS handshake.
    pub sni_mismatch: String,
    /// The authority of this installation; `null`: none was made yet.
    pub ca: Option<InspectionAuthority>,
    /// Where programs look for authorities, and whether this one is there, as measured now.
    pub stores: Vec<TrustStore>,
    /// What passes untouched for a while, the newest first.
    pub exceptions: Vec<InspectionException>,
    pub shipped: ShippedHosts,
    pub counts: InspectionCounts,
}

/// The authority that signs the certificates which clients get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InspectionAuthority {
    /// Its common name.
    #[schema(example = "Privet inspection 1A2B3C4D")]
    pub subject: String,
    /// SHA-256 of the certificate, in hexadecimal with colons.
    pub fingerprint: String,
    /// RFC 3339.
    pub not_before: String,
    /// RFC 3339.
    pub not_after: String,
    /// "keyring" or "file": where the key is.
    pub key_storage: String,
    /// The certificate in PEM.
    pub pem: String,
}

/// A store of trusted authorities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustStore {
    #[schema(example = "system")]
    pub id: String,
    /// "system", "nss" or "java".
    pub kind: String,
    /// Whose it is.
    #[schema(example = "Firefox")]
    pub name: String,
    pub path: String,
    /// Whether the authority is in it; `null`: that could not be measured.
    pub trusted: Option<bool>,
    /// Why it could not be measured, or what failed when it was changed.
    pub problem: Option<String>,
    /// Privet can change it.
    pub writable: bool,
    /// What to run by hand to add the authority.
    pub steps: Vec<String>,
}

/// Something that passes untouched for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InspectionException {
    pub host: String,
    /// The program's path or name, or the client's address; `null`: whoever connects.
    pub app: Option<String>,
    /// "refused-certificate" or "client-certificate".
    pub reason: String,
    /// RFC 3339.
    pub since: String,
    /// RFC 3339.
    pub until: String,
    /// How often that was seen.
    pub times: u32,
}

/// The list of hosts that comes with the program: they pass untouched unless they are named themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShippedHosts {
    /// When it was last looked through.
    #[schema(example = "2026-11-29")]
    pub date: String,
    /// How many hosts it names.
    pub hosts: u64,
}

/// Tunnels since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InspectionCounts {
    pub inspected: u64,
    /// Passed untouched for a reason that was found out from what the client or the host sent.
    pub untouched: u64,
    /// Answered by a page: the host's certificate is not acceptable, or the host is not reachable.
    pub bad_certificates: u64,
    /// The client refused the certificate.
    pub refused: u64,
}

/// Whether stores hold the authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustRequest {
    /// Add the authority, or remove it.
    pub trusted: bool,
    /// The ids of the stores; absent: all that can be changed.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "not_null"
    )]
    #[schema(nullable = false, max_items = 100)]
    pub stores: Option<Vec<String>>,
}

/// Reads a list; null is none.
fn not_null<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    Vec::deserialize(from).map(Some)
}

/// The stores after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustStores {
    pub stores: Vec<TrustStore>,
}

/// A host that is not to be inspected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExceptRequest {
    /// A host, or `*.` and a domain.
    #[schema(min_length = 1, max_length = 255, example = "bank.example.com")]
    pub host: String,
}

/// Which exceptions end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExceptionQuery {
    #[param(min_length = 1, max_length = 255)]
    pub host: String,
    /// As in the list; absent: of all programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(nullable = false, max_length = 4096)]
    pub app: Option<String>,
}

/// How many exceptions ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExceptionsEnded {
    pub count: u64,
}
