//! A change of configuration: worked out whole, then either told (dry run) or carried out. What fails on the way leaves
//! everything as it was.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use privet_config::{Config, Diagnostic, LoadedConfig, to_json};
use privet_connection_log::CloseReason;
use privet_policy::TemporaryRule;
use tokio_util::sync::CancellationToken;

use crate::accept::listener::{self, Bound, ListenerKind, ListenerKindCell, Name};
use crate::accept::{AcceptedBy, accept};
use crate::snapshot::Snapshot;
use crate::supervise::configuration::assemble::{Inputs, assemble};
use crate::supervise::configuration::reload::{ApplyError, ApplyReport, ChangeOrigin, disallowed};
use crate::supervise::configuration::replay::replay_records;
use crate::supervise::connection_log;
use crate::supervise::launch::StartError;
use crate::supervise::lists::Lists;
use crate::supervise::mode::Modes;
use crate::supervise::rules::{now_ms, shadow_warning};
use crate::supervise::supervisor::{Supervisor, fingerprint_of};
use crate::supervise::timeline::{self, ChangeDetail, describe};

/// A change that was worked out and not made yet.
pub(crate) struct Plan {
    /// There is a file, or will be: not only the defaults.
    from_file: bool,
    warnings: Vec<Diagnostic>,
    modes: Modes,
    lists: Lists,
    snapshot: Snapshot,
    /// Listeners to add.
    bound: Vec<Bound>,
    /// Listeners that take something else from now on.
    turned: Vec<Name>,
    /// Listeners to drop.
    gone: Vec<SocketAddr>,
}

impl Supervisor {
    /// Takes the text, or what the file holds now.
    pub(crate) async fn apply(
        &mut self,
        text: Option<String>,
        dry_run: bool,
        by: ChangeOrigin,
    ) -> Result<ApplyReport, ApplyError> {
        let plan = self.plan(text.clone()).await?;
        if dry_run {
            return self.rehearse(plan).await;
        }
        let disk = self.file_text().await.unwrap_or_default();
        let mut before = self.shared.snapshot.load().config.clone();
        let now = match text {
            Some(text) => {
                before = self.note_by_hand(before, disk).await;
                self.save(text.clone()).await?;
                self.seen = fingerprint_of(&self.options.config_path).await;
                text
            }
            None => disk,
        };
        self.from_file |= plan.from_file;
        let what = describe(&to_json(&before), &to_json(&plan.snapshot.config));
        let applied = self.carry_out(plan).await;
        let change = self.note_text(by, what, now).await;
        Ok(ApplyReport { change, ..applied })
    }

    /// Somebody wrote the file a moment before it is written anew: that was a change too. The configuration that the
    /// file gives before ours.
    async fn note_by_hand(&mut self, before: Arc<Config>, disk: String) -> Arc<Config> {
        if disk == self.text {
            return before;
        }
        let Ok(loaded) = self.read(Some(disk.clone())).await else {
            let what = vec![ChangeDetail::new("text", [])];
            self.note_text(timeline::ChangeSource::File.into(), what, disk)
                .await;
            return before;
        };
        let what = describe(&to_json(&before), &to_json(&loaded.config));
        self.note_text(timeline::ChangeSource::File.into(), what, disk)
            .await;
        Arc::new(loaded.config)
    }

    /// The configuration as it is, with these rules of no file.
    pub(crate) async fn plan_rules(
        &self,
        temporary: Vec<TemporaryRule>,
    ) -> Result<Plan, ApplyError> {
        let config = self.shared.snapshot.load().config.clone();
        let own = self.open.values().map(|running| running.address).collect();
        let mut lists = self.lists.clone();
        let inputs = self.inputs(config, &self.modes, &mut lists, own);
        let snapshot = assemble(Inputs {
            temporary,
            ..inputs
        });
        Ok(Plan {
            from_file: false,
            warnings: Vec::new(),
            modes: self.modes.clone(),
            lists,
            snapshot: snapshot.await?,
            bound: Vec::new(),
            turned: Vec::new(),
            gone: Vec::new(),
        })
    }

    async fn plan(&self, text: Option<String>) -> Result<Plan, ApplyError> {
        let LoadedConfig {
            config,
            mut warnings,
            note,
        } = self.read(text).await?;
        let config = Arc::new(config);
        let mut modes = self.modes.clone();
        if modes.standing() != config.mode {
            modes.stand(config.mode.clone());
        }
        let adopted: Vec<ListenerKind> = self
            .open
            .values()
            .filter(|run| run.adopted)
            .map(|run| run.kind.get())
            .collect();
        let wanted = listener::beside(listener::wanted(&config), &adopted);
        let bound = self.bind_new(&wanted)?;
        let gone = self
            .open
            .iter()
            .filter(|(at, run)| !run.adopted && !wanted.iter().any(|name| name.1 == **at))
            .map(|(at, _)| *at)
            .collect();
        let turned = wanted
            .into_iter()
            .filter(|(kind, at)| self.open.get(at).is_some_and(|run| run.kind.get() != *kind));
        let turned = turned.collect();
        let mut lists = self.lists_for(&config).await?;
        let own = bound
            .iter()
            .map(|bound: &Bound| bound.address)
            .chain(self.open.values().map(|run| run.address));
        let inputs = self.inputs(config, &modes, &mut lists, own.collect());
        let snapshot = assemble(inputs).await?;
        warnings.extend(snapshot.shadows.iter().map(shadow_warning));
        Ok(Plan {
            from_file: note.is_none(),
            snapshot,
            warnings,
            modes,
            lists,
            bound,
            turned,
            gone,
        })
    }

    pub(crate) async fn carry_out(&mut self, plan: Plan) -> ApplyReport {
        let told = self.listeners_told(&plan);
        self.lists = plan.lists;
        self.modes = plan.modes;
        for (kind, at) in plan.turned {
            if let Some(running) = self.open.get(&at) {
                running.kind.set(kind);
            }
        }
        self.update_connection_log(&plan.snapshot.config).await;
        let connections_closed = self.put_in_force(plan.snapshot);
        for at in plan.gone {
            if let Some(running) = self.open.remove(&at) {
                running.stop.cancel();
            }
        }
        self.open_doors(plan.bound).await;
        self.save_lists().await;
        self.forget_list_problems();
        self.say_list_errors();
        self.watch_list_files();
        self.start_checks();
        self.start_fetches(None);
        let (opened, closed) = told;
        ApplyReport {
            warnings: plan.warnings,
            opened,
            closed,
            connections_closed,
            replay: None,
            change: None,
        }
    }

    /// The connection log follows `[log]`. What it may no longer hold is wiped from the disk, which takes its time.
    async fn update_connection_log(&self, config: &Config) {
        let settings = connection_log::settings(&self.options.data_dir, config);
        let connection_log = self.shared.connection_log.clone();
        let kept = tokio::task::spawn_blocking(move || connection_log.reconfigure(settings)).await;
        if let Err(error) = kept {
            tracing::error!("the connection log did not follow the configuration: {error}");
        }
    }

    /// What the plan would do, and what it would have done to the connections that are recorded.
    pub(crate) async fn rehearse(&self, plan: Plan) -> Result<ApplyReport, ApplyError> {
        let (opened, closed) = self.listeners_told(&plan);
        let live = self.shared.connection_log.live_rows();
        let connections_closed = live
            .iter()
            .filter(|row| disallowed(row, &plan.snapshot))
            .count();
        let (connection_log, now) = (
            self.shared.connection_log.clone(),
            self.shared.snapshot.load_full(),
        );
        let then = plan.snapshot;
        let played = tokio::task::spawn_blocking(move || {
            replay_records(
                &connection_log,
                &now.policy,
                &then.policy,
                SystemTime::UNIX_EPOCH,
            )
        });
        let replay = played
            .await
            .map_err(|error| ApplyError::broke_off(&error))?;
        let replay = Some(replay.map_err(|error| ApplyError::Broken(error.to_string()))?);
        Ok(ApplyReport {
            warnings: plan.warnings,
            opened,
            closed,
            connections_closed,
            replay,
            change: None,
        })
    }

    fn listeners_told(&self, plan: &Plan) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
        let opened = plan.bound.iter().map(|bound| bound.address).collect();
        let closed = plan
            .gone
            .iter()
            .filter_map(|at| self.open.get(at))
            .map(|running| running.address)
            .collect();
        (opened, closed)
    }

    /// The same configuration with the lists as they are now.
    pub(crate) async fn swap_lists(&mut self) {
        let config = self.shared.snapshot.load().config.clone();
        let own = self.open.values().map(|running| running.address).collect();
        let (modes, mut lists) = (self.modes.clone(), std::mem::take(&mut self.lists));
        let inputs = self.inputs(config, &modes, &mut lists, own);
        self.lists = lists;
        match assemble(inputs).await {
            Ok(snapshot) => {
                self.put_in_force(snapshot);
                self.start_checks();
                self.shared.problems.settle("lists");
            }
            Err(error) => {
                let text = format!("the new lists are not in force: {error}");
                self.shared
                    .problems
                    .raise("lists", text, "mend what it says and reload");
            }
        }
    }

    /// Swaps the snapshot; how many connections it does not allow and were closed.
    pub(crate) fn put_in_force(&mut self, snapshot: Snapshot) -> usize {
        let snapshot = Arc::new(snapshot);
        self.counts.adopt(&snapshot.policy, now_ms());
        self.shared.snapshot.store(snapshot.clone());
        self.shared.reloads.tell();
        self.shared.mode.store(Arc::new(self.modes.state()));
        self.shared
            .connection_log
            .cancel_where(|row| disallowed(row, &snapshot), CloseReason::Reload)
    }

    fn inputs(
        &self,
        config: Arc<Config>,
        modes: &Modes,
        lists: &mut Lists,
        own: Vec<SocketAddr>,
    ) -> Inputs {
        let before = self.shared.snapshot.load_full();
        Inputs {
            mode: modes.current(SystemTime::now()).to_owned(),
            texts: lists.texts(),
            lists: lists.active(),
            temporary: self.temporary_for(&config),
            hit_counters: self.counts.hit_counters().clone(),
            own,
            keyring: self.options.keyring.clone(),
            generation: before.generation + 1,
            previous: Some(before),
            config,
        }
    }

    pub(crate) async fn read(&self, text: Option<String>) -> Result<LoadedConfig, ApplyError> {
        let path = self.options.config_path.clone();
        let read = tokio::task::spawn_blocking(move || match text {
            Some(text) => Config::parse(&text, path.parent().unwrap_or(Path::new("."))),
            None => Config::load(&path),
        });
        let loaded = read
            .await
            .map_err(|error| ApplyError::broke_off(&error))?
            .map_err(ApplyError::Config)?;
        // The note says that there was no file.
        match self.from_file && loaded.note.is_some() {
            true => Err(ApplyError::Gone(self.options.config_path.clone())),
            false => Ok(loaded),
        }
    }

    async fn save(&self, text: String) -> Result<(), ApplyError> {
        let path = self.options.config_path.clone();
        let saved = tokio::task::spawn_blocking(move || privet_config::save(&path, &text)).await;
        saved
            .map_err(|error| ApplyError::broke_off(&error))?
            .map_err(ApplyError::Save)
    }

    /// The lists that `config` names; those that did not change are kept as they are.
    async fn lists_for(&self, config: &Config) -> Result<Lists, ApplyError> {
        let (mut lists, filter) = (self.lists.clone(), config.filter.clone());
        let read = tokio::task::spawn_blocking(move || {
            lists.load(&filter);
            lists
        });
        read.await.map_err(|error| ApplyError::broke_off(&error))
    }

    fn bind_new(&self, wanted: &[Name]) -> Result<Vec<Bound>, StartError> {
        let new = wanted
            .iter()
            .filter(|name| !self.open.contains_key(&name.1));
        let bind = |name: &Name| Bound::bind(*name, self.workers.count());
        new.map(bind)
            .collect::<Result<_, _>>()
            .map_err(StartError::listen)
    }

    /// Has every thread accept on its share of the new sockets.
    pub(crate) async fn open_doors(&mut self, bound: Vec<Bound>) {
        for Bound {
            name,
            address,
            adopted,
            sockets,
        } in bound
        {
            let (kind, stop) = (
                Arc::new(ListenerKindCell::new(name.0)),
                CancellationToken::new(),
            );
            for (thread, socket) in sockets.into_iter().enumerate() {
                let door = AcceptedBy {
                    kind: kind.clone(),
                    address,
                };
                self.workers
                    .run_on(
                        thread,
                        accept(socket, door, self.shared.clone(), stop.clone()),
                    )
                    .await;
            }
            self.open.insert(
                name.1,
                listener::Running {
                    kind,
                    address,
                    stop,
                    adopted,
                },
            );
        }
        self.shared
            .listening
            .store(Arc::new(listener::states(&self.open)));
    }
}
