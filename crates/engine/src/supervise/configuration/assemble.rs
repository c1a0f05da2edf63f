//! Builds a snapshot from configuration, lists and secrets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use privet_config::{Config, Isolation, Keyring, Secret};
use privet_net::{Dialer, OwnListeners};
use privet_policy::{
    Host, List, OwnEndpoints, Policy, RuleHitCounters, TemporaryRule, shadowed_rules,
};
use privet_scan::Scanner;
use privet_sites::SiteTable;
use secrecy::SecretString;

use crate::accept::listener::{ListenerKind, ListenerState};
use crate::caches::Caches;
use crate::gateway::authenticate::Users;
use crate::https::{self, CertificateUse, HttpsTls};
use crate::inspection::{AuthorityPlace, Inspection};
use crate::scanning;
use crate::snapshot::Snapshot;
use crate::supervise::configuration::secrets::KeyringCache;
use crate::supervise::start_error::StartError;

/// One of our listeners.
pub(crate) type OwnListener = ListenerState;

/// Everything that a snapshot is built from.
pub(crate) struct Inputs {
    pub(crate) config: Arc<Config>,
    /// The current mode.
    pub(crate) mode: String,
    pub(crate) lists: Vec<Arc<List>>,
    /// File of each list's text.
    pub(crate) list_texts: BTreeMap<String, PathBuf>,
    /// Temporary rules, first match first.
    pub(crate) temporary: Vec<TemporaryRule>,
    /// Counters that unchanged rules continue.
    pub(crate) hit_counters: RuleHitCounters,
    /// Our listeners.
    pub(crate) own: Vec<OwnListener>,
    /// The keyring secrets that the configuration names.
    pub(crate) secrets: KeyringCache,
    pub(crate) certificates: CertificateUse,
    /// Where the authority of inspection is kept; `None`: it is not made.
    pub(crate) keyring: Option<Arc<dyn Keyring + Send + Sync>>,
    /// Where caches may keep entries; `None`: the snapshot is not served.
    pub(crate) cache_folder: Option<PathBuf>,
    pub(crate) generation: u64,
    /// Unchanged upstreams keep their health and identity.
    pub(crate) previous: Option<Arc<Snapshot>>,
}

/// Builds the snapshot on a blocking thread: secret files are read, rules are compiled.
pub(crate) async fn assemble(inputs: Inputs) -> Result<Snapshot, StartError> {
    let built = tokio::task::spawn_blocking(move || build(inputs)).await;
    built.unwrap_or_else(|error| Err(StartError::Threads(std::io::Error::other(error))))
}

fn build(inputs: Inputs) -> Result<Snapshot, StartError> {
    let config = &inputs.config;
    let previous = inputs.previous.as_deref();
    let inspection = inspection(&inputs)?;
    let https = https_tls(config, &inputs.certificates, previous)?;
    let ContentServices {
        caches,
        scanner,
        sites,
    } = content(&inputs)?;
    // A client may go to a site: that is no circle.
    let own = inputs.own.iter();
    let own = own.filter(|own| own.kind != ListenerKind::Site);
    let own = with_control(own.map(|own| own.address).collect(), config);
    let before = inputs.previous.as_ref().map(|previous| &*previous.users);
    let users = users(config, &inputs.secrets, before)?;
    let before = previous.map(|snapshot| &*snapshot.dialer);
    let dialer = build_dialer(config, &inputs.secrets, &own, before)?;
    let policy = policy(&inputs, own)?;
    let shadows = shadowed_rules(config, SystemTime::now())?;
    let isolates_apps = config
        .upstreams
        .iter()
        .any(|upstream| upstream.isolate == Isolation::App);
    let needs_app = policy.needs_app() || isolates_apps;
    let asks_ahead = needs_app || policy.needs_addresses();
    Ok(Snapshot {
        policy,
        dialer: Arc::new(dialer),
        sites,
        caches,
        scanner,
        list_texts: Arc::new(inputs.list_texts),
        temporary: inputs.temporary.into(),
        shadows: shadows.into(),
        users: Arc::new(users),
        https,
        inspection,
        secrets: inputs.secrets.only_for(config),
        needs_app,
        asks_ahead,
        generation: inputs.generation,
        config: inputs.config,
    })
}

/// What keeps and judges the bodies of responses, and the sites that use it.
struct ContentServices {
    caches: Caches,
    scanner: Option<Arc<Scanner>>,
    sites: Arc<SiteTable>,
}

fn content(inputs: &Inputs) -> Result<ContentServices, StartError> {
    let config = &inputs.config;
    let previous = inputs.previous.as_ref();
    let own = with_control(inputs.own.iter().map(|own| own.address).collect(), config);
    let caches_before = previous.map(|snapshot| &snapshot.caches);
    let folder = inputs.cache_folder.as_deref();
    let caches = Caches::build(config, folder, &inputs.secrets, caches_before);
    let caches = caches.with_shared(config, &own, &inputs.secrets);
    let caches = caches.map_err(StartError::SharedStore)?;
    let scanner_before = previous.and_then(|snapshot| snapshot.scanner.as_ref());
    let spool = folder.map(|folder| folder.with_file_name("spool"));
    let scanner = scanning::build(config, &own, spool.as_deref(), scanner_before);
    let scanner = scanner.map_err(StartError::Scan)?;
    let sites_before = previous.map(|snapshot| &snapshot.sites);
    let sites = build_sites(config, own, &caches, scanner.as_ref(), sites_before)?;
    Ok(ContentServices {
        caches,
        scanner,
        sites,
    })
}

/// The rules and lists, in the current mode.
fn policy(inputs: &Inputs, listeners: Vec<SocketAddr>) -> Result<Policy, StartError> {
    let own = OwnEndpoints {
        listeners,
        addresses: privet_system::interfaces::addresses().into_iter().collect(),
        names: own_names(),
    };
    let (config, counters) = (&inputs.config, &inputs.hit_counters);
    let policy = Policy::compile_with(config, &inputs.temporary, counters, &inputs.lists, own)?;
    policy
        .in_mode(&inputs.mode)
        .ok_or_else(|| StartError::Mode(inputs.mode.clone()))
}

/// What inspects HTTPS, where the configuration says so.
fn inspection(inputs: &Inputs) -> Result<Option<Arc<Inspection>>, StartError> {
    let settings = &inputs.config.inspect;
    if !settings.enabled {
        return Ok(None);
    }
    let previous = inputs.previous.as_ref();
    let before = previous.and_then(|before| before.inspection.clone());
    let made = match (&inputs.certificates, &inputs.keyring) {
        (CertificateUse::None, _) => return Ok(None),
        (CertificateUse::Serve(folder), Some(keyring)) => {
            let place = AuthorityPlace {
                folder: folder.clone(),
                keyring: keyring.clone(),
            };
            Inspection::build(settings, &place, &inputs.secrets, before.as_ref()).map(Some)
        }
        (CertificateUse::Serve(_) | CertificateUse::Check, _) => {
            Inspection::check(settings).map(|()| before)
        }
    };
    made.map_err(StartError::Inspect)
}

/// The certificates of the `https` listeners. Those that the configuration named before stay: their files are watched.
fn https_tls(
    config: &Config,
    purpose: &CertificateUse,
    previous: Option<&Snapshot>,
) -> Result<Option<Arc<HttpsTls>>, StartError> {
    let before = previous.filter(|before| {
        before.config.listen.tls == config.listen.tls && !config.listen.https.is_empty()
    });
    if let Some(https) = before.and_then(|before| before.https.clone()) {
        return Ok(Some(https));
    }
    Ok(https::load(config, purpose)?.map(Arc::new))
}

/// The dialer of the configuration. Upstreams of before that did not change keep their state.
fn build_dialer(
    config: &Config,
    secrets: &KeyringCache,
    own: &[SocketAddr],
    previous: Option<&Dialer>,
) -> Result<Dialer, StartError> {
    let secret = |name: &str| upstream_secret(config, name, secrets);
    let own = OwnListeners::new(own.iter().copied())
        .with_interfaces(privet_system::interfaces::is_interface);
    Dialer::build(config, &secret, own, previous)
        .map_err(|error| StartError::Upstream(error.to_string()))
}

/// The sites of the configuration; those of before where nothing about them changed.
fn build_sites(
    config: &Config,
    mut own: Vec<SocketAddr>,
    caches: &Caches,
    scanner: Option<&Arc<Scanner>>,
    previous: Option<&Arc<SiteTable>>,
) -> Result<Arc<SiteTable>, StartError> {
    own.sort();
    if let Some(previous) = previous
        .filter(|previous| previous.is_of(config, &own) && caches.is_of_sites(previous.cache()))
        .filter(|previous| previous.scanner().map(Arc::as_ptr) == scanner.map(Arc::as_ptr))
    {
        return Ok(previous.clone());
    }
    let previous = previous.map(|table| &**table);
    let built = SiteTable::build(config, own, previous, Instant::now());
    let complete = |table: SiteTable| {
        let table = table.with_cache(caches.sites.clone());
        Arc::new(table.with_scanner(scanner.cloned()))
    };
    built.map(complete).map_err(StartError::Site)
}

/// Adds the control API and the metrics: a web page must not reach them through the proxy.
fn with_control(mut own: Vec<SocketAddr>, config: &Config) -> Vec<SocketAddr> {
    own.extend(
        config
            .control
            .http
            .into_iter()
            .chain(config.control.metrics),
    );
    own
}

/// This machine's names.
fn own_names() -> Vec<Host> {
    let named = privet_system::interfaces::host_name();
    let local = named.as_ref().map(|name| format!("{name}.local"));
    named
        .into_iter()
        .chain(local)
        .filter_map(|name| Host::parse(&name).ok())
        .collect()
}

fn users(
    config: &Config,
    keyring: &dyn Keyring,
    previous: Option<&Users>,
) -> Result<Users, StartError> {
    let reveal = |user: &privet_config::User| {
        let password = user.password.reveal(keyring);
        password
            .map(|password| (user.name.clone(), password))
            .map_err(|error| {
                StartError::Secret(format!("the password of user {:?}: {error}", user.name))
            })
    };
    config
        .listen
        .users
        .iter()
        .map(reveal)
        .collect::<Result<_, _>>()
        .map(|users| Users::new(users, previous))
}

fn upstream_secret(
    config: &Config,
    name: &str,
    keyring: &dyn Keyring,
) -> Result<Option<SecretString>, String> {
    let upstream = config
        .upstreams
        .iter()
        .find(|upstream| upstream.name == name);
    let secret: Option<&Secret> = upstream.and_then(|upstream| upstream.password.as_ref());
    secret
        .map(|secret| secret.reveal(keyring).map_err(|error| error.to_string()))
        .transpose()
}
