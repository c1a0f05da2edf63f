//! Allowed and denied domains: the button beside a blocked connection.

use serde_json::Value as Json;

use super::{Document, EditError};
use crate::domain::normal_domain;

impl Document {
    /// Adds a domain to `[filter] allow`, and takes it out of `deny`.
    ///
    /// # Errors
    /// [`EditError::NotADomain`].
    pub fn allow_domain(&mut self, domain: &str) -> Result<(), EditError> {
        self.list_domain(domain, "filter.allow", "filter.deny")
    }

    /// Adds a domain to `[filter] deny`, and takes it out of `allow`, which would win.
    ///
    /// # Errors
    /// [`EditError::NotADomain`].
    pub fn deny_domain(&mut self, domain: &str) -> Result<(), EditError> {
        self.list_domain(domain, "filter.deny", "filter.allow")
    }

    /// Takes a domain out of both lists.
    ///
    /// # Errors
    /// [`EditError::NotADomain`].
    pub fn forget_domain(&mut self, domain: &str) -> Result<(), EditError> {
        let domain = normalised(domain)?;
        self.unlist(&domain, "filter.allow")?;
        self.unlist(&domain, "filter.deny")
    }

    fn list_domain(&mut self, domain: &str, into: &str, out_of: &str) -> Result<(), EditError> {
        let domain = normalised(domain)?;
        self.unlist(&domain, out_of)?;
        let mut entries = self.entries(into)?;
        if entries.iter().any(|entry| is_domain(entry, &domain)) {
            return Ok(());
        }
        entries.push(Json::String(domain));
        self.set_entries(into, entries)
    }

    fn unlist(&mut self, domain: &str, section: &str) -> Result<(), EditError> {
        let mut entries = self.entries(section)?;
        let count = entries.len();
        entries.retain(|entry| !is_domain(entry, domain));
        if entries.len() == count {
            Ok(())
        } else {
            self.set_entries(section, entries)
        }
    }
}

fn normalised(domain: &str) -> Result<String, EditError> {
    let bare = domain.trim().strip_prefix("*.").unwrap_or(domain);
    normal_domain(bare).ok_or_else(|| EditError::NotADomain(domain.chars().take(253).collect()))
}

/// However the file writes it: "Example.com", "*.example.com".
fn is_domain(entry: &Json, domain: &str) -> bool {
    entry
        .as_str()
        .is_some_and(|text| normalised(text).is_ok_and(|name| name == domain))
}
