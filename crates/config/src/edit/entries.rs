//! Changes of single rules and entries.

use serde_json::{Map, Value as Json, json};

use super::Document;
use super::compare::item_to_json;
use super::error::EditError;

impl Document {
    /// Inserts a rule, `{"match": …, "use": …, "until": …?}`, before the one at index `at` (from 0); past the end it becomes
    /// the last.
    ///
    /// # Errors
    /// As [`Document::merge`].
    pub fn add_rule(&mut self, at: usize, rule: &Json) -> Result<(), EditError> {
        let mut rules = self.entries("rule")?;
        rules.insert(at.min(rules.len()), rule.clone());
        self.merge(&json!({ "rule": rules }))
    }

    /// Removes the rule at index `at`, from 0.
    ///
    /// # Errors
    /// [`EditError::NoSuchRule`].
    pub fn remove_rule(&mut self, at: usize) -> Result<(), EditError> {
        let mut rules = self.entries("rule")?;
        check_index(at, rules.len())?;
        rules.remove(at);
        self.merge(&json!({ "rule": rules }))
    }

    /// Replaces the rule at index `at`, from 0.
    ///
    /// # Errors
    /// [`EditError::NoSuchRule`].
    pub fn replace_rule(&mut self, at: usize, rule: &Json) -> Result<(), EditError> {
        let mut rules = self.entries("rule")?;
        check_index(at, rules.len())?;
        if let Some(old) = rules.get_mut(at) {
            *old = rule.clone();
        }
        self.merge(&json!({ "rule": rules }))
    }

    /// Moves the rule at index `from` to index `to`, both from 0.
    ///
    /// # Errors
    /// [`EditError::NoSuchRule`].
    pub fn move_rule(&mut self, from: usize, to: usize) -> Result<(), EditError> {
        let mut rules = self.entries("rule")?;
        check_index(from, rules.len())?;
        check_index(to, rules.len())?;
        let rule = rules.remove(from);
        rules.insert(to, rule);
        self.merge(&json!({ "rule": rules }))
    }

    /// Adds an entry, or changes the one with its name. Sections are "upstream", "group", "site" and "filter.list".
    ///
    /// # Errors
    /// As [`Document::merge`].
    pub fn put_entry(&mut self, section: &str, entry: &Json) -> Result<(), EditError> {
        let mut entries = self.entries(section)?;
        let name = entry.get("name");
        match entries
            .iter_mut()
            .find(|old| old.get("name") == name && name.is_some())
        {
            Some(old) => *old = entry.clone(),
            None => entries.push(entry.clone()),
        }
        self.set_entries(section, entries)
    }

    /// # Errors
    /// [`EditError::NoSuchEntry`].
    pub fn remove_entry(&mut self, section: &str, name: &str) -> Result<(), EditError> {
        let mut entries = self.entries(section)?;
        let count = entries.len();
        entries.retain(|entry| entry.get("name").and_then(Json::as_str) != Some(name));
        if entries.len() == count {
            return Err(EditError::NoSuchEntry {
                section: section.to_owned(),
                name: name.to_owned(),
            });
        }
        self.set_entries(section, entries)
    }

    /// Turns a filter list on or off.
    ///
    /// # Errors
    /// [`EditError::NoSuchEntry`].
    pub fn enable_list(&mut self, name: &str, enabled: bool) -> Result<(), EditError> {
        self.change_list(name, |list| {
            list.insert("enabled".to_owned(), Json::Bool(enabled));
        })
    }

    /// Ends a filter list's probation: it blocks from now on.
    ///
    /// # Errors
    /// [`EditError::NoSuchEntry`].
    pub fn end_probation(&mut self, name: &str) -> Result<(), EditError> {
        self.change_list(name, |list| drop(list.remove("probation")))
    }

    fn change_list(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Map<String, Json>),
    ) -> Result<(), EditError> {
        let mut lists = self.entries("filter.list")?;
        let list = lists
            .iter_mut()
            .find(|list| list.get("name").and_then(Json::as_str) == Some(name));
        let Some(list) = list.and_then(Json::as_object_mut) else {
            return Err(EditError::NoSuchEntry {
                section: "filter.list".to_owned(),
                name: name.to_owned(),
            });
        };
        change(list);
        self.set_entries("filter.list", lists)
    }

    /// The entries of an array with their secrets, for writing them back only.
    pub(super) fn entries(&self, section: &str) -> Result<Vec<Json>, EditError> {
        let mut json = item_to_json(self.doc.as_item());
        let at = section
            .split('.')
            .try_fold(&mut json, |at, key| at.get_mut(key));
        match at.map(Json::take) {
            None | Some(Json::Null) => Ok(Vec::new()),
            Some(Json::Array(entries)) => Ok(entries),
            Some(_) => Err(EditError::OtherForm(section.to_owned())),
        }
    }

    pub(super) fn set_entries(
        &mut self,
        section: &str,
        entries: Vec<Json>,
    ) -> Result<(), EditError> {
        let patch = section
            .rsplit('.')
            .fold(Json::Array(entries), |inner, key| json!({ key: inner }));
        self.merge(&patch)
    }
}

fn check_index(index: usize, count: usize) -> Result<(), EditError> {
    if index < count {
        Ok(())
    } else {
        Err(EditError::NoSuchRule {
            number: index + 1,
            count,
        })
    }
}
