//! Settings with a fixed choice of values: one table each of the words that the file, its writer and the API use.

use std::fmt;
use std::str::FromStr;

use crate::model::*;

/// A setting whose values are written as words.
pub trait Keyword: Copy + Sized + 'static {
    /// All values, in the order in which messages list them.
    const ALL: &'static [Self];

    /// The value's word.
    fn word(self) -> &'static str;
}

/// A text that is none of a setting's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not one of the setting's values")]
pub struct UnknownKeyword(pub String);

macro_rules! keywords {
    ($($setting:ident { $($value:ident => $word:literal),+ $(,)? })+) => {$(
        impl $setting {
            /// The word in the configuration and in the API.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }
        }

        impl Keyword for $setting {
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn word(self) -> &'static str {
                self.as_str()
            }
        }

        impl FromStr for $setting {
            type Err = UnknownKeyword;

            fn from_str(text: &str) -> Result<Self, UnknownKeyword> {
                match text {
                    $($word => Ok(Self::$value),)+
                    _ => Err(UnknownKeyword(text.to_owned())),
                }
            }
        }

        impl fmt::Display for $setting {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )+};
}

keywords! {
    HeaderMode {
        Untouched => "untouched",
        Reduced => "reduced",
        Minimal => "minimal",
    }
    Scheme {
        Socks4 => "socks4",
        Socks4a => "socks4a",
        Socks5 => "socks5",
        Http => "http",
        Https => "https",
    }
    Isolation {
        None => "none",
        Host => "host",
        App => "app",
    }
    GroupPolicy {
        Failover => "failover",
        Latency => "latency",
        RoundRobin => "round-robin",
        Sticky => "sticky",
    }
    RuleProtocol {
        Socks4 => "socks4",
        Socks5 => "socks5",
        Udp => "udp",
        Http => "http",
        Connect => "connect",
    }
    ListFormat {
        Auto => "auto",
        Adblock => "adblock",
        Hosts => "hosts",
        Domains => "domains",
        Dnsmasq => "dnsmasq",
        Rpz => "rpz",
    }
    Fallback {
        None => "none",
        Direct => "direct",
    }
    RequestLog {
        None => "none",
        Memory => "memory",
    }
    SniMismatch {
        Block => "block",
        Pass => "pass",
    }
    ScanErrorAction {
        Block => "block",
        Pass => "pass",
    }
    ScanHold {
        Small => "small",
        All => "all",
    }
    Balance {
        RoundRobin => "round-robin",
        LeastConnections => "least-connections",
        LeastTime => "least-time",
        Hash => "hash",
    }
    LogFormat {
        Text => "text",
        Json => "json",
    }
}

impl Scheme {
    /// The port where the URL names none: RFC 1928 section 3 for SOCKS, the URL scheme's own for HTTP.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Socks4 | Self::Socks4a | Self::Socks5 => 1080,
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}
