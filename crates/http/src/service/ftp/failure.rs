//! How a request by FTP fails, and the page for it.

use privet_connection_log::CloseReason;
use privet_ftp::{FtpError, Refused};
use privet_gateway::Refusal;
use privet_policy::Target;

use super::super::refusal_page::page_of;
use super::super::{OwnResponse, ResponseFormat};
use crate::respond::error_page::ErrorPage;

/// Why a request is not served.
pub(super) enum Failure {
    /// The data connection to this target was blocked, or could not be opened.
    Refused(Refusal, Target),
    Page(FailurePage),
}

/// A response of the proxy itself.
pub(super) struct FailurePage {
    pub status: u16,
    /// In a few words.
    pub what: &'static str,
    /// As a sentence.
    pub text: String,
    /// Field lines, each with its CRLF.
    pub fields: &'static str,
}

impl FailurePage {
    pub fn new(status: u16, what: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            what,
            text: text.into(),
            fields: "",
        }
    }

    fn bytes(&self, format: ResponseFormat) -> Vec<u8> {
        let reason = format!("{}: {}", self.what, self.text);
        let mut page = ErrorPage::new(self.status, &reason, &self.text, format);
        page.fields = self.fields;
        let mut out = Vec::new();
        page.write(&mut out);
        out
    }
}

impl Failure {
    pub fn into_response(self) -> OwnResponse {
        match self {
            Self::Refused(refusal, target) => page_of(refusal, &target),
            Self::Page(page) => Box::new(move |format| page.bytes(format)),
        }
    }

    /// How the control connection's row ends.
    pub fn close_reason(&self) -> (CloseReason, String) {
        match self {
            // The server answered, and no is an answer.
            Self::Page(page) if matches!(page.status, 401 | 404 | 416) => {
                (CloseReason::Finished, page.text.clone())
            }
            Self::Page(page) => (CloseReason::Broken, page.text.clone()),
            Self::Refused(_, target) => (
                CloseReason::Finished,
                format!("the data connection to {target} was not opened"),
            ),
        }
    }
}

impl From<FailurePage> for Failure {
    fn from(page: FailurePage) -> Self {
        Self::Page(page)
    }
}

impl From<FtpError> for Failure {
    fn from(error: FtpError) -> Self {
        let text = error.to_string();
        Self::Page(match error {
            FtpError::Refused(refused) => refused_page(&refused, text),
            FtpError::TimedOut => FailurePage::new(504, "FTP server timed out", text),
            FtpError::Forbidden => FailurePage::new(400, "malformed FTP URL", text),
            FtpError::Io(_) | FtpError::Closed => {
                FailurePage::new(502, "FTP connection broke", text)
            }
            FtpError::Malformed(_) | FtpError::NoPort => {
                FailurePage::new(502, "malformed FTP reply", text)
            }
        })
    }
}

/// By the reply's code (RFC 959 section 4.2.1).
fn refused_page(refused: &Refused, text: String) -> FailurePage {
    match refused.reply.code {
        421 => FailurePage::new(503, "FTP server is not available", text),
        332 | 530 | 532 => FailurePage {
            fields: "WWW-Authenticate: Basic realm=\"FTP\", charset=\"UTF-8\"\r\n",
            ..FailurePage::new(401, "FTP login refused", text)
        },
        550 => FailurePage::new(404, "not found by FTP", text),
        _ => FailurePage::new(502, "FTP server refused", text),
    }
}
