//! Removes rules from the file when their time has passed.

use std::time::SystemTime;

use privet_config::{Config, Document};

use crate::supervise::configuration::file::read_text;
use crate::supervise::configuration::report::{ApplyError, ApplyMode, ConfigSource};
use crate::supervise::configuration::secrets::KeyringCache;
use crate::supervise::supervisor::Supervisor;
use crate::supervise::timeline::ChangeSource;

impl Supervisor {
    /// Removes the rules whose time has passed since the last look; at the start, all. So a rule that an undo or an edit brings
    /// back stays until the next start. A file with an edit that was not applied is left alone until it is.
    pub(crate) async fn remove_expired_rules(&mut self, now: SystemTime) {
        let config = self.shared.snapshot.load().config.clone();
        let expired = expired_between(&config, self.expiry_checked, now);
        if expired.is_empty() {
            self.expiry_checked = self.expiry_checked.max(now);
            return;
        }
        let on_disk = read_text(&self.options.config_path).await;
        if on_disk.as_ref() != Some(&self.config_text) {
            return;
        }
        self.expiry_checked = self.expiry_checked.max(now);
        if let Err(error) = self.remove_rules(&expired).await {
            tracing::warn!("expired rules stay in the configuration file: {error}");
        }
    }

    async fn remove_rules(&mut self, indices: &[usize]) -> Result<(), ApplyError> {
        let base = self.config_text.clone();
        let mut document = Document::parse(&base).map_err(ApplyError::Config)?;
        for index in indices.iter().rev() {
            document
                .remove_rule(*index)
                .map_err(|error| ApplyError::Rule(error.to_string()))?;
        }
        let source = ConfigSource::Text {
            text: document.text(),
            base: Some(base),
        };
        // Every secret is that of an unchanged upstream or user.
        let (secrets, by) = (KeyringCache::default(), ChangeSource::Expiry.into());
        self.apply(source, &secrets, ApplyMode::Commit, by).await?;
        Ok(())
    }
}

/// The indices of the rules that expired after `from` and not after `to`.
fn expired_between(config: &Config, from: SystemTime, to: SystemTime) -> Vec<usize> {
    let rules = config.rules.iter().enumerate();
    let expired = rules.filter(|(_, rule)| rule.until.is_some_and(|end| from < end && end <= to));
    expired.map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_rule_expires_once() {
        let text = "[[rule]]\nmatch = {}\nuse = \"direct\"\nuntil = 1970-01-01T00:01:00Z\n\
                    [[rule]]\nmatch = {}\nuse = \"direct\"\n";
        let config = Config::parse(text, Path::new("/")).unwrap().config;
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(expired_between(&config, at(0), at(59)), [0; 0]);
        assert_eq!(expired_between(&config, at(59), at(60)), [0]);
        assert_eq!(expired_between(&config, at(60), at(999)), [0; 0]);
    }
}
