//! The pages that refuse a request.

use privet_gateway::Refusal;
use privet_policy::Target;

use super::error_page::{self, ErrorPage, ResponseFormat};
use crate::head::BadRequest;
use crate::service::CHALLENGE;

/// `public`: to a client of a site, which does not name the software.
pub fn bad_request(bad: BadRequest, public: bool) -> Vec<u8> {
    let text = format!("This request is not passed on: {bad}.");
    let reason = bad.to_string();
    let mut out = Vec::new();
    let page = ErrorPage::new(bad.status(), &reason, &text, ResponseFormat::LAST);
    let page = ErrorPage {
        signed: !public,
        ..page
    };
    page.write(&mut out);
    out
}

pub fn authentication_required(format: ResponseFormat) -> Vec<u8> {
    let mut page = ErrorPage::new(
        407,
        "login wanted",
        "This proxy asks for a user name and a password.",
        format,
    );
    page.fields = CHALLENGE;
    let mut out = Vec::new();
    page.write(&mut out);
    out
}

/// The page for a refusal.
pub fn refusal(refusal: &Refusal, target: &Target, format: ResponseFormat) -> Vec<u8> {
    let mut out = Vec::new();
    match refusal {
        Refusal::Blocked(why) => {
            let text = error_page::sentence_for_block(why, target);
            let mut page = ErrorPage::new(403, &why.text, &text, format);
            page.hints = error_page::hints_for_block(why, target);
            page.write(&mut out);
        }
        Refusal::Failed(error) => {
            let status = error_page::status_for_dial(error.kind);
            let reason = error_page::reason_for_dial(error);
            let text = format!("{target} could not be reached: {error}");
            ErrorPage::new(status, reason, &text, format).write(&mut out);
        }
    }
    out
}

/// The page in place of a body that a scan stopped. `public`: as for [`bad_request`].
pub fn stopped(text: &str, format: ResponseFormat, public: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let reason = format!("blocked: {text}");
    let text = format!("This was not passed on: {text}.");
    let page = ErrorPage {
        signed: !public,
        ..ErrorPage::new(403, &reason, &text, format)
    };
    page.write(&mut out);
    out
}

pub fn bad_gateway(status: u16, reason: &str, text: &str, format: ResponseFormat) -> Vec<u8> {
    let mut out = Vec::new();
    let reason = format!("{reason}: {text}");
    ErrorPage::new(status, &reason, text, format).write(&mut out);
    out
}
