//! Speaks to a sidecar as the workers of a service do, for tests and measurements.
//!
//! ```text
//! feed --socket PATH --policy FILE --build DIGEST [--target "POST /api/things"] [--workers 2] [--rate 1000]
//!      [--seconds 10 | --count N] [--keys 50] [--body BYTES] [--step MICROS] [--wrong ONE_IN] [--seeded ONE_IN]
//!      [--dropped ONE_IN] [--silent-about-drops] [--without-control] [--watch PID] [--stage shadow] [--entered MICROS]
//! ```
//!
//! Each worker decides with the candidate over a memory of its own, so that both sides agree but where `--wrong` says
//! otherwise. With `--step` exchanges are so many microseconds apart by their own clock, however fast they are sent. It
//! connects again when the sidecar has gone, counts what that lost, and at the end waits until all is acknowledged. Prints
//! one JSON object; with `--watch`, also a line each second with the sidecar's resident bytes and processor time.

mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossfade_core::Policy;
use worker::{Sum, Worker};

/// Clock ticks of a second in /proc, on every Linux there is.
const TICKS: f64 = 100.0;

struct Arguments(HashMap<String, String>);

impl Arguments {
    fn read() -> Self {
        let mut named = HashMap::new();
        let mut words = std::env::args().skip(1).peekable();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").unwrap_or_else(|| panic!("{word:?} is no --name")).to_owned();
            let value = words.next_if(|next| !next.starts_with("--")).unwrap_or_default();
            named.insert(name, value);
        }
        Self(named)
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.0.get(name).cloned().unwrap_or_else(|| default.to_owned())
    }

    fn number(&self, name: &str, default: u64) -> u64 {
        self.0
            .get(name)
            .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("--{name} {text:?} is no number")))
    }
}

fn main() {
    let arguments = Arc::new(Arguments::read());
    let path = arguments.text("policy", "crossfade.toml");
    let text = std::fs::read_to_string(&path).expect("a policy file");
    let policy = Arc::new(Policy::parse(&path, &text).expect("a policy"));
    let workers = arguments.number("workers", 2);
    let ended = Arc::new(AtomicBool::new(false));
    let watcher = arguments.0.get("watch").map(|pid| {
        let (pid, ended) = (pid.clone(), Arc::clone(&ended));
        thread::spawn(move || watch(&pid, &ended))
    });
    let started = Instant::now();
    let threads: Vec<_> = (0..workers)
        .map(|index| {
            let (arguments, policy) = (Arc::clone(&arguments), Arc::clone(&policy));
            thread::spawn(move || Worker::new(index, workers, &arguments, &policy).work())
        })
        .collect();
    let mut all = Sum::default();
    for thread in threads {
        let sum = thread.join().expect("a worker");
        all.requests += sum.requests;
        all.sent += sum.sent;
        all.seeded += sum.seeded;
        all.dropped += sum.dropped;
        all.lost += sum.lost;
        all.wrong += sum.wrong;
        all.acknowledged += sum.acknowledged;
        all.connections += sum.connections;
        all.unanswered += sum.unanswered;
    }
    ended.store(true, Ordering::Relaxed);
    let cpu = watcher.and_then(|watcher| watcher.join().ok()).unwrap_or_default();
    println!(
        "{}",
        serde_json::json!({
            "requests": all.requests, "sent": all.sent, "seeded": all.seeded, "dropped": all.dropped,
            "lost": all.lost, "wrong": all.wrong, "acknowledged": all.acknowledged,
            "connections": all.connections, "unanswered": all.unanswered,
            "seconds": started.elapsed().as_secs_f64(),
            "sidecar_cpu_micros_per_exchange": cpu * 1e6 / (all.sent + all.seeded).max(1) as f64,
        })
    );
}

/// Resident bytes and processor time of a process, each second. Gives the seconds it used meanwhile.
fn watch(pid: &str, ended: &AtomicBool) -> f64 {
    let cpu = || -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        Some((fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?) / TICKS)
    };
    let rss = || -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
    };
    let first = cpu().unwrap_or_default();
    let mut last = first;
    let started = Instant::now();
    while !ended.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_secs(1));
        let (Some(now), Some(rss)) = (cpu(), rss()) else { continue };
        eprintln!("{:6.0} s  rss {:8} KiB  cpu {:5.1} %", started.elapsed().as_secs_f64(), rss, (now - last) * 100.0);
        last = now;
    }
    cpu().unwrap_or(last) - first
}
