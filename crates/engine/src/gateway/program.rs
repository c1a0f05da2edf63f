//! The client's program: rules wait for it, refused connections wait briefly, open ones get it later.

use std::sync::Arc;
use std::time::Duration;

use privet_connection_log::ConnectionRow;
use privet_policy::App;
use privet_system::ProgramState;

use crate::gateway::engine_gateway::EngineGateway;

/// How long a decision waits for the program that a rule asks for.
const RULE_WAIT: Duration = Duration::from_millis(500);
/// How long a refusal waits for the program: once it was sent, the client closes its socket, and its owner can no longer be
/// determined.
const REFUSAL_WAIT: Duration = Duration::from_millis(100);

impl EngineGateway {
    /// The program, for a rule that has to know it.
    pub(super) async fn program_of_rule(&self) -> ProgramState {
        if self.program.state() == ProgramState::Pending {
            self.shared.programs.hurry(&self.program);
        }
        self.program.wait(RULE_WAIT).await
    }

    /// The program, for the record of a refused connection.
    pub(super) async fn program_of_refused(&self) -> Option<Arc<App>> {
        known(self.program.wait(REFUSAL_WAIT).await)
    }

    /// The program that was decided by, else what the look-up has found so far.
    pub(super) fn known_program(&self, decided: Option<&Arc<App>>) -> Option<Arc<App>> {
        decided.cloned().or_else(|| known(self.program.state()))
    }

    /// Gives a row its program once that is found, also after the row was closed.
    pub(super) fn name_later(&self, row: &Arc<ConnectionRow>) {
        if matches!(
            self.program.state(),
            ProgramState::Absent | ProgramState::Unknown
        ) {
            return;
        }
        let row = row.clone();
        self.program.on_answer(move |app| {
            if let Some(app) = app {
                row.set_app(app.clone());
            }
        });
    }
}

fn known(state: ProgramState) -> Option<Arc<App>> {
    match state {
        ProgramState::Known(app) => Some(app),
        ProgramState::Absent | ProgramState::Pending | ProgramState::Unknown => None,
    }
}
