//! Workers that take places of requests in flight in a shared table and give them back, so that they can be killed
//! while they do: for tests/journey/test_in_flight_storms.py. And what that costs.
//!
//! ```text
//! in_flight work TABLE SEATS SEED    takes and gives back at random until it is killed
//! in_flight hold TABLE WHO           takes one place of each key, says so, and keeps them until its input ends
//! in_flight whole TABLE WHO          takes all places of each key, and prints how many it got and there are
//! in_flight cost TABLE WORKERS       nanoseconds for taking a place and giving it back, with so many workers
//! ```
//!
//! WHO is whose places they are; `work` and `cost` take nobody's, which is the empty name.
//!
//! SEATS is a file with a byte for each place that there is. Whoever was granted a place locks a byte of its key
//! before anybody may need it, and unlocks it before the place is given back; the system unlocks those of the dead. So
//! whoever finds none has been granted a place too many: it says `too many` and ends.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, stdin};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crossfade_core::Timestamp;
use crossfade_core::key::{KeyPart, KeyTemplate, OnMissing};
use crossfade_core::limit::{Flavour, Limit, LimitId, Limiter, Strategy};
use crossfade_store::Shared;
use crossfade_store::shared::{OnFull, Options};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// How many places the keys have.
const MOST: [u64; 4] = [1, 2, 5, 40];

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |at: usize| words.get(at).map(String::as_str).ok_or("too few arguments");
    // Opened before the table, as the system closes what a dead process had open in this order.
    let seats = match word(0)? {
        "work" => Some(OpenOptions::new().read(true).write(true).open(word(2)?)?),
        _ => None,
    };
    let options = Options { keys: 1_000, ring_bytes: 0, on_full: OnFull::Share };
    let shared = Shared::open(Path::new(word(1)?), &options)?;
    match (word(0)?, seats) {
        ("work", Some(seats)) => work(&shared, &seats, word(3)?.parse()?),
        ("hold", _) => hold(&shared, word(2)?.as_bytes()),
        ("whole", _) => whole(&shared, word(2)?.as_bytes()),
        ("cost", _) => cost(&shared, word(1)?, word(2)?.parse()?),
        (other, _) => Err(format!("no such word: {other}").into()),
    }
}

/// The limit of the key of that number.
fn limit(key: usize) -> Limit {
    Limit {
        id: LimitId(key as u16),
        name: "in-flight".into(),
        rate: format!("{}/second", MOST[key]).parse().expect("a rate"),
        strategy: Strategy::Concurrent { adaptive: None },
        flavour: Flavour::Memory,
        key: KeyTemplate { parts: vec![KeyPart::Client], on_missing: OnMissing::Skip },
        cost: Default::default(),
        settles: false,
    }
}

fn work(shared: &Shared, seats: &File, seed: u64) -> Outcome<()> {
    let limits: Vec<Limit> = (0..MOST.len()).map(limit).collect();
    let mut random = Random(seed);
    // Seats that this process has locked.
    let mut taken: Vec<Vec<u64>> = MOST.map(|_| Vec::new()).into();
    loop {
        let key = random.below(MOST.len() as u64) as usize;
        let (limit, own) = (&limits[key], &mut taken[key]);
        if random.below(2) == 0 {
            let first = MOST[..key].iter().sum::<u64>();
            let cost = 1 + random.below(2).min(MOST[key] - 1);
            if !shared.hit(limit, b"", cost, NOW).admitted {
                continue;
            }
            for _ in 0..cost {
                let free = (first..first + MOST[key]).find(|seat| !own.contains(seat) && lock(seats, *seat, true));
                let Some(seat) = free else {
                    println!("too many of {}", MOST[key]);
                    return Ok(());
                };
                own.push(seat);
            }
        } else if let Some(seat) = own.pop() {
            lock(seats, seat, false);
            shared.finish(limit, b"", 1, None);
        }
    }
}

fn hold(shared: &Shared, who: &[u8]) -> Outcome<()> {
    let held = (0..MOST.len()).filter(|key| shared.hit(&limit(*key), who, 1, NOW).admitted).count();
    println!("{held}");
    stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

fn whole(shared: &Shared, who: &[u8]) -> Outcome<()> {
    for (key, most) in MOST.into_iter().enumerate() {
        let free = (0..2 * most).filter(|_| shared.hit(&limit(key), who, 1, NOW).admitted).count();
        println!("{free} {most}");
    }
    Ok(())
}

/// The median of many short rounds.
fn cost(shared: &Shared, table: &str, workers: usize) -> Outcome<()> {
    const TIMES: usize = 1_000;
    let mut others = Vec::new();
    for _ in 1..workers {
        let mut command = Command::new(std::env::current_exe()?);
        let mut other = command.args(["hold", table, ""]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        io::BufReader::new(other.stdout.take().ok_or("no output")?).read_line(&mut String::new())?;
        others.push(other);
    }
    let round = |limit: &Limit| {
        let mut rounds: Vec<f64> = (0..1_000)
            .map(|_| {
                let start = Instant::now();
                for _ in 0..TIMES {
                    if shared.hit(limit, b"192.168.100.200", 1, NOW).admitted {
                        shared.finish(limit, b"192.168.100.200", 1, None);
                    }
                }
                start.elapsed().as_nanos() as f64 / TIMES as f64
            })
            .collect();
        rounds.sort_by(f64::total_cmp);
        rounds[rounds.len() / 2]
    };
    let granted = round(&limit(3));
    // What is refused is refused because of another's place.
    let refused = if others.is_empty() { f64::NAN } else { refused(shared, TIMES) };
    let in_flight = shared.in_flight();
    println!("{workers} workers: granted and given back {granted:.0} ns, refused {refused:.0} ns; {in_flight:?}");
    for mut other in others {
        drop(other.stdin.take());
        other.wait()?;
    }
    Ok(())
}

fn refused(shared: &Shared, times: usize) -> f64 {
    let limit = limit(0);
    let start = Instant::now();
    (0..times).for_each(|_| assert!(!shared.hit(&limit, b"", 1, NOW).admitted));
    start.elapsed().as_nanos() as f64 / times as f64
}

/// Locks or unlocks a byte for this process; `false` where another has it.
fn lock(file: &File, at: u64, locks: bool) -> bool {
    // SAFETY: a structure of numbers, for which zeros are values.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = if locks { libc::F_WRLCK } else { libc::F_UNLCK } as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = at as libc::off_t;
    lock.l_len = 1;
    // SAFETY: a call on a descriptor that is open, which reads a structure that lives longer than it.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) != -1 }
}

/// Numbers that look random: xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.max(1);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound.max(1)
    }
}
