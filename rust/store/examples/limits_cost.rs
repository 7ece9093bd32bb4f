//! What one hit costs where: `make bench-limits`, or `cargo run --profile perf -p crossfade-store --example limits_cost`.
//!
//! One row for each place and strategy, separated by tabs: name, nanoseconds of one hit, millions of hits a second of all
//! processes together. At the end the bytes that a key takes.
//!
//! *hot*: one key, or one state. *many*: a million keys in no order, so that each is far away. Two processes begin at one
//! signal. Times are those that a processor worked.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crossfade_core::Timestamp;
use crossfade_core::key::{KeyPart, KeyTemplate, OnMissing};
use crossfade_core::limit::{Flavour, Limit, LimitId, Limiter, Strategy, fixed_window, gcra, sliding_window};
use crossfade_store::shared::{OnFull, Options};
use crossfade_store::{Memory, Shared};

const KEYS: u64 = 1 << 20;
const HITS: u64 = 2_000_000;
const OPTIONS: Options = Options { keys: KEYS, ring_bytes: 256 << 20, on_full: OnFull::Share };

/// Grants all hits, so that each of them is counted.
const RATE: &str = "4000/second";

const STRATEGIES: [(&str, Strategy); 4] = [
    ("fixed-window", Strategy::FixedWindow),
    ("moving-window", Strategy::MovingWindow),
    ("sliding-window-counter", Strategy::SlidingWindowCounter),
    ("gcra", Strategy::Gcra { burst: 4_000 }),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [place, strategy, keys] = &arguments[..] {
        return child(Path::new(place), strategy, keys);
    }
    core();
    for (keys, count) in [("hot", 1), ("many", KEYS)] {
        for (name, strategy) in STRATEGIES {
            // A million rings of 4,000 stamps are 32 GB.
            if (keys, strategy) == ("many", Strategy::MovingWindow) {
                continue;
            }
            let limit = limit(strategy);
            let place = Place::new();
            row(&format!("memory, {keys}, {name}"), once(&Memory::new(2 * KEYS as usize), &limit, count));
            row(&format!("shared, 1 process, {keys}, {name}"), once(&place.open(), &limit, count));
            row(&format!("shared, 2 processes, {keys}, {name}"), twice(&place, name, keys));
        }
    }
    sizes();
}

/// Nanoseconds of one hit, and hits in a microsecond.
struct Cost(f64, f64);

fn row(name: &str, Cost(each, rate): Cost) {
    println!("{name}\t{each:.1}\t{rate:.2}");
}

/// The steps alone: on one state, and on states that are far away.
fn core() {
    let rate = RATE.parse().expect("a rate");
    for (states, count) in [("hot", 1), ("cold", 1 << 22)] {
        let mut fixed = vec![fixed_window::State::default(); count];
        time_steps(&format!("core, {states}, fixed-window"), |place, now| {
            let state = &mut fixed[place % count];
            let admitted;
            (*state, admitted) = fixed_window::hit(*state, &rate, 1, now);
            admitted
        });
        let mut sliding = vec![sliding_window::State::default(); count];
        time_steps(&format!("core, {states}, sliding-window-counter"), |place, now| {
            let state = &mut sliding[place % count];
            let admitted;
            (*state, admitted) = sliding_window::hit(*state, &rate, 1, now);
            admitted
        });
        let mut cells = vec![gcra::State::default(); count];
        time_steps(&format!("core, {states}, gcra"), |place, now| {
            let state = &mut cells[place % count];
            let answer;
            (*state, answer) = gcra::hit(*state, &rate, 4_000, 1, now);
            answer.is_ok()
        });
    }
}

fn time_steps(name: &str, mut step: impl FnMut(usize, Timestamp) -> bool) {
    let mut place = 1usize;
    row(
        name,
        quickest(|hits| {
            for hit in 0..hits {
                place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                black_box(step(place >> 20, at(hit)));
            }
        }),
    );
}

/// The quickest of several rounds: what else the machine does makes the others slower.
fn quickest(mut round: impl FnMut(u64)) -> Cost {
    let times = (0..7).map(|_| {
        let start = worked();
        round(HITS / 4);
        (worked() - start) / (HITS / 4) as f64
    });
    let each = times.fold(f64::INFINITY, f64::min);
    Cost(each, 1e3 / each)
}

fn once(store: &impl Limiter, limit: &Limit, keys: u64) -> Cost {
    hit_each(store, limit, keys);
    let mut next = Keys::new(keys, 0);
    quickest(|hits| {
        for hit in 0..hits {
            black_box(store.hit(limit, &next.key(), 1, at(hit)));
        }
    })
}

/// Hits all keys once, so that they are there.
fn hit_each(store: &impl Limiter, limit: &Limit, keys: u64) {
    for key in 0..keys {
        store.hit(limit, &bytes(key), 1, at(0));
    }
}

/// Two processes that hit the same keys at once.
fn twice(place: &Place, strategy: &str, keys: &str) -> Cost {
    let start = |_| {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args([place.0.to_str().expect("a path"), strategy, keys]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process")
    };
    let mut children: Vec<Child> = (0..2).map(start).collect();
    let mut said: Vec<_> =
        children.iter_mut().map(|child| BufReader::new(child.stdout.take().expect("a pipe"))).collect();
    let mut line = String::new();
    for said in &mut said {
        said.read_line(&mut line).expect("ready");
    }
    children.iter_mut().for_each(|child| child.stdin.as_mut().expect("a pipe").write_all(b"go\n").expect("a pipe"));
    let mut each = 0f64;
    for said in &mut said {
        line.clear();
        said.read_line(&mut line).expect("a number");
        each = each.max(line.trim().parse().expect("a number"));
    }
    for child in &mut children {
        child.wait().expect("an end");
    }
    Cost(each, 2e3 / each)
}

fn child(place: &Path, strategy: &str, keys: &str) {
    let (_, strategy) = STRATEGIES.into_iter().find(|(name, _)| *name == strategy).expect("a strategy");
    let (limit, shared) = (limit(strategy), Shared::open(place, &OPTIONS).expect("a table"));
    let mut next = Keys::new(if keys == "hot" { 1 } else { KEYS }, std::process::id().into());
    for hit in 0..HITS / 4 {
        shared.hit(&limit, &next.key(), 1, at(hit));
    }
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).expect("a signal");
    let start = worked();
    for hit in 0..HITS {
        black_box(shared.hit(&limit, &next.key(), 1, at(hit)));
    }
    println!("{}", (worked() - start) / HITS as f64);
}

/// Nanoseconds that a processor has worked for this process: what else the machine does is not in it.
fn worked() -> f64 {
    let times = std::fs::read_to_string("/proc/self/schedstat").expect("Linux");
    times.split(' ').next().and_then(|time| time.parse().ok()).expect("a number")
}

/// What a million keys take, and how long the file takes to make and to join.
fn sizes() {
    let limit = limit(Strategy::FixedWindow);
    let before = resident();
    let memory = Memory::new(2_000_000);
    for key in 0..1_000_000 {
        memory.hit(&limit, &bytes(key), 1, at(0));
    }
    println!("memory, bytes a key\t{:.1}", (resident() - before) / 1e6);
    let options = Options { keys: 1_000_000, ring_bytes: 0, on_full: OnFull::Share };
    let place = Place::new();
    let start = Instant::now();
    let shared = Shared::open(&place.0, &options).expect("a table");
    let made = start.elapsed();
    let start = Instant::now();
    let joined = Shared::open(&place.0, &options).map(|_| start.elapsed()).expect("a table");
    for key in 0..1_000_000 {
        shared.hit(&limit, &bytes(key), 1, at(0));
    }
    let size = std::fs::metadata(&place.0).expect("a file").len() as f64;
    let (held, lost) = (shared.count_keys(at(0)), shared.stats().evicted_live);
    println!("shared, bytes a key\t{:.1}\nshared, keys a MiB\t{:.0}", size / 1e6, 1e6 / (size / f64::from(1 << 20)));
    println!("shared, held of 1000000 keys\t{held}\nshared, forgotten for want of room\t{lost}");
    println!("shared, making the file, ms\t{:.2}", made.as_secs_f64() * 1e3);
    println!("shared, joining the file, ms\t{:.3}", joined.as_secs_f64() * 1e3);
}

/// Bytes of memory that this process has.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    status.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).expect("pages") * 4096.0
}

fn limit(strategy: Strategy) -> Limit {
    let key = KeyTemplate { parts: vec![KeyPart::Client], on_missing: OnMissing::Skip };
    let rate = RATE.parse().expect("a rate");
    Limit {
        id: LimitId(0),
        name: "bench".into(),
        rate,
        strategy,
        flavour: Flavour::Memory,
        key,
        cost: Default::default(),
        settles: false,
    }
}

/// A thousand hits a second.
fn at(hit: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + hit * 1_000)
}

fn bytes(key: u64) -> [u8; 16] {
    let text = format!("pages/{:010}", key % KEYS);
    *text.as_bytes().first_chunk().expect("16 bytes")
}

/// Keys in no order, made beforehand: what a hit costs is asked, not what a key does.
struct Keys {
    keys: Vec<[u8; 16]>,
    next: usize,
}

impl Keys {
    fn new(keys: u64, seed: u64) -> Self {
        let mut state = seed | 1;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes((state >> 33) % keys)
        };
        Self { keys: (0..keys.min(1 << 18)).map(next).collect(), next: 0 }
    }

    fn key(&mut self) -> [u8; 16] {
        self.next = if self.next + 1 == self.keys.len() { 0 } else { self.next + 1 };
        self.keys[self.next]
    }
}

/// A file of its own, removed in the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let place = crossfade_store::shared::path_of(&format!("bench-{}", std::process::id())).expect("a path");
        let _ = std::fs::remove_file(&place);
        Self(place)
    }

    fn open(&self) -> Shared {
        Shared::open(&self.0, &OPTIONS).expect("a table")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
