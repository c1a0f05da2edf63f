//! Connections as CSV (RFC 4180): one line per connection, with the API's field names as the header.

use privet_api::connections::ConnectionRow;

use crate::convert::json_name;

/// The columns, in order.
pub const COLUMNS: [&str; 28] = [
    "id",
    "state",
    "started",
    "ended",
    "age_ms",
    "app",
    "app_path",
    "pid",
    "user",
    "client",
    "listener",
    "protocol",
    "host",
    "port",
    "remote",
    "verdict",
    "rule",
    "reason",
    "route",
    "up",
    "down",
    "dns_ms",
    "connect_ms",
    "tls_ms",
    "first_byte_ms",
    "requests",
    "end",
    "error",
];

/// A whole file, the header first.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn write(rows: &[ConnectionRow]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for row in rows {
        writer.write_record(record(row).into_iter().map(escape_formula))?;
    }
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}

fn record(row: &ConnectionRow) -> [String; COLUMNS.len()] {
    let number = |value: Option<f64>| value.map(|ms| ms.to_string()).unwrap_or_default();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        row.id.to_string(),
        json_name(&row.state),
        super::timestamp(row.started),
        row.ended.map(super::timestamp).unwrap_or_default(),
        row.age_ms.to_string(),
        text(&row.app),
        text(&row.app_path),
        row.pid.map(|pid| pid.to_string()).unwrap_or_default(),
        text(&row.user),
        row.client.clone(),
        row.listener.clone(),
        row.protocol.clone(),
        row.host.clone(),
        row.port.to_string(),
        text(&row.remote),
        row.verdict.clone(),
        row.rule.clone(),
        row.reason.clone(),
        row.route.clone(),
        row.up.to_string(),
        row.down.to_string(),
        number(row.dns_ms),
        number(row.connect_ms),
        number(row.tls_ms),
        number(row.first_byte_ms),
        row.requests.to_string(),
        text(&row.end),
        text(&row.error),
    ]
}

/// Hosts, users and programs come from outside: a value that a spreadsheet would take for a formula gets a `'` before it.
fn escape_formula(value: String) -> String {
    match value.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{value}"),
        false => value,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::row;
    use super::*;

    #[test]
    fn a_line_has_as_many_cells_as_the_header_and_special_characters_are_quoted() {
        let mut odd = row();
        odd.reason = "said \"no\", twice\r\nand again".to_owned();
        odd.app = Some("=1+1".to_owned());
        let file = String::from_utf8(write(&[row(), odd]).unwrap()).unwrap();
        let lines: Vec<&str> = file.split("\r\n").collect();
        let header: Vec<&str> = lines[0].split(',').collect();
        assert_eq!(header.len(), COLUMNS.len());
        assert_eq!(lines[1].split(',').count(), header.len());
        assert!(
            lines[1].starts_with(
                "7,closed,2025-11-24T16:00:00.250Z,2025-11-24T16:00:01.250Z,1000,curl,"
            )
        );
        assert!(file.contains(",'=1+1,"), "{file}");
        assert!(
            file.contains("\"said \"\"no\"\", twice\r\nand again\""),
            "{file}"
        );
        assert!(file.ends_with("finished,\r\n"));
    }
}
