//! New settings for a running connection log.

use std::sync::atomic::Ordering;

use super::{ConnectionLog, lock};
use crate::settings::{Retention, Settings};
use crate::storage::start_writer;
use crate::wipe_range::WipeRange;
use crate::writer::{Writer, WriterHandle};

impl ConnectionLog {
    /// Applies new settings. What they no longer allow to be kept is deleted at once, on disk too. Blocks on the disk.
    pub fn reconfigure(&self, settings: Settings) {
        let recording = settings.retention != Retention::None && self.recorder().history;
        self.0.recording.store(recording, Ordering::Relaxed);
        if let Some(stays) = self.writer_for(&settings) {
            if let Retention::Disk(keep) = settings.retention {
                stays.keep(keep);
            }
        } else {
            self.change_writer(&settings);
        }
        let mut recorder = self.recorder();
        match settings.retention {
            Retention::None => recorder.wipe(WipeRange::All),
            Retention::Memory => {}
            Retention::Disk(keep) => {
                let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
                recorder.forget_before(self.unix_now().saturating_sub(keep));
            }
        }
        let (rows, bytes) = (settings.history_rows, settings.history_bytes);
        recorder.closed.resize(rows, bytes);
        recorder.blocked.resize(rows, bytes);
        recorder.settings = settings;
    }

    /// Keeps history from now on, or nothing of any connection: no row, no request, no usage. What was recorded before stays,
    /// apart from requests.
    pub fn keep_history(&self, wanted: bool) {
        let now = self.0.clock.now();
        let mut recorder = self.recorder();
        if recorder.history == wanted {
            return;
        }
        // Counts what happened until now in the way that held until now.
        let unix = self.0.clock.unix(now);
        recorder.sample(&self.0.shards, now, unix);
        recorder.collect(&self.0.shards, unix);
        recorder.history = wanted;
        let recording = wanted && recorder.settings.retention != Retention::None;
        self.0.recording.store(recording, Ordering::Relaxed);
    }

    /// The running writer, where the new settings keep it.
    fn writer_for(&self, settings: &Settings) -> Option<WriterHandle> {
        let recorder = self.recorder();
        let same_file = settings.file == recorder.settings.file;
        let on_disk = matches!(settings.retention, Retention::Disk(_));
        let writer = recorder.writer.as_ref().filter(|_| same_file && on_disk);
        writer.map(Writer::handle)
    }

    /// Ends the running writer, and removes its files where the disk may no longer hold rows; starts another where the settings
    /// ask for one. Waits for the disk without the lock, so that ticks go on.
    fn change_writer(&self, settings: &Settings) {
        let former = {
            let mut recorder = self.recorder();
            recorder.write();
            recorder.writer.take()
        };
        if let Some(former) = former {
            if matches!(settings.retention, Retention::Disk(_)) {
                former.handle().flush();
            } else {
                // Overwrites the rows before the file is removed.
                former.handle().wipe(WipeRange::All);
            }
            former.close();
        }
        let mut problem = None;
        let writer = start_writer(settings, &mut problem);
        self.recorder().writer = writer;
        *lock(&self.0.problem) = problem;
    }
}
