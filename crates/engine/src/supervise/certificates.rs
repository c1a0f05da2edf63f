//! Keeps the certificates of the `https` listeners current: reads changed files, renews our own, and reports what is wrong.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use privet_tls::self_signed::SelfSignedNotice;

use crate::https::HttpsTls;
use crate::supervise::certificate_watch::CertificateWatch;
use crate::supervise::supervisor::Supervisor;

/// How often certificates are looked at although no change was reported: they expire, addresses change, and some file systems
/// report nothing.
const CHECK: Duration = Duration::from_secs(30);
/// The subjects of problems.
const RELOAD: &str = "listen:tls";
const CERTIFICATE: &str = "listen:certificate";
const SITE_RELOAD: &str = "site:tls";
const SITE_CERTIFICATE: &str = "site:certificate";

impl Supervisor {
    /// Watches the files of the current certificates.
    pub(crate) fn watch_certificates(&mut self) {
        let snapshot = self.shared.snapshot.load_full();
        let https = snapshot.https.clone();
        let files = https.as_ref().map(|https| https.server.files());
        let mut files = files.unwrap_or_default();
        files.extend(snapshot.sites.certificate_files());
        if files == self.certificates.files {
            return;
        }
        if let Some(https) = https {
            self.report_notices(&https.notices, false);
        }
        self.certificates = match files.is_empty() {
            true => CertificateWatch::default(),
            false => CertificateWatch::start(files, self.commands.clone()),
        };
    }

    /// Looks at the certificates every [`CHECK`].
    pub(crate) async fn tick_certificates(&mut self) {
        let is_due = |at: Instant| at.elapsed() >= CHECK;
        if self.certificates.checked.is_some_and(is_due) {
            self.reload_certificates().await;
        }
    }

    /// Reads the certificates of the sites again, or keeps those in use and raises a problem. Returns whether there are any.
    async fn reload_site_certificates(&self) -> bool {
        let sites = self.shared.snapshot.load().sites.clone();
        if sites.certificate_files().is_empty() {
            self.shared.problems.clear(SITE_RELOAD);
            self.shared.problems.clear(SITE_CERTIFICATE);
            return false;
        }
        let reloading = tokio::task::spawn_blocking(move || {
            (sites.reload_certificates(), sites.certificate_warnings())
        });
        let (reloaded, warnings) = match reloading.await {
            Ok(done) => done,
            Err(error) => {
                tracing::error!("reading certificates of sites panicked: {error}");
                return true;
            }
        };
        let problems = &self.shared.problems;
        match reloaded {
            Ok(()) => problems.clear(SITE_RELOAD),
            Err((text, fix)) => {
                let text = format!("a site's certificate in use stays: {text}");
                problems.raise_if_new(SITE_RELOAD, text, fix);
            }
        }
        match warnings.into_iter().next() {
            None => problems.clear(SITE_CERTIFICATE),
            Some((text, fix)) => problems.raise_if_new(SITE_CERTIFICATE, text, fix),
        }
        true
    }

    /// Reads the certificates of the `https` listeners and of the sites again, or keeps those in use and raises a problem.
    pub(crate) async fn reload_certificates(&mut self) {
        self.certificates.checked = Some(Instant::now());
        let sites_have_some = self.reload_site_certificates().await;
        let snapshot = self.shared.snapshot.load_full();
        let Some(https) = snapshot.https.clone() else {
            if !sites_have_some {
                self.certificates.checked = None;
            }
            self.shared.problems.clear(RELOAD);
            self.shared.problems.clear(CERTIFICATE);
            return;
        };
        let folder = self.options.certificate_folder();
        let reloading = tokio::task::spawn_blocking(move || {
            let reloaded = https.reload(&snapshot.config, &folder);
            (https, reloaded)
        });
        let (https, reloaded) = match reloading.await {
            Ok(done) => done,
            Err(error) => return tracing::error!("reading certificates panicked: {error}"),
        };
        match reloaded {
            Ok(notices) => {
                self.shared.problems.clear(RELOAD);
                self.report_notices(&notices, true);
            }
            Err(error) => self.shared.problems.raise_if_new(
                RELOAD,
                format!("the certificate in use stays: {}", error.text),
                error.fix,
            ),
        }
        self.report_certificate_warnings(&https);
    }

    /// Raises the first warning about the certificate in use.
    fn report_certificate_warnings(&self, https: &Arc<HttpsTls>) {
        let warnings = https.server.warnings(SystemTime::now());
        match warnings.first() {
            None => self.shared.problems.clear(CERTIFICATE),
            Some(first) => {
                let all: Vec<String> = warnings.iter().map(ToString::to_string).collect();
                self.shared
                    .problems
                    .raise_if_new(CERTIFICATE, all.join("; "), first.fix());
            }
        }
    }

    /// `was_in_use`: clients may trust an authority that was there before.
    fn report_notices(&self, notices: &[SelfSignedNotice], was_in_use: bool) {
        use SelfSignedNotice as N;
        for notice in notices {
            tracing::info!("{notice}");
        }
        let was_replaced = notices
            .iter()
            .any(|notice| matches!(notice, N::SetAside(_) | N::AuthorityExpired));
        if notices.contains(&N::AuthorityMade) && (was_in_use || was_replaced) {
            self.shared.problems.raise(
                "listen:authority",
                "the certificate authority of the https listeners was made anew",
                "let the clients trust the new one; see privet status",
            );
        }
    }
}
