//! Rows as CSV (RFC 4180): one line a connection, under the names that the API gives the fields.

use privet_connection_log::RowView;

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
pub fn write<'a>(rows: impl IntoIterator<Item = &'a RowView>) -> String {
    let mut out = COLUMNS.join(",");
    out.push_str("\r\n");
    for row in rows {
        line(&mut out, row);
    }
    out
}

fn line(out: &mut String, row: &RowView) {
    let number = |value: Option<f64>| value.map(|ms| ms.to_string()).unwrap_or_default();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let cells = [
        row.id.to_string(),
        crate::calls::word(&row.state),
        super::moment(row.started),
        row.ended.map(super::moment).unwrap_or_default(),
        row.age_ms.to_string(),
        text(&row.app),
        text(&row.app_path),
        row.pid.map(|pid| pid.to_string()).unwrap_or_default(),
        text(&row.user),
        row.client.clone(),
        row.listener.to_string(),
        row.protocol.to_string(),
        row.host.clone(),
        row.port.to_string(),
        text(&row.remote),
        row.verdict.to_string(),
        row.rule.to_string(),
        row.reason.clone(),
        row.route.clone(),
        row.up.to_string(),
        row.down.to_string(),
        number(row.dns_ms),
        number(row.connect_ms),
        number(row.tls_ms),
        number(row.first_byte_ms),
        row.requests.to_string(),
        row.end.as_deref().unwrap_or_default().to_owned(),
        text(&row.error),
    ];
    for (at, value) in cells.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        cell(out, value);
    }
    out.push_str("\r\n");
}

/// Quoted where it has to be. What a spreadsheet takes for a formula gets a quote before it: hosts, users and programs come
/// from outside.
fn cell(out: &mut String, value: &str) {
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quoted = value.contains([',', '"', '\r', '\n']);
    if quoted {
        out.push('"');
    }
    if formula {
        out.push('\'');
    }
    if quoted {
        out.push_str(&value.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::row;
    use super::*;

    #[test]
    fn a_line_has_as_many_cells_as_the_header_and_what_would_break_it_is_quoted() {
        let mut odd = row();
        odd.reason = "said \"no\", twice\r\nand again".to_owned();
        odd.app = Some("=1+1".to_owned());
        let file = write([&row(), &odd]);
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
