//! `[control]`: TCP listeners of the API and the metrics. Off by default.

use std::net::SocketAddr;

use super::listen::off_or_address;
use super::listen_addresses::ListenAddresses;
use crate::diagnose::DiagnosticCode;
use crate::keys;
use crate::model::Control;
use crate::tree::Table;

pub(super) fn read<'a>(top: &Table<'a>, addresses: &mut ListenAddresses<'a>) -> Control {
    let Some(table) = top.get("control").and_then(|v| v.table(&keys::CONTROL)) else {
        return Control::default();
    };
    Control {
        http: listener(&table, "http", addresses),
        metrics: listener(&table, "metrics", addresses),
    }
}

fn listener<'a>(
    table: &Table<'a>,
    key: &'static str,
    addresses: &mut ListenAddresses<'a>,
) -> Option<SocketAddr> {
    let value = table.get(key)?;
    let address = off_or_address(&value)?;
    addresses.add(address, &format!("control.{key}"), value);
    if !address.ip().to_canonical().is_loopback() {
        let cause = format!("control.{key} can be reached from other machines, without encryption");
        value.warn(
            DiagnosticCode::Exposed,
            cause,
            "listen on 127.0.0.1 and reach it through ssh",
        );
    }
    Some(address)
}
