//! What is remembered of each list over restarts: its figures, its probation, and what the user said of its versions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use privet_policy::VisitedSite;
use serde::{Deserialize, Serialize};

use super::list_versions::{Facts, Shelf, replace};
use super::statistics::Figures;

/// A list that was taken out of the file is remembered for so long, in milliseconds: its removal may be undone.
const REMEMBERED: u64 = 24 * 3_600_000;
/// Lists that were taken out and are remembered.
const MOST_GONE: usize = 64;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    /// Of another source it is another list.
    pub(crate) source: String,
    /// Unix milliseconds; since then it has been there to count.
    pub(crate) counting_since: Option<u64>,
    /// The version that the user went back to; it stays until updates are resumed.
    pub(crate) pinned: Option<u64>,
    pub(crate) held: Option<Held>,
    /// Unix milliseconds of the server's last good answer.
    pub(crate) checked: u64,
    pub(crate) figures: Figures,
    /// Unix milliseconds; it was taken out of the file then.
    pub(crate) gone: Option<u64>,
}

/// An update that would have blocked sites that their user goes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Held {
    pub(crate) facts: Facts,
    pub(crate) sites: Vec<Site>,
    /// The user wants to keep the old version, and is not asked again about this text.
    pub(crate) declined: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Site {
    pub(crate) host: String,
    pub(crate) connections: u64,
}

impl From<VisitedSite> for Site {
    fn from(used: VisitedSite) -> Self {
        Self {
            host: used.host.to_string(),
            connections: used.connections,
        }
    }
}

impl Held {
    /// "it would block example.com (212 connections this week) and 2 more"
    pub(crate) fn sentence(&self) -> String {
        let Some(first) = self.sites.first() else {
            // Their names are not on the disk where connections may not be.
            return "it would block sites that you use".to_owned();
        };
        let more = match self.sites.len() {
            0 | 1 => String::new(),
            n => format!(" and {} more that you use", n - 1),
        };
        let connections = first.connections;
        format!(
            "it would block {} ({connections} connections this week){more}",
            first.host
        )
    }
}

/// The records of all lists, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Records(BTreeMap<String, Record>);

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("lists").join("state.json")
}

impl Records {
    /// What the last run left; a file that cannot be read is set aside, with the sentence that says so. Blocking.
    pub(crate) fn open(data_dir: &Path, now: u64) -> (Self, Option<String>) {
        let path = file(data_dir);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Self::none(None),
            Err(error) => return Self::none(Some(format!("{}: {error}", path.display()))),
        };
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(mut records) => {
                records.forget_old(data_dir, now);
                (records, None)
            }
            Err(error) => {
                let aside = path.with_extension(format!("json.corrupt-{now}"));
                let kept = std::fs::rename(&path, &aside);
                let to =
                    kept.map_or_else(|error| error.to_string(), |()| aside.display().to_string());
                Self::none(Some(format!(
                    "what was remembered of the lists cannot be read ({error}) and is set aside: {to}"
                )))
            }
        }
    }

    fn none(said: Option<String>) -> (Self, Option<String>) {
        (Self::default(), said)
    }

    /// The record of a list of this source; a new one begins to count now.
    pub(crate) fn take(&mut self, name: &str, source: &str, now: u64) -> Record {
        let known = self.0.remove(name).filter(|record| record.source == source);
        let fresh = || Record {
            source: source.to_owned(),
            figures: Figures::from(now),
            ..Record::default()
        };
        Record {
            gone: None,
            ..known.unwrap_or_else(fresh)
        }
    }

    /// Remembers a list that was taken out of the file.
    pub(crate) fn lay_by(&mut self, name: &str, record: Record, now: u64) {
        let record = Record {
            gone: record.gone.or(Some(now)),
            ..record
        };
        self.0.insert(name.to_owned(), record);
        while self.0.len() > MOST_GONE {
            let oldest = self.0.iter().min_by_key(|(_, record)| record.gone);
            let Some(name) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            self.0.remove(&name);
        }
    }

    /// With those of the lists that stand: what is written.
    pub(crate) fn with<'a>(&self, standing: impl Iterator<Item = (&'a str, &'a Record)>) -> Self {
        let mut all = self.clone();
        all.0
            .extend(standing.map(|(name, record)| (name.to_owned(), record.clone())));
        all
    }

    /// The same without the names of hosts that their user went to.
    pub(super) fn without_hosts(mut self) -> Self {
        for record in self.0.values_mut() {
            record.figures.forget_hosts();
            if let Some(held) = &mut record.held {
                held.sites.clear();
            }
        }
        self
    }

    /// Writes them whole. Blocking.
    pub(crate) fn write(&self, data_dir: &Path) -> std::io::Result<()> {
        let path = file(data_dir);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        replace(
            &path,
            &serde_json::to_vec(self).map_err(std::io::Error::other)?,
        )
    }

    fn forget_old(&mut self, data_dir: &Path, now: u64) {
        self.0.retain(|name, record| {
            let old = record
                .gone
                .is_some_and(|gone| gone.saturating_add(REMEMBERED) < now);
            if old {
                Shelf::of(data_dir, name).clear();
            }
            !old
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_survives_and_a_broken_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let (mut records, said) = Records::open(folder.path(), 1);
        assert_eq!(said, None);
        let record = Record {
            counting_since: Some(5),
            ..records.take("ads", "http://a/", 1)
        };
        let all = records.with([("ads", &record)].into_iter());
        all.write(folder.path()).unwrap();
        let (mut again, said) = Records::open(folder.path(), 2);
        assert_eq!((again.take("ads", "http://a/", 9), said), (record, None));
        assert_eq!(all.clone().take("ads", "http://b/", 9).counting_since, None);

        std::fs::write(file(folder.path()), "{\"ads\":").unwrap();
        let (_, said) = Records::open(folder.path(), 3);
        assert!(said.unwrap().contains("state.json.corrupt-3"));
        assert!(folder.path().join("lists/state.json.corrupt-3").exists());
    }

    #[test]
    fn a_list_that_is_gone_is_remembered_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::default();
        let record = Record {
            counting_since: Some(1),
            ..records.take("ads", "http://a/", 1)
        };
        records.lay_by("ads", record, 10);
        records.write(folder.path()).unwrap();
        let since = |now| {
            Records::open(folder.path(), now)
                .0
                .take("ads", "http://a/", now)
                .counting_since
        };
        assert_eq!(since(10 + REMEMBERED), Some(1));
        assert_eq!(since(11 + REMEMBERED), None);
    }

    #[test]
    fn an_update_that_is_held_back_says_what_it_would_block() {
        let site = |host: &str, connections| Site {
            host: host.into(),
            connections,
        };
        let held = |sites| {
            Held {
                sites,
                ..Held::default()
            }
            .sentence()
        };
        let one = "it would block example.com (212 connections this week)";
        assert_eq!(held(vec![site("example.com", 212)]), one);
        let two = held(vec![site("example.com", 212), site("b.test", 9)]);
        assert_eq!(two, format!("{one} and 1 more that you use"));
        assert_eq!(held(vec![]), "it would block sites that you use");
    }
}
