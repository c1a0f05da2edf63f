//! An authority and a server certificate for 127.0.0.1 and localhost, made by openssl for one test.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::client::run;
use crate::process::program;

use super::folder::{open_folder, write};

pub struct Certificate {
    folder: TempDir,
}

impl Certificate {
    /// `None`: openssl is not installed.
    pub fn new() -> Option<Self> {
        let openssl = program("openssl")?;
        let folder = open_folder("certificate-");
        let names = write(
            folder.path(),
            "names",
            "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n",
        );
        let path = |name: &str| folder.path().join(name).display().to_string();
        let curve = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ];
        let make = |args: &[&str]| run(&openssl, args).good();
        let (ca, ca_key) = (path("ca.pem"), path("ca.key"));
        let (request, key, leaf) = (path("leaf.csr"), path("leaf.key"), path("leaf.pem"));
        let authority = [
            "-subj",
            "/CN=privet tests",
            "-keyout",
            &ca_key,
            "-out",
            &ca,
            "-days",
            "2",
        ];
        make(&[&["req", "-x509"], &curve[..], &authority[..]].concat());
        make(
            &[
                &["req"],
                &curve[..],
                &["-subj", "/CN=localhost", "-keyout", &key, "-out", &request],
            ]
            .concat(),
        );
        let sign = [
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-CAcreateserial",
            "-days",
            "2",
            "-out",
            &leaf,
        ];
        let names = names.display().to_string();
        make(
            &[
                &["x509", "-req", "-in", &request, "-extfile", &names],
                &sign[..],
            ]
            .concat(),
        );
        let both =
            [&leaf, &key].map(|file| std::fs::read_to_string(file).expect("openssl made it"));
        write(folder.path(), "both.pem", &both.concat());
        Some(Self { folder })
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Certificate and key in one file, as HAProxy reads it.
    pub fn both(&self) -> PathBuf {
        self.folder.path().join("both.pem")
    }
}
