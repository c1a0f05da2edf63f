//! c-icap with the service that asks a clamd, and the one that sends everything back.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{Clamd, open_folder, write};
use crate::process::{Running, program};
use crate::skip::missing;
use crate::{await_port, reserve};

const MODULES: &str = "/usr/lib/x86_64-linux-gnu/c_icap";

pub struct CIcap {
    pub address: SocketAddr,
    pub running: Running,
    _folder: TempDir,
}

impl CIcap {
    /// `None`: not installed.
    pub fn start(clamd: &Clamd) -> Option<Self> {
        Self::with_lines(clamd, "")
    }

    /// With further lines in its configuration.
    pub fn with_lines(clamd: &Clamd, lines: &str) -> Option<Self> {
        let program = program("c-icap")?;
        if !Path::new(MODULES).join("virus_scan.so").exists() {
            missing("the service virus_scan of c-icap is not installed");
            return None;
        }
        let folder = open_folder("privet-c-icap");
        let (at, address) = (folder.path().display(), reserve());
        let config = format!(
            "PidFile {at}/pid\nCommandsSocket {at}/ctl\nPort {address}\nMaxServers 1\nStartServers 1\n\
             MinSpareThreads 2\nMaxSpareThreads 10\nThreadsPerChild 10\nMaxRequestsPerChild 0\nTimeout 300\n\
             ServerLog {at}/server.log\nAccessLog {at}/access.log\nTmpDir {at}\n\
             ModulesDir {MODULES}\nServicesDir {MODULES}\n\
             TemplateDir /usr/share/c_icap/templates/\nTemplateDefaultLanguage en\n\
             LoadMagicFile /etc/c-icap/c-icap.magic\n\
             acl all src 0.0.0.0/0.0.0.0\nicap_access allow all\n\
             Service echo srv_echo.so\nService scan virus_scan.so\n\
             virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE DOCUMENT\n\
             virus_scan.MaxObjectSize 200M\nvirus_scan.DefaultEngine clamd\n\
             Module common clamd_mod.so\nclamd_mod.ClamdSocket {}\n{lines}",
            clamd.socket.display()
        );
        let config = write(folder.path(), "c-icap.conf", &config);
        let mut command = Command::new(program);
        command.arg("-N").arg("-f").arg(config);
        let running = Running::start("c-icap", command);
        await_port(address, "c-icap");
        Some(Self {
            address,
            running,
            _folder: folder,
        })
    }

    /// The value of the key `icap`.
    pub fn url(&self, service: &str) -> String {
        format!("icap://{}/{service}", self.address)
    }
}
