//! `crossfade sidecar`: what the workers' seams send, compared, counted and written down.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use crossfade_shadow::control::Spec;
use crossfade_shadow::gate::Gate;
use crossfade_shadow::sidecar::{self, Captures, Keep, Options, SOCKET};

use crate::{exit, inputs, replay};

/// How long a control process may take to start, or for one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// Arguments of `sidecar`.
#[derive(Debug, Args)]
pub struct Sidecar {
    /// The policy file
    #[arg(long, value_name = "FILE", env = "CROSSFADE_POLICY", default_value = "crossfade.toml")]
    policy: PathBuf,
    /// The state directory [default: .crossfade beside the policy]
    #[arg(long, value_name = "DIR", env = "CROSSFADE_STATE")]
    dir: Option<PathBuf>,
    /// The socket that workers find it by [default: sidecar.sock in the state directory]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Serve /metrics, /healthz and /readyz there, for example 127.0.0.1:9464
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// The control, as module:seam: run here for what the service did not run it for, and to see its own noise
    #[arg(long, value_name = "MODULE:SEAM")]
    control: Option<String>,
    /// The Python that runs the control [default: the active virtual environment's, else python3]
    #[arg(long, value_name = "EXE")]
    python: Option<PathBuf>,
    /// What is stored of the exchanges, below captures in the state directory
    #[arg(long, value_enum, default_value_t)]
    capture: Kept,
    /// Bytes of stored exchanges: beyond them the oldest go
    #[arg(long, value_name = "N", default_value_t = sidecar::BYTES)]
    capture_bytes: u64,
    /// Promote too, not only roll back: by the same gate, one step at a time, from shadow on. Never what was rolled back
    #[arg(long)]
    auto: bool,
    /// Show clients' values in logs and evidence instead of their type, length and hash
    #[arg(long)]
    show_values: bool,
    /// Seconds to add to the clock that dwell is measured by are in this file
    #[arg(long, value_name = "PATH", hide = true)]
    clock_offset_file: Option<PathBuf>,
}

/// See [`Keep`].
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Kept {
    /// Nothing
    None,
    /// Everything but credentials
    #[default]
    Redacted,
    /// Everything, credentials too
    Raw,
}

/// Runs a sidecar until it is told to stop.
pub fn sidecar(arguments: Sidecar) -> io::Result<ExitCode> {
    let policy = match inputs::policy(&arguments.policy) {
        Ok(policy) => policy,
        Err(error) => return exit::usage(&error),
    };
    let beside = || arguments.policy.parent().unwrap_or(Path::new("")).join(".crossfade");
    let directory = arguments.dir.clone().unwrap_or_else(beside);
    let keep = match arguments.capture {
        Kept::None => Keep::None,
        Kept::Redacted => Keep::Redacted,
        Kept::Raw => Keep::Raw,
    };
    let control = arguments.control.map(|seam| Spec {
        python: arguments.python.unwrap_or_else(replay::python),
        seam,
        patience: PATIENCE,
    });
    let options = Options {
        control,
        socket: arguments.socket.unwrap_or_else(|| directory.join(SOCKET)),
        directory,
        policy: arguments.policy.clone(),
        build: crossfade_seam::BUILD.to_owned(),
        metrics: arguments.metrics,
        captures: Captures { keep, bytes: arguments.capture_bytes },
        show_values: arguments.show_values,
        clock_offset_file: arguments.clock_offset_file,
    };
    let gate = Gate::new(options.directory.clone(), arguments.policy, arguments.auto);
    match sidecar::run(policy, options, Box::new(gate)) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => exit::failed(&error),
    }
}
