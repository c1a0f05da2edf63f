//! The one task that changes things: it owns the listeners, the lists and the mode, and takes orders one by one, so that
//! no two changes can meet and no lock is needed.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use privet_config::Config;
use privet_ledger::End;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::accept::{Door, accept};
use crate::assemble::{Material, assemble};
use crate::books;
use crate::fetch::{Fetched, fetch};
use crate::launch::{Options, StartError};
use crate::listen::{self, Bound, Kind, ListenerState, Name, Open};
use crate::lists::{Copy, ListState, Lists};
use crate::mode::{ModeState, Modes};
use crate::reload::{Applied, ApplyError, disallowed};
use crate::serve::Shared;
use crate::workers::Workers;

/// Orders that wait; more than so many at once are made to wait at their sender.
const ORDERS: usize = 32;
/// How often idle connections, list ages and totals are looked at.
const TICK: Duration = Duration::from_secs(1);

/// What the keeper is told.
pub(crate) enum Order {
    Apply {
        text: Option<String>,
        dry_run: bool,
        reply: oneshot::Sender<Result<Applied, ApplyError>>,
    },
    Mode {
        name: String,
        span: Option<Duration>,
        reply: oneshot::Sender<Result<ModeState, ApplyError>>,
    },
    CurrentMode {
        reply: oneshot::Sender<ModeState>,
    },
    Refresh {
        list: String,
        reply: oneshot::Sender<bool>,
    },
    Lists {
        reply: oneshot::Sender<Vec<ListState>>,
    },
    Fetched {
        list: String,
        outcome: Fetched,
    },
    Stop {
        deadline: Duration,
        reply: oneshot::Sender<()>,
    },
}

pub(crate) struct Keeper {
    pub(crate) options: Options,
    pub(crate) shared: Arc<Shared>,
    pub(crate) workers: Workers,
    pub(crate) open: Open,
    pub(crate) lists: Lists,
    pub(crate) modes: Modes,
    /// Active checks of the upstreams in force; replaced with them.
    pub(crate) checks: Option<AbortOnDropHandle<()>>,
    pub(crate) orders: mpsc::Sender<Order>,
}

/// The mailbox of a keeper.
pub(crate) fn mailbox() -> (mpsc::Sender<Order>, mpsc::Receiver<Order>) {
    mpsc::channel(ORDERS)
}

impl Keeper {
    /// Serves orders until told to stop.
    pub(crate) async fn keep(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut changed: mpsc::Receiver<()>,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        self.start_checks();
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Stop { deadline, reply }) => {
                        self.drain(deadline).await;
                        let _ = reply.send(());
                        return;
                    }
                    Some(order) => self.obey(order).await,
                    None => return,
                },
                Some(()) = changed.recv() => self.file_changed().await,
                _ = tick.tick() => self.tick().await,
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Apply {
                text,
                dry_run,
                reply,
            } => {
                let _ = reply.send(self.apply(text, dry_run).await);
            }
            Order::Mode { name, span, reply } => {
                let _ = reply.send(self.set_mode(name, span).await);
            }
            Order::CurrentMode { reply } => {
                let _ = reply.send(self.modes.state());
            }
            Order::Refresh { list, reply } => {
                let _ = reply.send(self.refresh(&list).await);
            }
            Order::Lists { reply } => {
                let _ = reply.send(self.lists.states());
            }
            Order::Fetched { list, outcome } => self.fetched(&list, outcome).await,
            Order::Stop { .. } => {}
        }
    }

    async fn tick(&mut self) {
        let idle = self
            .shared
            .snapshot
            .load()
            .config
            .listen
            .limits
            .idle_timeout;
        self.shared.ledger.tick(Instant::now());
        self.shared.ledger.sweep_idle(Instant::now(), idle);
        if self.modes.expire(SystemTime::now()) {
            tracing::info!(mode = %self.modes.standing(), "the pause is over");
            self.swap_policy().await;
        }
        self.start_fetches(None);
    }

    /// The file was written by somebody. What it says is taken if it is sound; else the running configuration stays.
    async fn file_changed(&mut self) {
        match self.apply(None, false).await {
            Ok(applied) if applied.is_nothing() => {}
            Ok(applied) => tracing::info!(%applied, "the changed configuration is in force"),
            Err(error) => tracing::error!(
                "the changed configuration is not taken, the running one stays: {error}"
            ),
        }
    }

    async fn set_mode(
        &mut self,
        name: String,
        span: Option<Duration>,
    ) -> Result<ModeState, ApplyError> {
        let config = self.shared.snapshot.load().config.clone();
        if !config.modes.contains_key(&name) {
            return Err(ApplyError::unknown_mode(&name, &config));
        }
        match span {
            Some(span) => self.modes.pause(name, span, SystemTime::now()),
            None => {
                self.modes.stand(name);
            }
        }
        self.swap_policy().await;
        Ok(self.modes.state())
    }

    /// The same configuration under the mode that is on now; rows the mode forbids are closed.
    async fn swap_policy(&mut self) {
        let config = self.shared.snapshot.load().config.clone();
        if let Err(error) = self.swap(config).await {
            tracing::error!("the policy could not be made anew: {error}");
        }
    }

    /// Makes a snapshot of `config` and puts it in force.
    async fn swap(&mut self, config: Arc<Config>) -> Result<usize, StartError> {
        let snapshot = assemble(self.material(config)).await?;
        self.shared.snapshot.store(Arc::new(snapshot));
        self.start_checks();
        let now = self.shared.snapshot.load_full();
        let config = self.shared.snapshot.load().config.clone();
        self.shared
            .ledger
            .reconfigure(books::settings(&self.options.data_dir, &config));
        let closed = self
            .shared
            .ledger
            .cancel_where(|row| disallowed(row, &now), End::Reload);
        Ok(closed)
    }

    fn material(&self, config: Arc<Config>) -> Material {
        let before = self.shared.snapshot.load_full();
        Material {
            mode: self.modes.current(SystemTime::now()).to_owned(),
            lists: self.lists.active(),
            own: self.open.values().map(|running| running.address).collect(),
            keyring: self.options.keyring.clone(),
            generation: before.generation + 1,
            previous: Some(before),
            config,
        }
    }

    async fn apply(&mut self, text: Option<String>, dry_run: bool) -> Result<Applied, ApplyError> {
        let loaded = self.read(text.clone()).await?;
        let config = Arc::new(loaded.config);
        let (bound, gone) = self.listeners_for(&config)?;
        if dry_run {
            return self.rehearse(config, loaded.warnings, &bound, &gone).await;
        }
        self.load_lists(&config).await;
        if self.modes.standing() != config.mode {
            self.modes.stand(config.mode.clone());
        }
        let opened = bound.iter().map(|bound| bound.address).collect();
        let closed = gone
            .iter()
            .filter_map(|name| self.open.get(name))
            .map(|running| running.address)
            .collect();
        self.open_doors(bound).await;
        let connections_closed = self.swap(config).await?;
        for name in gone {
            if let Some(running) = self.open.remove(&name) {
                running.stop.cancel();
            }
        }
        self.start_fetches(None);
        Ok(Applied {
            warnings: loaded.warnings,
            opened,
            closed,
            connections_closed,
        })
    }

    /// What `config` would change, without changing it.
    async fn rehearse(
        &self,
        config: Arc<Config>,
        warnings: Vec<privet_config::Diagnostic>,
        bound: &[Bound],
        gone: &[Name],
    ) -> Result<Applied, ApplyError> {
        let mut lists = Lists::new(self.options.data_dir.clone());
        let filter = config.filter.clone();
        let lists = tokio::task::spawn_blocking(move || {
            lists.load(&filter);
            lists.active()
        })
        .await
        .map_err(|error| ApplyError::broke_off(&error))?;
        let mode = config.mode.clone();
        let then = assemble(Material {
            mode,
            lists,
            ..self.material(config)
        })
        .await?;
        Ok(Applied {
            warnings,
            opened: bound.iter().map(|bound| bound.address).collect(),
            closed: gone
                .iter()
                .filter_map(|name| self.open.get(name))
                .map(|running| running.address)
                .collect(),
            connections_closed: self
                .shared
                .ledger
                .live()
                .iter()
                .filter(|row| disallowed(row, &then))
                .count(),
        })
    }

    async fn read(&self, text: Option<String>) -> Result<privet_config::Loaded, ApplyError> {
        let path = self.options.config_path.clone();
        let read = tokio::task::spawn_blocking(move || match text {
            Some(text) => Config::parse(&text, path.parent().unwrap_or(std::path::Path::new("."))),
            None => Config::load(&path),
        });
        read.await
            .map_err(|error| ApplyError::broke_off(&error))?
            .map_err(ApplyError::Config)
    }

    /// Listeners that the new configuration adds, bound; and the names of those it drops.
    fn listeners_for(&self, config: &Config) -> Result<(Vec<Bound>, Vec<Name>), ApplyError> {
        let wanted = listen::wanted(config);
        let gone = self
            .open
            .keys()
            .filter(|name| !wanted.contains(name))
            .copied()
            .collect();
        let new = wanted
            .into_iter()
            .filter(|name| !self.open.contains_key(name));
        let mut bound = Vec::new();
        for name in new {
            match Bound::bind(name, self.workers.count()) {
                Ok(one) => bound.push(one),
                Err(error) if name.0 == Kind::Pac => {
                    self.shared.problems.raise(
                        "listen:pac",
                        StartError::listen(error).to_string(),
                        "set [listen] pac",
                    );
                }
                Err(error) => return Err(StartError::listen(error).into()),
            }
        }
        Ok((bound, gone))
    }

    /// Has every thread accept on its share of the new sockets.
    pub(crate) async fn open_doors(&mut self, bound: Vec<Bound>) {
        for Bound {
            name,
            address,
            sockets,
        } in bound
        {
            let stop = CancellationToken::new();
            for (thread, socket) in sockets.into_iter().enumerate() {
                let door = Door {
                    kind: name.0,
                    address,
                };
                self.workers
                    .run_on(
                        thread,
                        accept(socket, door, self.shared.clone(), stop.clone()),
                    )
                    .await;
            }
            self.open.insert(name, listen::Running { address, stop });
        }
        self.shared.listening.store(Arc::new(self.listeners()));
    }

    fn listeners(&self) -> Vec<ListenerState> {
        let mut all: Vec<_> = self
            .open
            .iter()
            .map(|(name, run)| ListenerState {
                kind: name.0,
                address: run.address,
            })
            .collect();
        all.sort_by_key(|listener| (listener.kind, listener.address));
        all
    }

    async fn load_lists(&mut self, config: &Config) {
        let mut lists =
            std::mem::replace(&mut self.lists, Lists::new(self.options.data_dir.clone()));
        let filter = config.filter.clone();
        let loaded = tokio::task::spawn_blocking(move || {
            lists.load(&filter);
            lists
        });
        match loaded.await {
            Ok(lists) => self.lists = lists,
            Err(error) => self.shared.problems.raise(
                "lists",
                format!("reading lists broke off: {error}"),
                "see the log",
            ),
        }
        self.say_list_errors();
    }

    pub(crate) fn say_list_errors(&self) {
        for state in self.lists.states() {
            let about = format!("list:{}", state.name);
            match state.error {
                Some(error) => {
                    let text = format!("list {:?}: {error}", state.name);
                    self.shared.problems.raise(
                        about,
                        text,
                        "mend its source, or set enabled = false",
                    );
                }
                None => self.shared.problems.settle(&about),
            }
        }
    }

    /// Reads or fetches one list now; whether there is one of that name.
    async fn refresh(&mut self, name: &str) -> bool {
        if !self.lists.contains(name) {
            return false;
        }
        let mut lists =
            std::mem::replace(&mut self.lists, Lists::new(self.options.data_dir.clone()));
        let of = name.to_owned();
        let read = tokio::task::spawn_blocking(move || {
            lists.reread(&of);
            lists
        });
        if let Ok(lists) = read.await {
            self.lists = lists;
        }
        self.say_list_errors();
        self.swap_policy().await;
        self.start_fetches(Some(name));
        true
    }

    /// Starts the fetches that are due, each a task that reports back as an order.
    fn start_fetches(&mut self, only: Option<&str>) {
        for due in self.lists.due(SystemTime::now(), only) {
            let (shared, orders) = (self.shared.clone(), self.orders.clone());
            let copy = Copy::of(&self.options.data_dir, &due.name);
            tokio::spawn(async move {
                let list = due.name.clone();
                let outcome = fetch(due, shared, copy).await;
                let _ = orders.send(Order::Fetched { list, outcome }).await;
            });
        }
    }

    async fn fetched(&mut self, name: &str, outcome: Fetched) {
        let is_new = matches!(outcome, Ok(Some(_)));
        self.lists.fetched(name, SystemTime::now(), outcome);
        self.say_list_errors();
        if is_new {
            self.swap_policy().await;
        }
    }

    fn start_checks(&mut self) {
        let outward = self.shared.snapshot.load().outward.clone();
        let checks = tokio::spawn(async move { outward.run_checks().await });
        self.checks = Some(AbortOnDropHandle::new(checks));
    }
}
