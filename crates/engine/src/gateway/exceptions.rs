//! What passes untouched although the policy would inspect it: hosts and programs that inspection turned out to break.

use std::net::IpAddr;
use std::sync::Arc;

use privet_gateway::RequestContext;
use privet_policy::{App, Inspection, Treatment};
use privet_system::ProgramState;

use crate::gateway::engine_gateway::EngineGateway;
use crate::inspection::ExceptedClient;

impl EngineGateway {
    /// The treatment of a tunnel that the policy inspects without a rule that demands it.
    pub(super) async fn with_exceptions(
        &self,
        context: &RequestContext<'_>,
        app: Option<&Arc<App>>,
        treatment: Treatment,
    ) -> Treatment {
        let Some(inspection) = self.shared.snapshot.load().inspection.clone() else {
            return treatment;
        };
        let exceptions = inspection.exceptions();
        if exceptions.is_empty() {
            return treatment;
        }
        let client = self.excepted_client(context.client.ip(), app).await;
        match exceptions.find(context.target, &client) {
            Some(by) => Treatment {
                inspection: Inspection::Untouched(by),
                ..treatment
            },
            None => treatment,
        }
    }

    /// Whom an exception is for: the program, where it is known, else the client's address.
    pub(crate) async fn excepted_client(
        &self,
        address: IpAddr,
        app: Option<&Arc<App>>,
    ) -> ExceptedClient {
        let app = match app {
            Some(app) => Some(app.clone()),
            None => match self.program_of_rule().await {
                ProgramState::Known(app) => Some(app),
                ProgramState::Absent | ProgramState::Pending | ProgramState::Unknown => None,
            },
        };
        match app {
            Some(app) => ExceptedClient::Program(app.path.as_ref().unwrap_or(&app.name).clone()),
            None => ExceptedClient::Address(address.to_canonical()),
        }
    }
}
