//! The client's program: rules, replies and refusals wait for it, each for a limited time; then a row gets it later.

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
/// How long after the start of the look-up replies wait for the program while few are looked up. A short connection would be
/// closed before the look-up's thread has run on a busy machine; on others the answer is there before the destination's.
const PROMPT_WAIT: Duration = Duration::from_millis(500);

impl EngineGateway {
    /// The program, for a rule that has to know it.
    pub(super) async fn program_of_rule(&self) -> ProgramState {
        if self.program.is_pending() {
            self.shared.programs.hurry(&self.program);
        }
        self.program.wait(RULE_WAIT).await
    }

    /// The program, for the record of a refused connection.
    pub(super) async fn program_of_refused(&self) -> Option<Arc<App>> {
        known(match self.shared.programs.is_prompt() {
            true => self.program.wait_since_start(PROMPT_WAIT).await,
            false => self.program.wait(REFUSAL_WAIT).await,
        })
    }

    /// Waits for the program before a client gets what it may close its connection after. In a flood of connections, and while
    /// a look-up hangs, nobody waits.
    pub(super) async fn before_reply(&self) {
        if self.program.is_pending() && self.shared.programs.is_prompt() {
            // Boxed, so that the futures around it stay small.
            Box::pin(self.program.wait_since_start(PROMPT_WAIT)).await;
        }
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
