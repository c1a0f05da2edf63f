//! A checked query for connections, which can be run again and again.

use std::collections::HashSet;

use privet_api::Problem;
use privet_api::connections::{ConnectionGroup, ConnectionPage, ConnectionsQuery, MAX_ROWS};
use privet_connection_log::{Group, Page, PageRequest, Query, RowState, SortKey};
use privet_engine::Engine;

use crate::convert;
use crate::extract;

/// A page of one of the tables.
pub(crate) struct ConnectionViewer {
    state: RowState,
    query: Query,
    page: PageRequest,
}

impl ConnectionViewer {
    /// # Errors
    /// 400: the filter, the column or the size is invalid.
    pub(crate) fn new(query: &ConnectionsQuery) -> Result<Self, Problem> {
        extract::check_page(query.limit, query.offset, MAX_ROWS as usize)?;
        let mut page = PageRequest {
            offset: query.offset as usize,
            limit: query.limit as usize,
            group: query.group.map(convert::log_group_by),
            ..PageRequest::default()
        };
        if let Some(sort) = &query.sort {
            (page.sort, page.descending) = SortKey::parse(sort).map_err(Problem::bad_request)?;
        }
        Ok(Self {
            state: convert::log_row_state(query.state),
            query: parse_filter(
                query.filter.as_deref().unwrap_or_default(),
                query.ids.as_deref(),
            )?,
            page,
        })
    }

    pub(crate) fn view(&self, engine: &Engine) -> ConnectionPage {
        let log = engine.connection_log();
        page(log.page(self.state, &self.query, &self.page))
    }
}

/// The filter, on the connections with those ids only, if there are any.
pub(crate) fn parse_filter(text: &str, ids: Option<&str>) -> Result<Query, Problem> {
    let query = extract::check_filter(text, || Query::parse(text))?;
    Ok(match ids {
        Some(ids) => query.among(parse_ids(ids)?),
        None => query,
    })
}

fn parse_ids(text: &str) -> Result<HashSet<u64>, Problem> {
    let ids: Result<HashSet<u64>, _> = text.split(',').map(str::parse).collect();
    match ids {
        Ok(ids) if ids.len() <= MAX_ROWS as usize => Ok(ids),
        _ => Err(Problem::bad_request(format!(
            "\"ids\" takes at most {MAX_ROWS} whole numbers, separated by commas."
        ))),
    }
}

fn page(page: Page) -> ConnectionPage {
    ConnectionPage {
        total: page.total as u64,
        offset: page.offset as u64,
        rows: page.rows.into_iter().map(convert::connection_row).collect(),
        groups: page.groups.into_iter().map(group).collect(),
        up: page.up,
        down: page.down,
        up_speed: page.up_speed,
        down_speed: page.down_speed,
    }
}

fn group(group: Group) -> ConnectionGroup {
    ConnectionGroup {
        key: group.key,
        rows: group.rows as u64,
        up: group.up,
        down: group.down,
        up_speed: group.up_speed,
        down_speed: group.down_speed,
    }
}

#[cfg(test)]
mod tests {
    use utoipa::IntoParams;

    use super::*;

    #[test]
    fn the_document_names_every_column_that_sorts() {
        let parameters = ConnectionsQuery::into_params(|| None);
        let sort = parameters
            .iter()
            .find(|parameter| parameter.name == "sort")
            .unwrap();
        let columns: Vec<&str> = SortKey::ALL.iter().map(|(name, _)| *name).collect();
        let pattern = format!("^-?({})$", columns.join("|"));
        assert_eq!(
            serde_json::to_value(&sort.schema).unwrap()["pattern"],
            pattern
        );
    }

    #[test]
    fn an_invalid_page_is_refused() {
        let with = |change: fn(&mut ConnectionsQuery)| {
            let mut query = ConnectionsQuery::default();
            change(&mut query);
            ConnectionViewer::new(&query)
                .map(|_| ())
                .map_err(|problem| problem.status)
        };
        assert_eq!(with(|query| query.limit = 1001), Err(400));
        assert_eq!(with(|query| query.offset = u32::MAX), Err(400));
        assert_eq!(with(|query| query.sort = Some("nonsense".into())), Err(400));
        assert_eq!(
            with(|query| query.filter = Some("nosuch:x".into())),
            Err(400)
        );
        assert_eq!(with(|query| query.ids = Some("1,x".into())), Err(400));
        assert_eq!(with(|query| query.ids = Some("1,33".into())), Ok(()));
        assert_eq!(
            with(|query| query.filter = Some("x".repeat(1001))),
            Err(400)
        );
        assert_eq!(
            with(|query| query.filter = Some("app:firefox up>1M".into())),
            Ok(())
        );
    }
}
