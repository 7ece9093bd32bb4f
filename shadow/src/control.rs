//! A control worker: the user's Python behind a pipe.

use std::io::{self, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crossfade_exchange::frame::{self, Hello, Reply};
use crossfade_exchange::{Observation, Request};
use serde::Serialize;

/// Calls that wait in a worker: enough to keep it busy while its last reply is compared.
pub const IN_FLIGHT: usize = 64;

/// How a control worker is started.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The Python to run.
    pub python: PathBuf,
    /// `module:seam`.
    pub seam: String,
    /// How long a worker may take to start or for one call before it counts as hung.
    pub patience: Duration,
}

/// Why a control worker did not answer.
#[derive(Debug)]
pub enum Fault {
    /// It could not be started.
    Start(PathBuf, io::Error),
    /// It speaks frames of another version.
    Version(u8),
    /// The control could not be imported; the text is the worker's.
    Import(String),
    /// It ended.
    Ended(Option<ExitStatus>),
    /// It wrote something that is no answer.
    Garbage(String),
    /// It did not answer in time.
    Hung(Duration),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Start(python, error) => write!(f, "cannot start {}: {error}", python.display()),
            Self::Version(version) => write!(
                f,
                "the control worker speaks frames of version {version}, this binary of version {}: install the same \
                 release of crossfade in that Python",
                frame::VERSION
            ),
            Self::Import(text) => write!(f, "the control cannot be imported: {text}"),
            Self::Ended(Some(status)) => write!(f, "the control worker ended ({status})"),
            Self::Ended(None) => f.write_str("the control worker ended"),
            Self::Garbage(what) => {
                write!(
                    f,
                    "the control worker wrote what is no answer: {what} (does the service write to descriptor 1?)"
                )
            }
            Self::Hung(patience) => write!(f, "the control worker did not answer within {} s", patience.as_secs()),
        }
    }
}

impl std::error::Error for Fault {}

/// A running worker. It is killed when dropped.
pub struct Worker {
    child: Child,
    calls: Option<ChildStdin>,
    replies: Receiver<io::Result<Option<Reply>>>,
    patience: Duration,
    /// What it said of itself.
    pub hello: Hello,
}

/// [`frame::Call`] with a borrowed request; written the same.
#[derive(Serialize)]
pub struct Call<'a> {
    /// Name of the route.
    #[serde(rename = "r")]
    pub route: &'a str,
    /// Microseconds since the epoch.
    #[serde(rename = "t")]
    pub received_at: u64,
    /// The request.
    #[serde(rename = "q")]
    pub request: &'a Request,
}

impl Worker {
    /// Starts a worker and waits for what it says of itself.
    pub fn start(spec: &Spec) -> Result<Self, Fault> {
        let mut child = Command::new(&spec.python)
            .args(["-m", "crossfade.control", &spec.seam])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Fault::Start(spec.python.clone(), error))?;
        let calls = child.stdin.take();
        let (hello_sender, hellos) = sync_channel(1);
        let (sender, replies) = sync_channel(IN_FLIGHT);
        if let Some(stdout) = child.stdout.take() {
            // Ends with the worker: killing the child closes the pipe.
            thread::spawn(move || read(BufReader::with_capacity(1 << 16, stdout), &hello_sender, &sender));
        }
        let mut worker = Self { child, calls, replies, patience: spec.patience, hello: Hello::default() };
        worker.hello = match hellos.recv_timeout(spec.patience) {
            Ok(Ok(Some(hello))) => hello,
            Ok(Ok(None)) | Err(RecvTimeoutError::Disconnected) => return Err(worker.ended()),
            Ok(Err(error)) => return Err(worker.broken(&error)),
            Err(RecvTimeoutError::Timeout) => return Err(Fault::Hung(spec.patience)),
        };
        if let Some(error) = worker.hello.error.take() {
            return Err(Fault::Import(error));
        }
        if worker.hello.version != frame::VERSION {
            return Err(Fault::Version(worker.hello.version));
        }
        Ok(worker)
    }

    /// Takes the end that calls are written to, for a writing thread.
    pub fn take_calls(&mut self) -> Option<ChildStdin> {
        self.calls.take()
    }

    /// Waits for the next reply. `None`: the worker has no control for that route.
    pub fn reply(&mut self) -> Result<Option<Observation>, Fault> {
        match self.replies.recv_timeout(self.patience) {
            Ok(Ok(Some(Reply { control: Some(observation) }))) => {
                check(&observation).map_err(|what| Fault::Garbage(what.to_owned()))?;
                Ok(Some(observation))
            }
            Ok(Ok(Some(Reply { control: None }))) => Ok(None),
            Ok(Ok(None)) | Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
            Ok(Err(error)) => Err(self.broken(&error)),
            Err(RecvTimeoutError::Timeout) => Err(Fault::Hung(self.patience)),
        }
    }

    fn broken(&mut self, error: &io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::InvalidData => Fault::Garbage(error.to_string()),
            _ => self.ended(),
        }
    }

    /// Ends the worker at once, so that nobody waits for it any more.
    pub fn kill(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
    }

    /// Lets a worker that has answered everything leave in its own time, within reason.
    pub fn finish(mut self) {
        self.calls = None;
        self.ended();
    }

    /// Waits a little for the status of a worker whose pipe has closed.
    fn ended(&mut self) -> Fault {
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            match self.child.try_wait() {
                Ok(Some(status)) => return Fault::Ended(Some(status)),
                Ok(None) => thread::sleep(Duration::from_millis(5)),
                Err(_) => break,
            }
        }
        Fault::Ended(None)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.calls = None;
        self.kill();
        // Collected, so that no zombie stays; there is nothing to do about an error.
        let _ = self.child.wait();
    }
}

/// Exactly one thing is said, and none that only the candidate says.
fn check(observation: &Observation) -> Result<(), &'static str> {
    if observation.unsupported.is_some() || observation.failed.is_some() {
        return Err("an observation that only a candidate makes");
    }
    match (&observation.outcome, &observation.raised) {
        (Some(_), None) | (None, Some(_)) => Ok(()),
        (None, None) => Err("an observation that decides nothing"),
        (Some(_), Some(_)) => Err("an observation with both an outcome and an exception"),
    }
}

fn read(
    mut stdout: impl io::Read,
    hellos: &SyncSender<io::Result<Option<Hello>>>,
    replies: &SyncSender<io::Result<Option<Reply>>>,
) {
    let mut buffer = Vec::new();
    let hello = frame::read(&mut stdout, &mut buffer);
    let goes_on = matches!(hello, Ok(Some(_)));
    if hellos.send(hello).is_err() || !goes_on {
        return;
    }
    loop {
        let reply = frame::read(&mut stdout, &mut buffer);
        let goes_on = matches!(reply, Ok(Some(_)));
        if replies.send(reply).is_err() || !goes_on {
            return;
        }
    }
}
