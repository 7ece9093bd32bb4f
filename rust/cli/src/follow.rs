//! Waits until workers follow the stage file.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crossfade_exchange::stage_file;
use crossfade_exchange::workers::{self, Worker};

/// Workers look every 0.2 s; one that has not followed by now is reported, not waited for.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How long a worker may take to show itself in a new state directory.
const APPEARANCE: Duration = Duration::from_millis(500);

/// How often is looked.
pub const LOOK: Duration = Duration::from_millis(20);

/// Waits for the workers that are there to follow `generation`, written at `started`. Gives a sentence, and the workers.
pub fn followed(state: &Path, generation: u64, started: Instant) -> (String, Vec<Worker>) {
    // Workers show themselves once the directory exists, which this may just have made.
    let mut present = workers::present(state).len();
    while present == 0 && started.elapsed() < APPEARANCE {
        thread::sleep(LOOK);
        present = workers::present(state).len();
    }
    let (workers, behind) = loop {
        let workers = workers::present(state);
        // Somebody may have written again meanwhile: whoever follows that follows this one too.
        let now = stage_file::read(state).map_or(generation, |stages| stages.generation);
        let behind = workers.iter().filter(|worker| ![generation, now].contains(&worker.generation)).count();
        if behind == 0 || started.elapsed() >= PATIENCE {
            break (workers, behind);
        }
        thread::sleep(LOOK);
    };
    let present = workers.len();
    let said = match (present, behind) {
        (0, _) => "No worker is there to follow.".to_owned(),
        (_, 0) => format!("{present} of {present} workers followed in {:.1} s.", started.elapsed().as_secs_f64()),
        _ => format!(
            "{} of {present} workers followed within {} s; see `crossfade status`.",
            present - behind,
            PATIENCE.as_secs()
        ),
    };
    (said, workers)
}
