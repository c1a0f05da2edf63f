//! gRPC by grpcio through an inspected tunnel, with HTTP/2 and TLS on both sides.

use std::process::Command;

use privet_tests::client::python_program;
use privet_tests::{Privet, Running, await_port, python, require, reserve};

use crate::support::{Certificates, authority, inspecting};

#[test]
fn grpc_passes_an_inspected_tunnel_in_all_four_kinds_with_deadlines_and_errors() {
    let program = require!(python_program());
    let certificates = Certificates::make();
    let address = reserve();
    let mut command = Command::new(program);
    command.args(["-c", include_str!("../sites/grpc_server.py")]);
    command.arg(address.to_string());
    command.args([certificates.text("good.key"), certificates.text("good.pem")]);
    let server = Running::start("the gRPC server", command);
    await_port(address, "the gRPC server");
    let privet = Privet::start(&inspecting(&certificates, ""));
    let ca = authority(&privet).display().to_string();
    let target = format!("localhost:{}", address.port());
    let proxy = format!("http://{}", privet.proxy());
    let client = include_str!("../sites/grpc_client.py");
    let output = require!(python(client, &[&target, &ca, &proxy]));
    assert_eq!(output.code, 0, "{output:?}\n{}", server.log());
    assert_eq!(output.out, "all answered\n");
    let requests = privet.await_api("requests?limit=50", |requests| {
        requests["total"].as_u64().is_some_and(|total| total >= 8)
    });
    let rows = requests["rows"].as_array().expect("rows");
    let of_call = |path: &str| {
        let found = rows
            .iter()
            .find(|row| row["url"].to_string().contains(path));
        found.unwrap_or_else(|| panic!("no {path}: {requests:#}"))
    };
    for path in ["/test.Echo/Unary", "/test.Echo/Echo", "/test.Echo/Missing"] {
        let row = of_call(path);
        assert_eq!(row["http_version"], "HTTP/2", "{row:#}");
        assert_eq!(row["status"], 200, "{row:#}");
    }
    let row = privet.await_row("closed", |row| row["host"] == "localhost");
    assert_eq!(row["inspection"], "inspected", "{row:#}");
}
