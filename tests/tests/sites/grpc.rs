//! gRPC by grpcio through a site: to a backend that speaks HTTP/2 without TLS.

use std::process::Command;

use privet_tests::client::python_program;
use privet_tests::{Running, await_port, python, require, reserve};

use crate::support::Scene;

#[test]
fn grpc_passes_in_all_four_kinds_with_deadlines_and_errors() {
    let program = require!(python_program());
    let address = reserve();
    let mut command = Command::new(program);
    command.args(["-c", include_str!("grpc_server.py"), &address.to_string()]);
    let server = Running::start("the gRPC server", command);
    await_port(address, "the gRPC server");
    let scene = Scene::weighted(&[(format!("h2c://{address}"), 1)], "", "");
    let client = include_str!("grpc_client.py");
    let output = require!(python(client, &[&scene.listen.to_string()]));
    assert_eq!(output.code, 0, "{output:?}\n{}", server.log());
    assert_eq!(output.out, "all answered\n");
}
