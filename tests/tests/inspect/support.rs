//! What these tests share: an authority for origins, HTTPS origins, and a proxy that inspects them.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use privet_tests::client::{connect, read_head};
use privet_tests::process::Running;
use privet_tests::{CommandOutput, Origin, Privet, await_port, curl, program, reserve};

/// Makes the certificates of the origins: `ca.pem`, and for each kind `NAME.pem` and `NAME.key`.
const CERTIFICATES: &str = "set -e
    p256='-pkeyopt ec_paramgen_curve:prime256v1'
    openssl req -x509 -newkey ec $p256 -nodes -keyout ca.key -out ca.pem -subj '/CN=origins of a test' -days 90 \
        -addext basicConstraints=critical,CA:TRUE
    openssl req -x509 -newkey ec $p256 -nodes -keyout other.key -out other-ca.pem -subj '/CN=a stranger' -days 90 \
        -addext basicConstraints=critical,CA:TRUE
    leaf() { # name, names, authority, key of the authority, key, digest, dates
        printf \"subjectAltName=$2\\nbasicConstraints=CA:FALSE\\n\" > $1.ext
        openssl req -newkey $5 -nodes -keyout $1.key -out $1.csr -subj /CN=origin
        openssl x509 -req -in $1.csr -CA $3 -CAkey $4 -out $1.pem $6 $7 -extfile $1.ext
    }
    names='DNS:localhost,IP:127.0.0.1'
    ec=\"ec $p256\"
    leaf good \"$names\" ca.pem ca.key \"$ec\" -sha256 '-days 30'
    dated() { # name, from, until
        printf '[ca]\ndefault_ca=d\n[d]\nserial=serial\ndatabase=index\nnew_certs_dir=.\npolicy=p\ndefault_md=sha256\n[p]\ncommonName=supplied\n' > cnf
        : > index
        openssl ca -batch -notext -rand_serial -config cnf -in good.csr -cert ca.pem -keyfile ca.key -out $1.pem \
            -startdate $2 -enddate $3 -extfile good.ext
        cp good.key $1.key
    }
    dated expired 20200101000000Z 20210101000000Z
    dated early 20800101000000Z 20810101000000Z
    leaf wrong DNS:other.test ca.pem ca.key \"$ec\" -sha256 '-days 30'
    leaf stranger \"$names\" other-ca.pem other.key \"$ec\" -sha256 '-days 30'
    leaf sha1 \"$names\" ca.pem ca.key \"$ec\" -sha1 '-days 30'
    leaf short \"$names\" ca.pem ca.key rsa:1024 -sha256 '-days 30'
    openssl req -x509 -newkey ec $p256 -nodes -keyout self.key -out self.pem -subj /CN=origin -days 30 \
        -addext \"subjectAltName=$names\" -addext basicConstraints=critical,CA:FALSE";

/// A folder with certificates.
pub struct Certificates(tempfile::TempDir);

impl Certificates {
    pub fn make() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("sh");
        command
            .args(["-c", CERTIFICATES])
            .current_dir(folder.path());
        CommandOutput::of(command).good();
        Self(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// An HTTPS origin by a site of another Privet, with HTTP/1.1 and HTTP/2, before this backend.
pub fn https_origin(certificates: &Certificates, backend: SocketAddr) -> (Privet, u16) {
    let config = format!(
        "[listen]\nmixed = []\npac = \"\"\n\
         [[site]]\nname = \"origin\"\nlisten = [\"$HTTP\"]\nhosts = [\"localhost\", \"127.0.0.1\"]\n\
         tls = {{ cert = \"{}\", key = \"{}\" }}\n[[site.backend]]\nurl = \"http://{backend}\"\n",
        certificates.text("good.pem"),
        certificates.text("good.key"),
    );
    let origin = Privet::start(&config);
    let port = origin.sandbox.http.port();
    (origin, port)
}

/// An HTTPS origin of OpenSSL that answers with a page about the connection.
pub struct OpensslOrigin {
    pub port: u16,
    _running: Running,
}

pub fn openssl_origin(certificates: &Certificates, name: &str, more: &[&str]) -> OpensslOrigin {
    let address = reserve();
    let openssl = program("openssl").expect("openssl is installed wherever curl is");
    let mut command = Command::new(openssl);
    command.args([
        "s_server",
        "-www",
        "-quiet",
        "-accept",
        &address.to_string(),
    ]);
    command.args(["-cipher", "DEFAULT:@SECLEVEL=0"]);
    command
        .arg("-cert")
        .arg(certificates.path(&format!("{name}.pem")));
    command
        .arg("-key")
        .arg(certificates.path(&format!("{name}.key")));
    command.args(more);
    let running = Running::start("openssl", command);
    await_port(address, "openssl s_server");
    OpensslOrigin {
        port: address.port(),
        _running: running,
    }
}

/// A page of the proxy that says what is wrong with the origin's certificate.
#[track_caller]
pub fn assert_fault(page: &str, code: &str, sentence: &str) {
    let reason = format!("privet-reason: certificate: {code}");
    assert!(page.contains(" 502"), "{page}");
    assert!(page.to_lowercase().contains(&reason), "{page}");
    assert!(page.contains(sentence), "{page}");
    assert!(!page.contains("s_server"), "{page}");
}

/// The configuration of a proxy that inspects `localhost` and trusts the origins of a test.
pub fn inspecting(certificates: &Certificates, more: &str) -> String {
    format!(
        "[inspect]\nenabled = true\nhosts = [\"localhost\"]\ntrust = [\"{}\"]\n{more}\n",
        certificates.text("ca.pem")
    )
}

/// A proxy that inspects an HTTPS origin at `localhost`.
pub struct Scene {
    /// Of the origin.
    pub certificates: Certificates,
    /// The origin's port.
    pub port: u16,
    pub privet: Privet,
    /// The authority of inspection.
    pub ca: PathBuf,
    _origin: Privet,
    _backend: Option<Origin>,
}

impl Scene {
    /// The origin answers as [`Origin::http`] does. `more`: further sections of the proxy's configuration.
    pub fn http(more: &str) -> Self {
        let backend = Origin::http();
        let scene = Self::before(backend.address, more);
        Self {
            _backend: Some(backend),
            ..scene
        }
    }

    /// The origin answers as the one at this address does.
    pub fn before(backend: SocketAddr, more: &str) -> Self {
        let certificates = Certificates::make();
        let (origin, port) = https_origin(&certificates, backend);
        let privet = Privet::start(&inspecting(&certificates, more));
        Self {
            port,
            ca: authority(&privet),
            privet,
            certificates,
            _origin: origin,
            _backend: None,
        }
    }
}

/// The authority of inspection, as `privet inspect ca` prints it, in a file.
pub fn authority(privet: &Privet) -> PathBuf {
    let pem = privet.cli(&["inspect", "ca"]).good();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{pem}");
    assert!(!pem.contains("PRIVATE"), "{pem}");
    let path = privet.sandbox.dir().join("inspection-ca.pem");
    fs::write(&path, pem).expect("the folder takes a file");
    path
}

/// Runs curl through the proxy.
pub fn fetch(privet: &Privet, trust: &Path, args: &[&str]) -> CommandOutput {
    fetch_by(&format!("http://{}", privet.proxy()), trust, args)
}

pub fn fetch_by(proxy: &str, trust: &Path, args: &[&str]) -> CommandOutput {
    let trust = trust.display().to_string();
    let mut all = vec!["--proxy", proxy, "--noproxy", "", "--cacert", &trust];
    all.extend(args);
    curl(&all)
}

/// Python: `tunnel(proxy, target)` opens a tunnel by CONNECT.
pub const PYTHON_TUNNEL: &str = "
import socket, ssl, sys
def tunnel(proxy, target):
    host, port = proxy.rsplit(':', 1)
    s = socket.create_connection((host, int(port)), timeout=30)
    s.sendall(f'CONNECT {target} HTTP/1.1\\r\\nHost: {target}\\r\\n\\r\\n'.encode())
    head = b''
    while not head.endswith(b'\\r\\n\\r\\n'):
        head += s.recv(1)
    assert b' 200 ' in head, head
    return s
";

/// Opens a tunnel by CONNECT, and returns the connection.
pub fn tunnel(privet: &Privet, target: &str) -> TcpStream {
    let mut stream = connect(privet.proxy());
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("the proxy takes a request");
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    stream
}
