//! Converts the engine's types to those of the API: what several handlers answer, and what the command line answers without
//! an engine.

use privet_api::Diagnostic;
use privet_api::connections::{ConnectionRow, GroupBy, RowState};
use privet_api::system_proxy::SystemProxy;
use privet_api::why::{Explanation, ExplanationStep, Outcome};
use privet_connection_log as log;
use privet_system::proxy::{SystemProxyReport, SystemProxyState};

/// The name of a unit enum variant in JSON.
pub(crate) fn json_name<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

pub(crate) fn outcome(outcome: &privet_policy::Outcome) -> Outcome {
    Outcome {
        action: json_name(&outcome.action),
        outbound: outcome.outbound.as_ref().map(ToString::to_string),
        direct_fallback: outcome.fallback_direct,
        kind: json_name(&outcome.kind),
        text: outcome.text.to_string(),
    }
}

/// An error or warning of the configuration.
pub fn diagnostic(found: &privet_config::Diagnostic) -> Diagnostic {
    Diagnostic {
        severity: json_name(&found.severity),
        code: json_name(&found.code),
        line: found.line as u64,
        column: found.column as u64,
        cause: found.cause.clone(),
        help: found.help.clone(),
        source: found.source.clone(),
    }
}

/// The desktop's proxy settings as measured.
pub fn system_proxy(report: SystemProxyReport) -> SystemProxy {
    SystemProxy {
        enabled: matches!(
            report.state,
            SystemProxyState::On | SystemProxyState::Changed
        ),
        state: json_name(&report.state),
        desktop: report.desktop.map(|desktop| desktop.name().to_owned()),
        target: report.target.as_ref().map(ToString::to_string),
        text: report.text,
        fix: report.fix,
        guardian: report.guardian,
        change: None,
    }
}

/// The policy's explanation of a decision.
pub fn explanation(target: String, explained: &privet_policy::Explanation) -> Explanation {
    Explanation {
        target: privet_engine::without_login(&target),
        outcome: outcome(&explained.outcome),
        rule: explained.rule.as_ref().map(ToString::to_string),
        steps: explained.steps.iter().map(step).collect(),
    }
}

fn step(step: &privet_policy::Step) -> ExplanationStep {
    let values = step.message.values.iter();
    ExplanationStep {
        what: step.what.clone(),
        list: step.list.as_ref().map(ToString::to_string),
        line: step.line,
        source: step.source.clone(),
        matched: step.matched,
        text: step.text.clone(),
        code: step.message.code.to_owned(),
        values: values
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    }
}

pub(crate) const fn log_row_state(state: RowState) -> log::RowState {
    match state {
        RowState::Active => log::RowState::Active,
        RowState::Closed => log::RowState::Closed,
        RowState::Blocked => log::RowState::Blocked,
    }
}

const fn row_state(state: log::RowState) -> RowState {
    match state {
        log::RowState::Active => RowState::Active,
        log::RowState::Closed => RowState::Closed,
        log::RowState::Blocked => RowState::Blocked,
    }
}

pub(crate) const fn log_group_by(by: GroupBy) -> log::GroupBy {
    match by {
        GroupBy::App => log::GroupBy::App,
        GroupBy::Domain => log::GroupBy::Domain,
        GroupBy::Route => log::GroupBy::Route,
        GroupBy::Verdict => log::GroupBy::Verdict,
    }
}

pub(crate) fn connection_row(row: log::RowView) -> ConnectionRow {
    ConnectionRow {
        id: row.id,
        state: row_state(row.state),
        listener: row.listener.into_owned(),
        client: row.client,
        app: row.app,
        app_path: row.app_path,
        pid: row.pid,
        user: row.user,
        protocol: row.protocol.into_owned(),
        host: row.host,
        port: row.port,
        remote: row.remote,
        verdict: row.verdict.into_owned(),
        reason: row.reason,
        rule: row.rule.into_owned(),
        route: row.route,
        up: row.up,
        down: row.down,
        up_speed: row.up_speed,
        down_speed: row.down_speed,
        started: row.started,
        age_ms: row.age_ms,
        ended: row.ended,
        end: row.end.map(std::borrow::Cow::into_owned),
        error: row.error,
        dns_ms: row.dns_ms,
        connect_ms: row.connect_ms,
        tls_ms: row.tls_ms,
        first_byte_ms: row.first_byte_ms,
        requests: row.requests,
        inspection: row.inspection.map(str::to_owned),
        inspection_why: row.inspection_why,
        group: row.group,
    }
}

#[cfg(test)]
mod tests {
    use privet_connection_log::{
        CloseReason, ConnectionLog, NewConnection, PageRequest, Query, RowState,
    };
    use privet_policy::{App, Listener, Protocol, Target, Why, WhyKind};

    use super::connection_row;

    fn opened() -> NewConnection {
        NewConnection {
            listener: Listener::Mixed,
            client: "127.0.0.1:40000".parse().expect("an address"),
            protocol: Protocol::Socks5,
            user: None,
            app: Some(std::sync::Arc::new(App {
                name: "curl".into(),
                path: Some("/usr/bin/curl".into()),
                pid: 7,
                user: None,
            })),
            target: Target::parse("a.test:443").expect("a target"),
            route: "direct".into(),
            why: Why {
                kind: WhyKind::Mode,
                text: "mode standard".into(),
            },
        }
    }

    #[test]
    fn a_row_written_as_json_keeps_its_names() {
        let log = ConnectionLog::default();
        let live = log.open(opened());
        live.set_remote("192.0.2.7:443".parse().expect("an address"));
        live.close(CloseReason::Broken, Some("reset".to_owned()));
        let page = log.page(RowState::Closed, &Query::default(), &PageRequest::default());
        let row = page.rows.into_iter().next().expect("one row");
        let json = serde_json::to_value(connection_row(row)).expect("JSON");
        for (name, wanted) in [
            ("state", "closed"),
            ("listener", "mixed"),
            ("client", "127.0.0.1:40000"),
            ("app", "curl"),
            ("protocol", "socks5"),
            ("host", "a.test"),
            ("remote", "192.0.2.7"),
            ("verdict", "direct"),
            ("reason", "mode standard"),
            ("rule", "mode"),
            ("route", "direct"),
            ("end", "broken"),
            ("error", "reset"),
        ] {
            assert_eq!(json[name], wanted, "{name}");
        }
        for name in [
            "id", "pid", "port", "up", "down", "up_speed", "started", "age_ms", "ended", "requests",
        ] {
            assert!(json[name].is_u64(), "{name}");
        }
        for name in ["user", "dns_ms", "connect_ms", "tls_ms", "first_byte_ms"] {
            assert!(json[name].is_null() && json.get(name).is_some(), "{name}");
        }
        assert!(json.get("group").is_none());
    }
}
