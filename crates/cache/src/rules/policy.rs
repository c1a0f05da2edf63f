//! What kind of cache asks.

/// The kind of a cache and its limits. All entries of one cache are stored and reused under one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// A shared cache obeys `private`, `s-maxage`, `proxy-revalidate` and the rules for `Authorization`.
    pub shared: bool,
    /// Whether responses without an explicit lifetime are fresh for a tenth of their age (RFC 9111, 4.2.2).
    pub heuristic: bool,
    /// The longest heuristic lifetime, in seconds.
    pub max_heuristic: u32,
    /// The largest body that is stored, in bytes.
    pub max_object: u64,
    /// Targeted cache control fields (RFC 9213) that this cache obeys, in lower case, the most specific first.
    pub targeted: Vec<String>,
    /// Whether `No-Vary-Search`, `Cache-Groups` and `Cache-Group-Invalidation` are obeyed (sites that ask).
    pub site_fields: bool,
}

impl Policy {
    /// The cache of one user's programs.
    pub fn private() -> Policy {
        Policy {
            shared: false,
            heuristic: true,
            max_heuristic: 7 * 24 * 3600,
            max_object: 1 << 30,
            targeted: Vec::new(),
            site_fields: false,
        }
    }

    /// A cache that several users share.
    pub fn shared() -> Policy {
        Policy {
            shared: true,
            ..Policy::private()
        }
    }

    /// The cache in front of a site's servers: shared, and the target of `CDN-Cache-Control` and
    /// `Surrogate-Control`.
    pub fn site() -> Policy {
        Policy {
            targeted: vec![
                "cdn-cache-control".to_owned(),
                "surrogate-control".to_owned(),
            ],
            site_fields: true,
            ..Policy::shared()
        }
    }
}
