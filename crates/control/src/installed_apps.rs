//! Caches the desktop's installed applications.

use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_api::Problem;
use privet_system::apps::{self, DesktopApp};
use tokio::sync::Mutex;

/// Applications are installed and removed rarely: a result this old is still used.
const MAX_AGE: Duration = Duration::from_secs(30);

/// The installed applications. Cheap to clone; one per engine.
#[derive(Clone, Default)]
pub(crate) struct InstalledApps(Arc<Mutex<Option<Cached>>>);

/// When the applications were read, and what was found.
type Cached = (Instant, Arc<Vec<DesktopApp>>);

impl InstalledApps {
    pub(crate) async fn list(&self) -> Result<Arc<Vec<DesktopApp>>, Problem> {
        // A page asks for many icons at once: one of these calls reads the desktop entries, the others wait for its result.
        let mut cached = self.0.lock().await;
        if let Some((at, apps)) = &*cached
            && at.elapsed() < MAX_AGE
        {
            return Ok(apps.clone());
        }
        let found = tokio::task::spawn_blocking(apps::installed).await;
        let found = Arc::new(found.map_err(|error| Problem::internal(error.to_string()))?);
        *cached = Some((Instant::now(), found.clone()));
        Ok(found)
    }
}
