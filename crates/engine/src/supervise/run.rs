//! The supervisor's loop: commands, changes of the configuration file, the end of a pause, and ticks.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use privet_config::Config;
use tokio::sync::{mpsc, oneshot};

use crate::supervise::command::{Command, ListCommand, TimelineCommand};
use crate::supervise::configuration::file::fingerprint;
use crate::supervise::configuration::report::{ApplyError, ApplyMode, ConfigSource};
use crate::supervise::configuration::secrets::KeyringCache;
use crate::supervise::lists::{ListAction, ListActionError};
use crate::supervise::memory::MemorySchedule;
use crate::supervise::supervisor::Supervisor;
use crate::supervise::timeline::{ChangeOrigin, ChangeSource};

/// Interval of idle checks, list schedules and totals while connections are open.
const TICK: Duration = Duration::from_secs(1);
/// The interval when there are none: only clocks and schedules are checked then.
const REST_TICK: Duration = Duration::from_secs(10);
/// Ticks without connections before the interval grows: closed rows are recorded and shown in time.
const TICKS_BEFORE_REST: u32 = 3;
/// Interval at which the rules' hit counts are written.
const SAVE_HIT_COUNTS: Duration = Duration::from_secs(60);

/// When the supervisor ticks: often while something happens, seldom while nothing does.
struct TickSchedule {
    next: Instant,
    quiet_ticks: u32,
}

impl Default for TickSchedule {
    fn default() -> Self {
        Self {
            next: Instant::now(),
            quiet_ticks: 0,
        }
    }
}

impl TickSchedule {
    /// Plans the next tick after one, or after something else that happened. `is_quiet`: no connection is open.
    fn plan(&mut self, now: Instant, is_tick: bool, is_quiet: bool) {
        self.quiet_ticks = if is_quiet {
            self.quiet_ticks.saturating_add(1)
        } else {
            0
        };
        let next = now + if self.rests() { REST_TICK } else { TICK };
        // Commands that come faster than ticks must not put them off.
        self.next = if is_tick { next } else { next.min(self.next) };
    }

    /// Whether nothing happens any more; the data plane's threads have freed their buffers then.
    fn rests(&self) -> bool {
        self.quiet_ticks >= TICKS_BEFORE_REST
    }
}

impl Supervisor {
    /// Handles commands until [`Command::Stop`].
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut file_changes: mpsc::Receiver<()>,
    ) {
        let mut schedule = TickSchedule::default();
        let mut memory = MemorySchedule::new(Instant::now());
        self.start_health_checks();
        loop {
            let is_tick = tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Stop { deadline, reply }) => {
                        self.drain(deadline).await;
                        let _ = reply.send(());
                        return;
                    }
                    Some(command) => {
                        self.execute(command).await;
                        false
                    }
                    None => return,
                },
                Some(()) = file_changes.recv() => {
                    self.file_changed().await;
                    false
                }
                () = self.shared.activity.notified() => false,
                () = tokio::time::sleep_until(schedule.next.into()) => {
                    self.tick().await;
                    true
                }
            };
            let (now, open) = (Instant::now(), self.shared.connection_limit.open());
            schedule.plan(now, is_tick, is_tick && open == 0);
            if !is_tick {
                memory.used();
            } else if memory.is_due(now, open, schedule.rests()) {
                tokio::task::spawn_blocking(move || {
                    privet_system::memory::release();
                    if open == 0 {
                        privet_system::memory::unmap_program();
                    }
                });
            }
        }
    }

    /// Runs a command by its method.
    async fn execute(&mut self, command: Command) {
        match command {
            Command::Apply {
                config,
                secrets,
                mode,
                by,
                reply,
            } => answer(reply, self.apply(config, &secrets, mode, by).await),
            Command::ApplyFile { secrets } => self.apply_file(&secrets).await,
            Command::EditBase { reply } => answer(reply, self.edit_base().await),
            Command::FileText { reply } => answer(reply, self.file_text().await),
            Command::RecordModeSwitch { switch, by, reply } => {
                answer(reply, self.record_mode_switch(&switch, by).await)
            }
            Command::AddTemporaryRule {
                rule,
                lifetime,
                mode,
                by,
                reply,
            } => answer(
                reply,
                self.add_temporary_rule(rule, lifetime, mode, by).await,
            ),
            Command::RemoveTemporaryRule { number, by, reply } => {
                answer(reply, self.remove_temporary_rule(number, by).await)
            }
            Command::ChangeBackend {
                site,
                backend,
                change,
                by,
                reply,
            } => answer(reply, self.change_backend(site, backend, change, by).await),
            Command::Timeline(command) => self.execute_on_timeline(command).await,
            Command::Lists(command) => self.execute_on_lists(command).await,
            Command::CertificatesChanged => self.reload_certificates().await,
            Command::SecretFilesChanged => self.apply_file(&KeyringCache::default()).await,
            Command::ScanRulesChanged => self.scan_rules_changed().await,
            Command::Stop { .. } => {}
        }
    }

    async fn execute_on_timeline(&mut self, command: TimelineCommand) {
        match command {
            TimelineCommand::Page {
                offset,
                limit,
                reply,
            } => answer(reply, self.changes(offset, limit)),
            TimelineCommand::Change { id, reply } => answer(reply, self.change(id)),
            TimelineCommand::Record {
                by,
                what,
                undo,
                reply,
            } => answer(reply, self.record_change(by, what, undo).await),
            TimelineCommand::Undo {
                id,
                source,
                secrets,
                reply,
            } => answer(reply, self.undo(id, source, &secrets).await),
        }
    }

    async fn execute_on_lists(&mut self, command: ListCommand) {
        match command {
            ListCommand::Refresh { list, reply } => self.refresh_list(list, reply).await,
            ListCommand::States { reply } => answer(reply, self.lists.states()),
            ListCommand::Act {
                list,
                action,
                by,
                reply,
            } => answer(reply, self.act_on_list_and_record(list, action, by).await),
            ListCommand::Fetched { list, url, outcome } => {
                self.list_fetched(list, url, outcome).await
            }
            ListCommand::FilesChanged => self.list_files_changed().await,
        }
    }

    async fn act_on_list_and_record(
        &mut self,
        list: String,
        action: ListAction,
        by: ChangeOrigin,
    ) -> Result<(), ListActionError> {
        let inverse = self.act_on_list(list.clone(), action).await?;
        self.record_list_action(by, list, action, inverse).await;
        Ok(())
    }

    async fn tick(&mut self) {
        let snapshot = self.shared.snapshot.load_full();
        let idle_timeout = snapshot.config.listen.limits.idle_timeout;
        let now = Instant::now();
        self.shared.connection_log.tick(now);
        self.shared.connection_log.close_idle(now, idle_timeout);
        self.shared.end_shortage();
        self.log_connection_log_problems();
        // The wall clock may have been set while the pause's timer ran.
        self.shared.end_pause();
        self.save_pause().await;
        self.end_spent_rules(now);
        self.remove_expired_rules(SystemTime::now()).await;
        if self.hit_counts_saved_at.elapsed() >= SAVE_HIT_COUNTS {
            self.save_hit_counts().await;
        }
        self.tick_lists().await;
        self.tick_certificates().await;
        self.tick_scan().await;
        self.tick_inspection().await;
    }

    /// Logs each problem of the connection log once.
    fn log_connection_log_problems(&mut self) {
        let problems = self.shared.connection_log.problems();
        for problem in &problems {
            if !self.reported_log_problems.contains(problem) {
                tracing::warn!(about = "connection_log", "{problem}");
            }
        }
        self.reported_log_problems = problems;
    }

    /// The configuration file was written from outside: applies it if it is valid.
    pub(crate) async fn file_changed(&mut self) {
        let now = fingerprint(&self.options.config_path).await;
        if now != self.file_fingerprint {
            self.file_fingerprint = now;
            self.apply_kill_switch_of_file().await;
            self.apply_file(&KeyringCache::default()).await;
        }
    }

    /// Applies the file, or keeps the current configuration and raises a problem.
    async fn apply_file(&mut self, secrets: &KeyringCache) {
        let by = ChangeSource::File.into();
        match self
            .apply(ConfigSource::File, secrets, ApplyMode::Commit, by)
            .await
        {
            Ok(report) => {
                self.shared.problems.clear("config");
                tracing::info!("the changed configuration was applied: {report}");
            }
            Err(ApplyError::SecretsNeeded(config)) => self.read_secrets(config),
            Err(error @ ApplyError::FileMissing(_)) => self.shared.problems.raise(
                "config",
                format!("{error}: the running configuration stays"),
                "put it back, or leave it: the next change writes it from the running configuration",
            ),
            Err(error) => {
                self.shared.problems.raise(
                "config",
                format!(
                    "the changed configuration is not taken, the running one stays: {}",
                    error.in_one_line()
                ),
                "correct it, `privet check` shows every error; it is read again when it changes",
                );
                // What was missing may have been made before it was watched: the file is looked at once more.
                if self.watch_secret_files().await {
                    Box::pin(self.apply_file(secrets)).await;
                }
            }
        }
    }

    /// Reads the keyring secrets of the changed file in a task of its own, since the keyring may wait for the user; then
    /// the file is applied.
    fn read_secrets(&self, config: Arc<Config>) {
        let keyring = self.options.keyring.clone();
        let (known, commands) = (
            self.shared.snapshot.load().secrets.clone(),
            self.commands.clone(),
        );
        tokio::spawn(async move {
            let read =
                tokio::task::spawn_blocking(move || KeyringCache::read(&config, &known, &*keyring));
            if let Ok(secrets) = read.await {
                let _ = commands.send(Command::ApplyFile { secrets }).await;
            }
        });
    }
}

/// Replies to a caller; one that stopped waiting is no error.
fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    let _ = reply.send(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_rare_when_nothing_happens_and_frequent_when_something_does() {
        let start = Instant::now();
        let mut schedule = TickSchedule::default();
        for _ in 1..TICKS_BEFORE_REST {
            schedule.plan(start, true, true);
            assert_eq!(schedule.next, start + TICK);
        }
        schedule.plan(start, true, true);
        assert_eq!(schedule.next, start + REST_TICK);
        schedule.plan(start, false, false);
        assert_eq!(schedule.next, start + TICK);
        // A second event does not put the tick off.
        schedule.plan(start + TICK / 2, false, false);
        assert_eq!(schedule.next, start + TICK);
        schedule.plan(start + TICK, true, false);
        assert_eq!(schedule.next, start + TICK * 2);
    }
}
