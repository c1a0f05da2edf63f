//! What several of these tests need.

use std::net::SocketAddr;

use privet_tests::backend::{SiteAnswer, reply};
use privet_tests::{Backend, Privet, SiteClient, reserve};
use serde_json::Value;

/// A site "app" for app.test on its own listener. `rest`: further keys and tables of the site.
pub fn config(listen: SocketAddr, backends: &[(String, u32)], keys: &str, tables: &str) -> String {
    let mut text = format!(
        "[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"app.test\", \"127.0.0.1\", \"::1\"]\n{keys}\n"
    );
    for (url, weight) in backends {
        text.push_str(&format!(
            "[[site.backend]]\nurl = \"{url}\"\nweight = {weight}\n"
        ));
    }
    text + tables
}

pub struct Scene {
    pub privet: Privet,
    pub listen: SocketAddr,
}

impl Scene {
    pub fn new(backends: &[&Backend], keys: &str, tables: &str) -> Self {
        let weighted: Vec<_> = backends.iter().map(|backend| (backend.url(), 1)).collect();
        Self::weighted(&weighted, keys, tables)
    }

    pub fn weighted(backends: &[(String, u32)], keys: &str, tables: &str) -> Self {
        let listen = reserve();
        let privet = Privet::start(&config(listen, backends, keys, tables));
        Self { privet, listen }
    }

    pub fn client(&self) -> SiteClient {
        SiteClient::connect(self.listen, "app.test")
    }

    pub fn get(&self, path: &str) -> SiteAnswer {
        self.client().get(path)
    }

    /// The backend with this URL, as the API shows it.
    pub fn backend(&self, url: &str) -> Value {
        let (status, sites) = self.privet.api("GET", "sites", None);
        assert_eq!(status, 200, "{sites}");
        backend_of(&sites, url)
    }

    pub fn await_state(&self, backend: &Backend, state: &str) {
        let url = backend.url();
        self.privet
            .await_api("sites", |sites| backend_of(sites, &url)["state"] == state);
    }
}

pub fn backend_of(sites: &Value, url: &str) -> Value {
    let routes = sites["sites"][0]["routes"].as_array().into_iter().flatten();
    let mut backends = routes.flat_map(|route| route["backends"].as_array().into_iter().flatten());
    let found = backends.find(|backend| backend["url"] == url);
    found
        .unwrap_or_else(|| panic!("no backend {url}: {sites:#}"))
        .clone()
}

/// A backend that says which fields it got.
pub fn echo() -> Backend {
    Backend::answering(|stream, head, _| reply(stream, "200 OK", "", head.as_bytes()))
}
