//! GET, DELETE /api/v1/usage: totals that are kept across restarts, and wiping them together with the history.

use std::time::{Duration, SystemTime};

use axum::extract::State;
use privet_api::Problem;
use privet_api::connections::GroupBy;
use privet_api::usage::{Usage, UsageQuery, UsageRow, WipeQuery, Wiped};
use privet_config::unix_time::now_ms;
use privet_config::{format_timestamp_seconds, parse_duration, parse_timestamp};
use privet_connection_log::WipeRange;
use privet_engine::{ChangeDetail, ChangeSource, UndoAction};
use serde::Deserialize;

use crate::convert;
use crate::extract::Query;
use crate::rejection::Answer;
use crate::request_source::RequestSource;
use crate::state::ApiState;

/// The end of the year 9999, in milliseconds since 1970: no later time is accepted.
const MAX_TIME: u64 = 253_402_300_799_000;
/// Most steps of one answer.
const MAX_STEPS: u64 = 2000;
const DAY_MS: u64 = 86_400_000;

/// [`UsageQuery`] before its times are parsed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawUsageQuery {
    by: Option<GroupBy>,
    from: Option<String>,
    to: Option<String>,
    step: Option<String>,
}

impl RawUsageQuery {
    fn parse(self) -> Result<UsageQuery, Problem> {
        Ok(UsageQuery {
            by: self.by,
            from: parse_time("from", self.from)?,
            to: parse_time("to", self.to)?,
            step: self.step.map(parse_seconds).transpose()?,
        })
    }
}

/// [`WipeQuery`] before its times are parsed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWipeQuery {
    from: Option<String>,
    to: Option<String>,
}

impl RawWipeQuery {
    fn parse(self) -> Result<WipeQuery, Problem> {
        Ok(WipeQuery {
            from: parse_time("from", self.from)?,
            to: parse_time("to", self.to)?,
        })
    }
}

/// Milliseconds since 1970.
fn parse_time(name: &str, written: Option<String>) -> Result<Option<u64>, Problem> {
    let read = |text: String| {
        let instant = || {
            let since = parse_timestamp(&text)?.duration_since(SystemTime::UNIX_EPOCH);
            u64::try_from(since.ok()?.as_millis()).ok()
        };
        text.parse().ok().or_else(instant).ok_or_else(|| {
            Problem::bad_request(format!("`{name}` is not a time."))
                .help("Write milliseconds since 1970, or 2026-12-31T18:00:00Z.")
        })
    };
    written.map(read).transpose()
}

fn parse_seconds(text: String) -> Result<u64, Problem> {
    let duration = || parse_duration(&text).map(|duration| duration.as_secs());
    text.parse().ok().or_else(duration).ok_or_else(|| {
        Problem::bad_request("`step` is not a duration.").help("Write a number of seconds, or 1h.")
    })
}

/// Read traffic totals
#[utoipa::path(
    get,
    path = "/api/v1/usage",
    tag = "usage",
    params(UsageQuery),
    responses(
        (status = 200, description = "The totals", body = Usage),
        (status = 422, description = "The span is invalid"),
        (status = 500, description = "The statistics cannot be read")
    )
)]
pub(crate) async fn get_usage(
    State(api): State<ApiState>,
    Query(query): Query<RawUsageQuery>,
) -> Answer<Usage> {
    let query = query.parse()?;
    let usage = span(&query, now_ms())?;
    let log = api.engine.connection_log().clone();
    let by = convert::log_group_by(usage.by);
    let (from, to, step) = (usage.from, usage.to, usage.step);
    let rows = tokio::task::spawn_blocking(move || log.usage(by, from, to, step))
        .await
        .map_err(|error| Problem::internal(error.to_string()))?
        .map_err(|error| Problem::internal(error.to_string()))?;
    let rows = rows.into_iter().map(row).collect();
    Ok(axum::Json(Usage { rows, ..usage }))
}

/// Wipe history and totals
///
/// Deletes closed connections and totals, in memory and on the disk, all or those of a range. It cannot be undone. Open
/// connections and the totals since the start stay.
#[utoipa::path(
    delete,
    path = "/api/v1/usage",
    tag = "usage",
    params(WipeQuery),
    responses(
        (status = 200, description = "What was deleted", body = Wiped),
        (status = 422, description = "The range is invalid: nothing was deleted"),
        (status = 500, description = "It is deleted in memory, but the disk did not confirm it")
    )
)]
pub(crate) async fn wipe_usage(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    Query(query): Query<RawWipeQuery>,
) -> Answer<Wiped> {
    let range = wipe_range(query.parse()?, now_ms())?;
    let log = api.engine.connection_log().clone();
    let wiped = tokio::task::spawn_blocking(move || log.wipe(range))
        .await
        .map_err(|error| Problem::internal(error.to_string()))?;
    if !wiped {
        return Err(Problem::internal(
            "History and totals are deleted in memory, but the disk did not confirm it.",
        )
        .help("Check the data folder with `privet doctor`, and wipe again.")
        .into());
    }
    record_wipe(&api, source, range).await;
    Ok(axum::Json(match range {
        WipeRange::All => Wiped {
            all: true,
            from: None,
            to: None,
        },
        WipeRange::Between { from, to } => Wiped {
            all: false,
            from: Some(from),
            to: Some(to),
        },
    }))
}

/// Records in the timeline that history was deleted, and nothing of what it was.
async fn record_wipe(api: &ApiState, source: ChangeSource, range: WipeRange) {
    let at = |ms| format_timestamp_seconds(SystemTime::UNIX_EPOCH + Duration::from_millis(ms));
    let what = match range {
        WipeRange::All => ChangeDetail::new("usage-wiped", []),
        WipeRange::Between { from, to } => {
            ChangeDetail::new("usage-wiped-range", [("from", at(from)), ("to", at(to))])
        }
    };
    let (by, undo) = (source.into(), UndoAction::Never);
    api.engine.record_change(by, vec![what], undo).await;
}

/// The range of the query. What closes in this millisecond is before "now".
fn wipe_range(query: WipeQuery, now: u64) -> Result<WipeRange, Problem> {
    if query.from.is_none() && query.to.is_none() {
        return Ok(WipeRange::All);
    }
    let from = query.from.unwrap_or(0);
    let to = query.to.unwrap_or_else(|| now.saturating_add(1));
    if to > MAX_TIME || from > to {
        return Err(Problem::unprocessable(
            "span",
            "`from` is after `to`, or `to` is after the year 9999.",
        ));
    }
    Ok(WipeRange::Between { from, to })
}

fn row(row: privet_connection_log::UsageRow) -> UsageRow {
    UsageRow {
        start: row.start,
        key: row.key,
        up: row.up,
        down: row.down,
        connections: row.connections,
        blocked: row.blocked,
    }
}

/// The span of the query, without its rows.
fn span(query: &UsageQuery, now: u64) -> Result<Usage, Problem> {
    let to = query.to.unwrap_or(now);
    let from = query.from.unwrap_or_else(|| to.saturating_sub(DAY_MS));
    let step = query.step.unwrap_or(0).saturating_mul(1000);
    if to > MAX_TIME || from > to {
        return Err(Problem::unprocessable(
            "span",
            "`from` is after `to`, or `to` is after the year 9999.",
        ));
    }
    if query
        .step
        .is_some_and(|seconds| !(60..=31_536_000).contains(&seconds))
    {
        return Err(Problem::bad_request("A step has 60 to 31,536,000 seconds."));
    }
    if step > 0 && (to - from) / step >= MAX_STEPS {
        return Err(Problem::unprocessable(
            "span",
            format!("The span has more than {MAX_STEPS} steps."),
        )
        .help("Use longer steps or a shorter span."));
    }
    Ok(Usage {
        by: query.by.unwrap_or(GroupBy::Domain),
        from,
        to,
        step,
        rows: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_span_is_the_last_day() {
        let usage = span(&UsageQuery::default(), 10 * DAY_MS).unwrap();
        assert_eq!(
            (usage.from, usage.to, usage.step),
            (9 * DAY_MS, 10 * DAY_MS, 0)
        );
    }

    #[test]
    fn a_wipe_without_ends_is_of_everything() {
        let range = |from, to| wipe_range(WipeQuery { from, to }, 1000);
        assert_eq!(range(None, None).unwrap(), WipeRange::All);
        let since = WipeRange::Between { from: 5, to: 1001 };
        assert_eq!(range(Some(5), None).unwrap(), since);
        let until = WipeRange::Between { from: 0, to: 5 };
        assert_eq!(range(None, Some(5)).unwrap(), until);
        assert!(range(Some(6), Some(5)).is_err());
    }

    #[test]
    fn an_invalid_span_is_refused() {
        let ask = |from, to, step| {
            span(
                &UsageQuery {
                    by: None,
                    from: Some(from),
                    to: Some(to),
                    step,
                },
                0,
            )
        };
        assert!(ask(5, 4, None).is_err());
        assert!(ask(0, u64::MAX, None).is_err());
        assert!(ask(0, MAX_TIME, Some(60)).is_err());
        assert!(ask(0, 1, Some(59)).is_err());
        assert!(ask(0, DAY_MS, Some(60)).is_ok());
    }
}
