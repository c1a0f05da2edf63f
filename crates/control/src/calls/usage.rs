//! GET /api/v1/usage: totals that last.

use axum::extract::State;
use privet_connection_log::{GroupBy, UsageRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::Api;
use crate::extract::Query;
use crate::logs::now_ms;
use crate::problem::Problem;

/// The end of the year 9999, in milliseconds since 1970: no time lies after it.
const LAST_MOMENT: u64 = 253_402_300_799_000;
/// Steps of one answer.
const MAX_STEPS: u64 = 2000;
const DAY_MS: u64 = 86_400_000;

/// A span of time, and what to tell apart in it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// What the totals are of [default: domain].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline, nullable = false)]
    pub by: Option<GroupBy>,
    /// From when, in milliseconds since 1970 [default: 24 hours before `to`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 253_402_300_799_000_i64, nullable = false)]
    pub from: Option<u64>,
    /// Until when, in milliseconds since 1970 [default: now].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 253_402_300_799_000_i64, nullable = false)]
    pub to: Option<u64>,
    /// Steps of so many seconds; absent: one sum over all. At most 2,000 steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 60, maximum = 31_536_000, nullable = false)]
    pub step: Option<u64>,
}

/// Totals of a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    pub by: GroupBy,
    /// Milliseconds since 1970.
    pub from: u64,
    /// Milliseconds since 1970.
    pub to: u64,
    /// Milliseconds of a step; 0: one sum over all.
    pub step: u64,
    /// By time, then by what moved most.
    pub rows: Vec<UsageRow>,
}

/// Totals that last
#[utoipa::path(
    get,
    path = "/api/v1/usage",
    tag = "usage",
    params(UsageQuery),
    responses(
        (status = 200, description = "What moved", body = Usage),
        (status = 422, description = "The span makes no sense", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The statistics cannot be read", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn get_usage(
    State(api): State<Api>,
    Query(asked): Query<UsageQuery>,
) -> Result<axum::Json<Usage>, Problem> {
    let usage = span(&asked, now_ms())?;
    let connection_log = api.engine.connection_log().clone();
    let Usage {
        by, from, to, step, ..
    } = usage;
    let rows = tokio::task::spawn_blocking(move || connection_log.usage(by, from, to, step))
        .await
        .map_err(|error| Problem::internal(error.to_string()))?
        .map_err(|error| Problem::internal(error.to_string()))?;
    Ok(axum::Json(Usage { rows, ..usage }))
}

/// The span that is asked for, without its rows.
fn span(asked: &UsageQuery, now: u64) -> Result<Usage, Problem> {
    let to = asked.to.unwrap_or(now);
    let from = asked.from.unwrap_or_else(|| to.saturating_sub(DAY_MS));
    let step = asked.step.unwrap_or(0).saturating_mul(1000);
    if to > LAST_MOMENT || from > to {
        return Err(Problem::unprocessable(
            "span",
            "`from` lies after `to`, or `to` after the year 9999.",
        ));
    }
    if asked
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
        .help("Take longer steps or a shorter span."));
    }
    Ok(Usage {
        by: asked.by.unwrap_or(GroupBy::Domain),
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
    fn without_a_span_the_last_day_is_meant() {
        let usage = span(&UsageQuery::default(), 10 * DAY_MS).unwrap();
        assert_eq!(
            (usage.from, usage.to, usage.step),
            (9 * DAY_MS, 10 * DAY_MS, 0)
        );
    }

    #[test]
    fn a_span_that_makes_no_sense_is_refused() {
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
        assert!(ask(0, LAST_MOMENT, Some(60)).is_err());
        assert!(ask(0, 1, Some(59)).is_err());
        assert!(ask(0, DAY_MS, Some(60)).is_ok());
    }
}
