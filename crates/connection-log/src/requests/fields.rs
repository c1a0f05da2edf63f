//! The fields of a filter for requests: one table for the parser, its errors and the help.

use std::borrow::Cow;

use super::row::{RequestRow, RequestScan};
use crate::fields::FieldKind;

/// A field with its description.
#[derive(Debug, Clone, Copy)]
pub struct RequestFieldHelp {
    pub name: &'static str,
    pub field: RequestField,
    pub example: &'static str,
    pub what: &'static str,
}

/// A field of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestField {
    Text(TextField),
    Number(NumberField),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextField {
    Method,
    Host,
    Url,
    Type,
    Client,
    User,
    Route,
    Cache,
    Scan,
    ScanEngine,
    ScanRule,
    ScanHash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberField {
    Id,
    Status,
    Connection,
    Up,
    Down,
    Total,
}

const fn text(
    name: &'static str,
    field: TextField,
    example: &'static str,
    what: &'static str,
) -> RequestFieldHelp {
    RequestFieldHelp {
        name,
        field: RequestField::Text(field),
        example,
        what,
    }
}

const fn number(
    name: &'static str,
    field: NumberField,
    example: &'static str,
    what: &'static str,
) -> RequestFieldHelp {
    RequestFieldHelp {
        name,
        field: RequestField::Number(field),
        example,
        what,
    }
}

/// All fields, in the order in which a help lists them.
pub const REQUEST_FIELDS: [RequestFieldHelp; 18] = [
    text("method", TextField::Method, "method:POST", "the method"),
    text(
        "host",
        TextField::Host,
        "host:example.com",
        "the URL's host",
    ),
    text("url", TextField::Url, "-url:/static/", "the whole URL"),
    number(
        "status",
        NumberField::Status,
        "status>=400",
        "the response's status",
    ),
    text("type", TextField::Type, "type:image/", "the content type"),
    number("up", NumberField::Up, "up>10K", "bytes of the request"),
    number(
        "down",
        NumberField::Down,
        "down>1M",
        "bytes of the response",
    ),
    number(
        "total_ms",
        NumberField::Total,
        "total_ms>500",
        "milliseconds in all",
    ),
    text("cache", TextField::Cache, "cache:hit", "what the cache did"),
    text("scan", TextField::Scan, "scan:clean", "what the scan found"),
    text(
        "scan_engine",
        TextField::ScanEngine,
        "scan_engine:clamd",
        "which scanner stopped the body",
    ),
    text(
        "scan_rule",
        TextField::ScanRule,
        "scan_rule:eicar",
        "the rule or signature that matched",
    ),
    text(
        "scan_hash",
        TextField::ScanHash,
        "scan_hash:275a02",
        "SHA-256 of the body that was stopped",
    ),
    text(
        "client",
        TextField::Client,
        "client:192.168.1.5",
        "the client's address",
    ),
    text(
        "user",
        TextField::User,
        "user:alice",
        "the user that logged in",
    ),
    text("route", TextField::Route, "route:direct", "the route"),
    number(
        "connection",
        NumberField::Connection,
        "connection:42",
        "the connection's id",
    ),
    number("id", NumberField::Id, "id:42", "the request's id"),
];

/// The names of all fields, separated by commas.
pub(super) fn names() -> String {
    REQUEST_FIELDS.map(|help| help.name).join(", ")
}

pub(super) fn named(name: &str) -> Option<RequestField> {
    let mut fields = REQUEST_FIELDS.iter();
    fields.find(|help| help.name == name).map(|help| help.field)
}

impl RequestField {
    /// The kind of value that the field takes.
    pub fn kind(self) -> FieldKind {
        match self {
            Self::Text(_) => FieldKind::Text,
            Self::Number(field) if field.is_size() => FieldKind::Size,
            Self::Number(_) => FieldKind::Number,
        }
    }
}

impl TextField {
    pub(super) fn of(self, row: &RequestRow) -> Cow<'_, str> {
        match self {
            Self::Method => (*row.method).into(),
            Self::Host => row.host().into(),
            Self::Url => (*row.url).into(),
            Self::Type => row.media_type.as_deref().unwrap_or_default().into(),
            Self::Client => row.client.to_string().into(),
            Self::User => row.user.as_deref().unwrap_or_default().into(),
            Self::Route => (*row.route).into(),
            Self::Cache => row.cache.map_or("", |used| used.word).into(),
            Self::Scan => of(row, |scan| Some(scan.verdict)),
            Self::ScanEngine => of(row, |scan| scan.engine),
            Self::ScanRule => of(row, |scan| scan.rule.as_deref()),
            Self::ScanHash => of(row, |scan| scan.sha256.as_deref()),
        }
    }
}

impl NumberField {
    pub(super) fn is_size(self) -> bool {
        matches!(self, Self::Up | Self::Down)
    }

    pub(super) fn of(self, row: &RequestRow) -> Option<u64> {
        match self {
            Self::Id => Some(row.id),
            Self::Status => row.status.map(u64::from),
            Self::Connection => Some(row.connection),
            Self::Up => Some(row.up),
            Self::Down => Some(row.down),
            Self::Total => u64::try_from(row.total.as_millis()).ok(),
        }
    }
}

/// A text of what a scan said.
fn of(row: &RequestRow, text: impl FnOnce(&RequestScan) -> Option<&str>) -> Cow<'_, str> {
    row.scan
        .as_deref()
        .and_then(text)
        .unwrap_or_default()
        .into()
}
