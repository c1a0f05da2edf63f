//! Installs programs from the registries of Rust and Python below the build folder.

use std::fs;
use std::path::PathBuf;

use crate::shell::{self, Done};

/// A Rust program: its crate and what it is for.
pub struct Tool {
    name: &'static str,
    purpose: &'static str,
}

pub const TAURI_DRIVER: Tool = Tool {
    name: "tauri-driver",
    purpose: "the window's tests",
};
pub const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    purpose: "the check of the dependencies by deny.toml",
};
pub const CARGO_DEB: Tool = Tool {
    name: "cargo-deb",
    purpose: "Debian packages",
};
pub const CARGO_GENERATE_RPM: Tool = Tool {
    name: "cargo-generate-rpm",
    purpose: "RPM packages",
};

impl Tool {
    fn path(&self) -> PathBuf {
        shell::target_dir().join("tools/bin").join(self.name)
    }

    /// Installs the program unless it is installed. Returns its path.
    ///
    /// # Errors
    /// cargo could not install it.
    pub fn install(&self) -> Result<PathBuf, String> {
        let path = self.path();
        if path.is_file() {
            return Ok(path);
        }
        let root = shell::target_dir().join("tools");
        println!(
            "installing {} for {}, in {}",
            self.name,
            self.purpose,
            root.display()
        );
        let mut cargo = shell::command("cargo", &["install", "--quiet", "--locked", "--debug"]);
        cargo.arg("--root").arg(&root);
        // They share one build folder, and with it dependencies.
        cargo.arg("--target-dir").arg(root.join("build"));
        cargo.arg(self.name).env("CARGO_PROFILE_DEV_DEBUG", "false");
        shell::run_command(cargo)?;
        Ok(path)
    }

    /// As [`Tool::install`]; `None`, reported as SKIPPED, where it cannot be installed and this is not CI.
    ///
    /// # Errors
    /// This is CI and cargo could not install it.
    pub fn install_or_skip(&self) -> Result<Option<PathBuf>, String> {
        match self.install() {
            Ok(path) => Ok(Some(path)),
            Err(why) => skip(&format!("{}: {why}", self.purpose)).map(|()| None),
        }
    }
}

/// Reports that a part of a command is skipped; in CI that is an error.
///
/// # Errors
/// `CI` is set.
pub fn skip(why: &str) -> Done {
    if std::env::var_os("CI").is_some() {
        return Err(format!("{why}; in CI nothing is skipped"));
    }
    println!("SKIPPED: {why}");
    Ok(())
}

/// Python packages of the whole-program tests.
const PYTHON: &[(&str, &str)] = &[
    ("python-socks[asyncio]", "client: SOCKS and HTTP handshakes"),
    ("PySocks", "client: SOCKS5 UDP"),
    ("websockets", "client and server: WebSocket"),
    (
        "httpx",
        "client: reads the proxy variables, without its SOCKS extra",
    ),
    ("pyftpdlib", "server: FTP"),
    ("grpcio", "client and server: gRPC"),
    (
        "schemathesis",
        "client: the control API by its OpenAPI document",
    ),
];

/// A Python with the packages the tests import; `None`, reported as SKIPPED, if it cannot be installed.
///
/// # Errors
/// This is CI and it cannot be installed.
pub fn python() -> Result<Option<PathBuf>, String> {
    let venv = shell::target_dir().join("python");
    let python = venv.join("bin/python");
    let stamp = venv.join("installed");
    let wanted: String = PYTHON
        .iter()
        .map(|(name, purpose)| format!("{name} {purpose}\n"))
        .collect();
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(Some(python));
    }
    println!("installing Python packages in {}:", venv.display());
    print!("{wanted}");
    let mut make = shell::command("python3", &["-m", "venv"]);
    make.arg(&venv);
    let mut pip = shell::command(&python.to_string_lossy(), &["-m", "pip", "install"]);
    pip.args(["--quiet", "--disable-pip-version-check"])
        .args(PYTHON.iter().map(|(name, _)| *name));
    let done = shell::run_command(make)
        .and_then(|()| shell::run_command(pip))
        .and_then(|()| {
            fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
        });
    match done {
        Ok(()) => Ok(Some(python)),
        Err(why) => skip(&format!("tests in Python: {why}")).map(|()| None),
    }
}
