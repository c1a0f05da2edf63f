//! An FTP server with some files, and clients of the HTTP proxy.

use std::process::Command;

use privet_tests::client::python_program;
use privet_tests::peers::{open_folder, write};
use privet_tests::privet::binary;
use privet_tests::{CommandOutput, Privet, Running, curl};
use tempfile::TempDir;

/// An FTP server for the folder; prints its port. Options: `closed` (no anonymous login), `no-epsv`, `no-size`, `lies` (PASV names
/// another machine).
pub const SERVER: &str = r#"
import logging, sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
logging.basicConfig(level=logging.DEBUG)
folder, options = sys.argv[1], sys.argv[2:]
users = DummyAuthorizer()
users.add_user("bob", "p#a:s w", folder, perm="elradfmwMT")
if "closed" not in options:
    users.add_anonymous(folder)
class Handler(FTPHandler):
    authorizer = users
    masquerade_address = "192.0.2.1" if "lies" in options else None
    proto_cmds = {name: value for name, value in FTPHandler.proto_cmds.items()
                  if "no-" + name.lower() not in options}
server = FTPServer(("127.0.0.1", 0), Handler)
print("port=%d." % server.address[1], flush=True)
server.serve_forever()
"#;

pub const TEXT: &str = "a file by FTP\n";
/// Its name has a space, a sign that means something in URLs and one that is not ASCII.
pub const ODD: &str = "od d#ü.txt";
pub const ODD_URL: &str = "od%20d%23%C3%BC.txt";
pub const LOGIN: &str = "bob:p%23a%3As%20w";

pub struct FtpServer {
    pub running: Running,
    pub port: u16,
    pub folder: TempDir,
}

impl FtpServer {
    pub fn start(options: &[&str]) -> Option<Self> {
        let python = python_program()?;
        let folder = open_folder("ftp-");
        write(folder.path(), "a.txt", TEXT);
        std::fs::create_dir(folder.path().join("sub")).expect("the folder is ours");
        write(&folder.path().join("sub"), ODD, TEXT);
        write(folder.path(), "big", &"0123456789".repeat(300_000));
        let mut command = Command::new(python);
        command
            .args(["-c", SERVER])
            .arg(folder.path())
            .args(options);
        let running = Running::start("pyftpdlib", command);
        running.await_line("port=");
        let log = running.log();
        let port = log
            .split("port=")
            .nth(1)
            .and_then(|rest| rest.split('.').next());
        let port = port.and_then(|port| port.parse().ok()).expect("a port");
        Some(Self {
            running,
            port,
            folder,
        })
    }

    pub fn url(&self, path: &str) -> String {
        format!("ftp://127.0.0.1:{}/{path}", self.port)
    }

    pub fn url_as(&self, login: &str, path: &str) -> String {
        format!("ftp://{login}@127.0.0.1:{}/{path}", self.port)
    }
}

pub fn proxy(privet: &Privet) -> String {
    format!("http://{}", privet.proxy())
}

/// Runs curl through the HTTP proxy.
pub fn fetch(privet: &Privet, args: &[&str]) -> CommandOutput {
    curl(&[&["-x", &proxy(privet)], args].concat())
}

/// `privet run -- ARGS`.
pub fn run(privet: &Privet, args: &[&str]) -> CommandOutput {
    let mut command = Command::new(binary());
    command
        .arg("--data-dir")
        .arg(privet.sandbox.dir().join("data"));
    command.args(["run", "--"]).args(args);
    CommandOutput::of(command)
}
