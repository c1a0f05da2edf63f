//! What a request for an `ftp` URL asks for.

use privet_ftp::{Login, RemotePath};
use privet_policy::Target;

use super::super::Request;
use super::super::proxy_auth::parse_basic;
use super::failure::{Failure, FailurePage};
use super::range::RangeSpec;
use crate::head::{FieldKind, Method, RequestHead};

pub(super) struct FtpRequest {
    pub target: Target,
    pub path: RemotePath,
    /// The path as the URL has it.
    pub url_path: Vec<u8>,
    pub login: Login,
    pub range: Option<RangeSpec>,
    /// HEAD.
    pub head_only: bool,
}

impl FtpRequest {
    /// # Errors
    /// FTP cannot carry it.
    pub fn of(request: &Request<'_>) -> Result<Self, Failure> {
        let (head, buffer) = (request.head, request.bytes);
        if !matches!(head.method, Method::Get | Method::Head) {
            return Err(Failure::Page(FailurePage {
                fields: "Allow: GET, HEAD\r\n",
                ..FailurePage::new(
                    405,
                    "FTP is read only",
                    "ftp URLs are read here, not written.",
                )
            }));
        }
        let refuse = |text: String| FailurePage::new(400, "malformed FTP request", text);
        if head.has_body() {
            return Err(refuse("a request for an ftp URL has no body".into()).into());
        }
        let url_path = head.path(buffer);
        let path = RemotePath::parse(url_path).map_err(|error| refuse(error.to_string()))?;
        let value = |name: &str| {
            let is = |field: &&crate::head::Field| {
                let found = field.name.of_buffer(buffer);
                found.eq_ignore_ascii_case(name.as_bytes())
            };
            let field = head.fields.iter().find(is)?;
            Some(field.value.of_buffer(buffer))
        };
        // `If-Range` needs a validator, which FTP does not have.
        let range = value("range").filter(|_| value("if-range").is_none());
        Ok(Self {
            target: request.target.clone(),
            path,
            url_path: url_path.to_vec(),
            login: login(head, buffer),
            range: range.and_then(RangeSpec::parse),
            head_only: head.method == Method::Head,
        })
    }
}

/// From the URL or from `Authorization: Basic`, else anonymous.
fn login(head: &RequestHead, buffer: &[u8]) -> Login {
    let field = || {
        let is = |kind| kind == FieldKind::Authorization;
        let field = head.fields.iter().find(|field| is(field.kind))?;
        Some(field.value.of_buffer(buffer))
    };
    let value = head.authorization.as_deref().map(str::as_bytes);
    let basic = value.or_else(field).and_then(parse_basic);
    match basic {
        Some((user, password)) if !user.is_empty() => Login { user, password },
        _ => Login::anonymous(),
    }
}
