//! GET, PUT /api/v1/first-run: whether Privet has been set up, and the proxy settings that the desktop had before.

use std::io;
use std::path::PathBuf;

use axum::extract::State;
use privet_api::Problem;
use privet_api::first_run::{
    FirstRun, FirstRunQuery, FirstRunUpdate, FoundProxy, FoundProxyKind, FoundUpstream,
};
use privet_config::Config;
use privet_system::proxy::{
    ProxyEndpoint, ProxyScheme, ProxyTarget, SystemProxyReport, SystemProxyState as Measured,
};

use crate::extract::{Json, Query};
use crate::rejection::Answer;
use crate::state::ApiState;

/// In the data folder: the first run was completed or skipped.
const DONE_FILE: &str = "first_run";
/// More than any desktop has.
const MAX_UPSTREAMS: usize = 4;

/// Read the state of the first run
#[utoipa::path(
    get,
    path = "/api/v1/first-run",
    tag = "system proxy",
    params(FirstRunQuery),
    responses((status = 200, description = "What was found; nothing was changed", body = FirstRun))
)]
pub(crate) async fn read_first_run(
    State(api): State<ApiState>,
    Query(query): Query<FirstRunQuery>,
) -> axum::Json<FirstRun> {
    axum::Json(first_run(&api, query.measure.unwrap_or(true)).await)
}

/// End the first run
///
/// The window then starts without it. What the four steps choose is done by the calls for it.
#[utoipa::path(
    put,
    path = "/api/v1/first-run",
    tag = "system proxy",
    request_body = FirstRunUpdate,
    responses(
        (status = 200, description = "As it is now", body = FirstRun),
        (status = 500, description = "The data folder takes no file")
    )
)]
pub(crate) async fn end_first_run(
    State(api): State<ApiState>,
    Json(update): Json<FirstRunUpdate>,
) -> Answer<FirstRun> {
    let file = done_file(&api);
    let noted = tokio::task::spawn_blocking(move || match update.done {
        true => std::fs::write(file, "done\n"),
        false => match std::fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
    });
    noted
        .await
        .map_err(|error| Problem::internal(error.to_string()))?
        .map_err(|error| {
            Problem::internal(format!("The data folder cannot be written: {error}."))
        })?;
    Ok(axum::Json(first_run(&api, true).await))
}

async fn first_run(api: &ApiState, measures: bool) -> FirstRun {
    let file = done_file(api);
    let done = tokio::task::spawn_blocking(move || file.exists()).await;
    let config = api.engine.config();
    let own = api.engine.listeners();
    let is_ours = |proxy: &ProxyEndpoint| {
        own.iter()
            .any(|own| own.address.to_string() == proxy.to_string())
    };
    let found = match measures {
        // Not an earlier measurement: callers name what turning the system proxy on replaces.
        true => found_proxy(api.system_proxy.measure_now().await, &config, is_ours),
        false => unknown_proxy("the desktop's proxy was not measured".to_owned()),
    };
    FirstRun {
        pending: !done.unwrap_or(true) && is_untouched(&config),
        found,
    }
}

fn done_file(api: &ApiState) -> PathBuf {
    api.engine.options().data_dir.join(DONE_FILE)
}

fn is_untouched(config: &Config) -> bool {
    config.upstreams.is_empty() && config.rules.is_empty() && config.filter.lists.is_empty()
}

/// What the measured settings mean for a new user. Pure.
fn found_proxy(
    report: Option<SystemProxyReport>,
    config: &Config,
    is_ours: impl Fn(&ProxyEndpoint) -> bool,
) -> FoundProxy {
    let Some(report) = report else {
        return unknown_proxy("this engine does not manage the desktop's proxy".to_owned());
    };
    let kind = match (report.state, &report.target) {
        (Measured::On, _) => FoundProxyKind::Ours,
        (Measured::Leftover, _) => FoundProxyKind::Leftover,
        (Measured::Unsupported | Measured::Unknown, _) | (_, None) => FoundProxyKind::Unknown,
        (_, Some(ProxyTarget::Disabled)) => FoundProxyKind::Nothing,
        (_, Some(ProxyTarget::Pac(_))) => FoundProxyKind::Pac,
        (_, Some(ProxyTarget::Other(_))) => FoundProxyKind::Elsewhere,
        (_, Some(ProxyTarget::Proxies(all))) if all.is_empty() => FoundProxyKind::Nothing,
        (_, Some(ProxyTarget::Proxies(all))) if all.iter().all(&is_ours) => FoundProxyKind::Ours,
        (_, Some(ProxyTarget::Proxies(_))) => FoundProxyKind::Proxy,
    };
    let target = report.target.as_ref().map(ToString::to_string);
    let upstreams = match (kind, report.target) {
        (FoundProxyKind::Proxy, Some(ProxyTarget::Proxies(all))) => {
            upstreams(&all, config, is_ours)
        }
        _ => Vec::new(),
    };
    FoundProxy {
        kind,
        text: report.text,
        target,
        upstreams,
        dead: report.dead.map(|dead| dead.to_string()),
        can_switch: !matches!(report.state, Measured::Unsupported | Measured::Unknown),
    }
}

fn unknown_proxy(text: String) -> FoundProxy {
    FoundProxy {
        kind: FoundProxyKind::Unknown,
        text,
        target: None,
        upstreams: Vec::new(),
        dead: None,
        can_switch: false,
    }
}

/// Each address once. A proxy for HTTPS takes every target by CONNECT; one for plain HTTP or FTP may not.
fn upstreams(
    all: &[ProxyEndpoint],
    config: &Config,
    is_ours: impl Fn(&ProxyEndpoint) -> bool,
) -> Vec<FoundUpstream> {
    let mut found: Vec<FoundUpstream> = Vec::new();
    for serves in [ProxyScheme::Https, ProxyScheme::Socks, ProxyScheme::Http] {
        for proxy in all.iter().filter(|proxy| proxy.serves == serves) {
            let scheme = match serves {
                ProxyScheme::Socks => "socks5",
                _ => "http",
            };
            let url = format!("{scheme}://{proxy}");
            if found.len() < MAX_UPSTREAMS
                && !is_ours(proxy)
                && !found.iter().any(|known| known.url == url)
            {
                let name = free_name(&proxy.host, config, &found);
                found.push(FoundUpstream { name, url });
            }
        }
    }
    found
}

fn free_name(host: &str, config: &Config, found: &[FoundUpstream]) -> String {
    let is_taken = |name: &str| {
        let upstreams = config.upstreams.iter().map(|upstream| &upstream.name);
        let groups = config.groups.iter().map(|group| &group.name);
        let found = found.iter().map(|found| &found.name);
        upstreams
            .chain(groups)
            .chain(found)
            .any(|taken| taken == name)
    };
    let mut name = host.to_owned();
    let mut next = 2_u32;
    while is_taken(&name) {
        name = format!("{host} {next}");
        next += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(state: Measured, found: ProxyTarget) -> Option<SystemProxyReport> {
        Some(SystemProxyReport {
            state,
            desktop: None,
            target: Some(found),
            dead: None,
            text: "as found".to_owned(),
            fix: None,
            guardian: None,
        })
    }

    fn config(text: &str) -> Config {
        let folder = std::path::Path::new("/");
        Config::parse(text, folder).unwrap().config
    }

    #[test]
    fn a_company_proxy_is_offered_once_with_the_scheme_for_every_target() {
        let at = |serves, port| ProxyEndpoint::new(serves, "corp", port);
        let all = vec![
            at(ProxyScheme::Http, 3128),
            at(ProxyScheme::Https, 3128),
            at(ProxyScheme::Ftp, 2121),
            at(ProxyScheme::Socks, 1080),
        ];
        let with_corp = config("[[upstream]]\nname = \"corp\"\nurl = \"socks5://h:1\"\n");
        let found = found_proxy(
            report(Measured::Off, ProxyTarget::Proxies(all)),
            &with_corp,
            |_| false,
        );
        assert_eq!(found.kind, FoundProxyKind::Proxy);
        let offered: Vec<_> = found
            .upstreams
            .iter()
            .map(|one| (one.name.as_str(), one.url.as_str()))
            .collect();
        assert_eq!(
            offered,
            [
                ("corp 2", "http://corp:3128"),
                ("corp 3", "socks5://corp:1080")
            ]
        );
    }

    #[test]
    fn only_a_reachable_foreign_proxy_is_offered() {
        let here = || {
            ProxyTarget::Proxies(vec![ProxyEndpoint::new(
                ProxyScheme::Http,
                "127.0.0.1",
                7890,
            )])
        };
        let pac = ProxyTarget::Pac("http://corp/x.pac".to_owned());
        let empty = config("");
        for (state, target, ours, kind) in [
            (Measured::Leftover, here(), false, FoundProxyKind::Leftover),
            (Measured::Off, here(), true, FoundProxyKind::Ours),
            (Measured::On, here(), false, FoundProxyKind::Ours),
            (Measured::Off, pac, false, FoundProxyKind::Pac),
            (
                Measured::Off,
                ProxyTarget::Disabled,
                false,
                FoundProxyKind::Nothing,
            ),
            (
                Measured::Off,
                ProxyTarget::Proxies(Vec::new()),
                false,
                FoundProxyKind::Nothing,
            ),
            (
                Measured::Unsupported,
                ProxyTarget::Disabled,
                false,
                FoundProxyKind::Unknown,
            ),
        ] {
            let found = found_proxy(report(state, target), &empty, |_| ours);
            assert_eq!((found.kind, found.upstreams.len()), (kind, 0), "{state:?}");
        }
        assert!(!super::found_proxy(None, &empty, |_| false).can_switch);
    }

    #[test]
    fn a_configuration_with_a_route_ends_the_first_run() {
        assert!(is_untouched(&config("[control]\nhttp = \"127.0.0.1:1\"\n")));
        for text in [
            "[[upstream]]\nname = \"a\"\nurl = \"socks5://h:1\"\n",
            "[[rule]]\nmatch = { port = [1] }\nuse = \"block\"\n",
            "[[filter.list]]\nname = \"a\"\nsource = \"a.txt\"\n",
        ] {
            assert!(!is_untouched(&config(text)), "{text}");
        }
    }
}
