//! Builds hops, chains and groups from the configuration.

use std::collections::HashMap;
use std::sync::Arc;

use privet_config::{Config, Scheme, Upstream};
use privet_policy::{Host, Target};
use secrecy::SecretString;

use crate::chain::Chain;
use crate::check_url::CheckUrl;
use crate::entry_address::EntryAddress;
use crate::group::Group;
use crate::hop::Hop;
use crate::hop::credentials::Credentials;
use crate::tls::{TlsClient, trust_of};

/// An upstream or group that cannot be built, and why. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error("upstream {name}: {why}")]
    Upstream { name: String, why: String },
    #[error("group {name}: {why}")]
    Group { name: String, why: String },
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// Returns the secret of the upstream with this name, if it has one.
pub type Secrets<'a> = &'a dyn Fn(&str) -> Result<Option<SecretString>, String>;

/// Builds one chain per upstream, in the file's order. A chain that is unchanged is taken over from `previous` with
/// its health.
pub(crate) fn chains(
    config: &Config,
    secrets: Secrets<'_>,
    previous: &[Arc<Chain>],
) -> Result<Vec<Arc<Chain>>, BuildError> {
    let mut hops: HashMap<&str, (Arc<Hop>, Option<&str>)> = HashMap::new();
    for upstream in &config.upstreams {
        let made = hop(upstream, secrets).map_err(|why| wrong(&upstream.name, why))?;
        hops.insert(&upstream.name, (Arc::new(made), upstream.via.as_deref()));
    }
    config
        .upstreams
        .iter()
        .map(|upstream| {
            let made = chain(&hops, &upstream.name)?;
            let kept = previous
                .iter()
                .find(|it| it.last().name == made.last().name && it.is_same(&made));
            Ok(kept.cloned().unwrap_or_else(|| Arc::new(made)))
        })
        .collect()
}

/// Builds the groups, in the file's order. Members that are unchanged keep their health.
pub(crate) fn groups(
    config: &Config,
    chains: &[Arc<Chain>],
    previous: &[Group],
) -> Result<Vec<Group>, BuildError> {
    let chain_of = |name: &String| {
        let chain = chains.iter().find(|chain| *chain.last().name == **name);
        chain
            .cloned()
            .ok_or_else(|| format!("there is no upstream {name}"))
    };
    let made = |group: &privet_config::Group| -> Result<Group, String> {
        let members = group
            .members
            .iter()
            .map(chain_of)
            .collect::<Result<_, _>>()?;
        let check = match &group.check {
            None => None,
            Some(check) => Some((CheckUrl::parse(&check.url)?, check.timeout)),
        };
        let before = previous.iter().find(|it| it.name == group.name);
        Ok(Group::new(group, members, check, before))
    };
    let all = config.groups.iter().map(|group| {
        made(group).map_err(|why| BuildError::Group {
            name: group.name.clone(),
            why,
        })
    });
    all.collect()
}

fn chain(hops: &HashMap<&str, (Arc<Hop>, Option<&str>)>, name: &str) -> Result<Chain, BuildError> {
    let mut path = Vec::new();
    let mut next = Some(name);
    while let Some(here) = next {
        let Some((hop, via)) = hops.get(here) else {
            return Err(wrong(name, format!("there is no upstream {here}")));
        };
        if path.len() >= hops.len() {
            return Err(wrong(name, "its via leads in a circle".to_owned()));
        }
        path.push(hop.clone());
        next = *via;
    }
    path.reverse();
    let Some(last) = path.pop() else {
        return Err(wrong(name, "it has no hops".to_owned()));
    };
    Ok(Chain::new(path, last))
}

fn hop(upstream: &Upstream, secrets: Secrets<'_>) -> Result<Hop, String> {
    let password = secrets(&upstream.name)?;
    let login = match (&upstream.username, password) {
        (Some(name), password) => {
            Some(Credentials::new(name.clone(), password.unwrap_or_default()))
        }
        (None, Some(password)) => Some(Credentials::new(String::new(), password)),
        (None, None) => None,
    };
    let host = match upstream.host.parse() {
        Ok(ip) => Host::Ip(ip),
        Err(_) => Host::Name(upstream.host.as_str().into()),
    };
    let tls = match upstream.scheme {
        Scheme::Https => Some(TlsClient::new(&upstream.host, trust_of(upstream))?),
        _ => None,
    };
    Ok(Hop {
        name: upstream.name.as_str().into(),
        scheme: upstream.scheme,
        endpoint: Target {
            host,
            port: upstream.port,
        },
        login,
        isolate: upstream.isolate,
        tls,
        entry: EntryAddress::of(upstream),
    })
}

fn wrong(name: &str, why: String) -> BuildError {
    BuildError::Upstream {
        name: name.to_owned(),
        why,
    }
}
