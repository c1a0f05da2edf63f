//! The fields of a query: one table for the parser, its errors and the help.

/// The kind of value that a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// `field:text`, `field:*.text`, `field:"a text"`, `field=text` for the whole.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number: `field:443`, `field:8000-8999`, `field>1000`.
    Number,
    /// Bytes, with K, M, G of 1,024: `field>1M`.
    Size,
    /// A duration with ms, s, m, h or d: `field>10s`.
    Time,
}

/// A field of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    App,
    Path,
    Pid,
    Host,
    Port,
    Remote,
    Client,
    User,
    Listener,
    Proto,
    Verdict,
    Rule,
    Reason,
    Route,
    CloseReason,
    Error,
    Up,
    Down,
    UpSpeed,
    DownSpeed,
    Age,
    Dns,
    Connect,
    Tls,
    FirstByte,
    Requests,
    Inspection,
    InspectionWhy,
    Id,
}

/// A field with its description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldHelp {
    pub name: &'static str,
    pub field: Field,
    pub kind: FieldKind,
    pub example: &'static str,
    pub what: &'static str,
}

const VERDICTS: &[&str] = &["direct", "routed", "blocked", "failed", "cached"];
const PROTOCOLS: &[&str] = &["socks4", "socks5", "udp", "http", "connect"];
const LISTENERS: &[&str] = &["mixed", "socks", "http", "https"];
const RULES: &[&str] = &[
    "loop",
    "own_network",
    "rule",
    "deny",
    "list",
    "mode",
    "kill_switch",
    "undetermined",
];
const ENDS: &[&str] = &[
    "finished", "broken", "idle", "closed", "reload", "shutdown", "blocked", "failed",
];

const INSPECTIONS: &[&str] = &[INSPECTED, UNTOUCHED, REFUSED];
/// HTTPS that was read.
pub const INSPECTED: &str = "inspected";
/// HTTPS to an inspected host that passed unread.
pub const UNTOUCHED: &str = "untouched";
/// HTTPS that was to be read and did not pass.
pub const REFUSED: &str = "refused";

const fn help(
    name: &'static str,
    field: Field,
    kind: FieldKind,
    example: &'static str,
    what: &'static str,
) -> FieldHelp {
    FieldHelp {
        name,
        field,
        kind,
        example,
        what,
    }
}

/// Every field, in the order of the help.
pub const FIELDS: &[FieldHelp] = &[
    help(
        "app",
        Field::App,
        FieldKind::Text,
        "app:firefox",
        "the program's name",
    ),
    help(
        "path",
        Field::Path,
        FieldKind::Text,
        "path:/opt/*",
        "the program's file",
    ),
    help(
        "pid",
        Field::Pid,
        FieldKind::Number,
        "pid:4242",
        "the process number",
    ),
    help(
        "host",
        Field::Host,
        FieldKind::Text,
        "-host:*.corp",
        "the target's name or address",
    ),
    help(
        "port",
        Field::Port,
        FieldKind::Number,
        "port:443",
        "the target's port, or a range 8000-8999",
    ),
    help(
        "remote",
        Field::Remote,
        FieldKind::Text,
        "remote:10.*",
        "the address the target had",
    ),
    help(
        "client",
        Field::Client,
        FieldKind::Text,
        "client:192.168.1.*",
        "the client's address and port",
    ),
    help(
        "user",
        Field::User,
        FieldKind::Text,
        "user:alice",
        "the name the client logged in with",
    ),
    help(
        "listener",
        Field::Listener,
        FieldKind::Word(LISTENERS),
        "listener:mixed",
        "where it came in",
    ),
    help(
        "proto",
        Field::Proto,
        FieldKind::Word(PROTOCOLS),
        "proto:socks5",
        "how the client spoke; socks5 covers udp, http covers connect",
    ),
    help(
        "verdict",
        Field::Verdict,
        FieldKind::Word(VERDICTS),
        "verdict:blocked",
        "what became of it",
    ),
    help(
        "by",
        Field::Rule,
        FieldKind::Word(RULES),
        "by:list",
        "what decided",
    ),
    help(
        "rule",
        Field::Reason,
        FieldKind::Text,
        "rule:\"local ads\"",
        "the reason as a sentence",
    ),
    help(
        "route",
        Field::Route,
        FieldKind::Text,
        "route:tor",
        "the route",
    ),
    help(
        "end",
        Field::CloseReason,
        FieldKind::Word(ENDS),
        "end:idle",
        "how it ended",
    ),
    help(
        "error",
        Field::Error,
        FieldKind::Text,
        "error:refused",
        "the error it ended with",
    ),
    help(
        "up",
        Field::Up,
        FieldKind::Size,
        "up>1M",
        "bytes sent by the client",
    ),
    help(
        "down",
        Field::Down,
        FieldKind::Size,
        "down>=10K",
        "bytes sent to the client",
    ),
    help(
        "upspeed",
        Field::UpSpeed,
        FieldKind::Size,
        "upspeed>100K",
        "bytes a second up, now",
    ),
    help(
        "downspeed",
        Field::DownSpeed,
        FieldKind::Size,
        "downspeed>0",
        "bytes a second down, now",
    ),
    help(
        "age",
        Field::Age,
        FieldKind::Time,
        "age>10s",
        "how long it is or was open",
    ),
    help(
        "dns",
        Field::Dns,
        FieldKind::Time,
        "dns>50ms",
        "the time its name took",
    ),
    help(
        "connect",
        Field::Connect,
        FieldKind::Time,
        "connect>200ms",
        "the time connecting took",
    ),
    help(
        "tls",
        Field::Tls,
        FieldKind::Time,
        "tls>100ms",
        "the time TLS to an upstream took",
    ),
    help(
        "firstbyte",
        Field::FirstByte,
        FieldKind::Time,
        "firstbyte>1s",
        "the time to the first byte back",
    ),
    help(
        "requests",
        Field::Requests,
        FieldKind::Number,
        "requests>10",
        "HTTP requests carried",
    ),
    help(
        "inspection",
        Field::Inspection,
        FieldKind::Word(INSPECTIONS),
        "inspection:untouched",
        "whether it was read, where its host is inspected",
    ),
    help(
        "inspection_why",
        Field::InspectionWhy,
        FieldKind::Text,
        "inspection_why:certificate",
        "why it passed untouched, or did not pass",
    ),
    help(
        "id",
        Field::Id,
        FieldKind::Number,
        "id:33",
        "the row's number",
    ),
];

/// Names of fields in rows and in `sort`, where they differ.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("app_path", "path"),
    ("domain", "host"),
    ("protocol", "proto"),
    ("reason", "rule"),
    ("up_speed", "upspeed"),
    ("down_speed", "downspeed"),
    ("dns_ms", "dns"),
    ("connect_ms", "connect"),
    ("tls_ms", "tls"),
    ("first_byte_ms", "firstbyte"),
];

/// The field of that name, without regard to case; names of row fields are accepted too.
pub fn named(name: &str) -> Option<&'static FieldHelp> {
    let other = OTHER_NAMES
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(name));
    let name = other.map_or(name, |(_, own)| own);
    FIELDS
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case(name))
}

impl FieldKind {
    /// A description of the values that may follow the field's name.
    pub fn allowed(self) -> String {
        match self {
            Self::Text => "a text after \":\" or \"=\", with * for anything".to_owned(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::Number => {
                "a whole number after :, >, <, >=, <= or =, or a range like 8000-8999".to_owned()
            }
            Self::Size => "bytes after :, >, <, >=, <= or =, like 500, 10K, 1M or 2G".to_owned(),
            Self::Time => {
                "a time after :, >, <, >=, <= or =, like 50ms, 10s, 5m, 2h or 1d".to_owned()
            }
        }
    }
}
