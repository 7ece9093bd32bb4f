//! The way of exchanges to a sidecar: whatever the other end does, every one of them ends in one count.

mod peer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossfade_core::Request;
use crossfade_exchange::hash::of_key;
use crossfade_exchange::wire::{Dropped, RouteAccount, VERSION};
use crossfade_exchange::{Forward, Observation, Outcome};
use crossfade_seam::account::{Keys, Sums, Ticket};
use crossfade_seam::emitted::{Emitted, Ended, Known};
use crossfade_seam::stream::{BYTES, ITEMS, Stream};

use peer::{Peer, Place, until};

const PATIENCE: Duration = Duration::from_secs(10);

/// One worker with one route.
struct Worker {
    stream: Stream,
    sums: Arc<Sums>,
    sequence: u64,
}

impl Worker {
    fn to(place: &Place) -> Self {
        Self { stream: Stream::new(place.path(), 7), sums: Sums::of("r"), sequence: 0 }
    }

    /// One decided request, with so many bytes of body, as the binding has it.
    fn request(&mut self, body: usize) {
        let key = self.sums.requests.get().to_string();
        self.sums.requests.add();
        let keys = Keys::of([("l", key.as_bytes())].into_iter(), "");
        if !self.stream.listens(&self.sums) {
            self.sums.drop_for(Dropped::NoSidecar, &keys);
            return;
        }
        let emitted = emitted(self.sequence, &vec![0; body], None);
        self.sequence += 1;
        self.stream.offer(emitted, Ticket::new(&self.sums, keys));
    }

    fn requests(&mut self, amount: usize) {
        (0..amount).for_each(|_| self.request(0));
    }

    /// The account, once nothing is between two places; then it adds up.
    fn account(&self) -> RouteAccount {
        let ended = |account: &RouteAccount| account.sampled_out + account.sent + account.dropped.values().sum::<u64>();
        until(|| {
            let account = self.sums.account();
            account.requests == ended(&account) + self.stream.waiting() as u64
        });
        self.sums.account()
    }

    fn dropped(&self, why: Dropped) -> u64 {
        self.sums.dropped(why)
    }

    fn absence(&self) -> String {
        self.stream.absence().unwrap_or_default()
    }
}

/// An exchange of route `r` with this body, where both sides did the same.
fn emitted(sequence: u64, body: &[u8], side: Option<&Observation>) -> Emitted {
    let known = Known { route: "r", keeps_body: true, ..Known::default() };
    let request = Request { method: b"", raw_path: b"", query: b"", headers: &[], peer: None, body, given: &[] };
    let (control, candidate) = (side.cloned(), side.cloned().map(Arc::new));
    Emitted::new(known, &request).ended(Ended { sequence, control, candidate, ..Ended::default() })
}

/// What is sent arrives, in order, with an account that says so and a first word that says who it is.
#[test]
fn what_is_sent_arrives() {
    let place = Place::new("arrives");
    let mut peer = Peer::listen(&place);
    let mut worker = Worker::to(&place);
    worker.requests(1_000);
    assert!(worker.stream.flush(PATIENCE));
    let account = peer.read_until(|seen| seen.account().sent == 1_000);
    assert_eq!(peer.seen.hello.epoch, 7);
    assert_eq!(peer.seen.hello.worker, u64::from(std::process::id()));
    assert_eq!(peer.seen.sequences, (0..1_000).collect::<Vec<_>>());
    assert_eq!((account.requests, account.missed.len()), (1_000, 0));
    assert_eq!((worker.account().sent, worker.stream.absence()), (1_000, None));
}

/// Where nobody listens nothing waits, and every request is counted with its key.
#[test]
fn nobody_listens() {
    let place = Place::new("nobody");
    let mut worker = Worker::to(&place);
    worker.requests(10);
    until(|| worker.dropped(Dropped::NoSidecar) == 10);
    worker.requests(10);
    assert_eq!(worker.dropped(Dropped::NoSidecar), 20);
    assert!(worker.stream.flush(Duration::ZERO), "nothing waits");
    // Whoever comes later hears of it.
    let mut peer = Peer::listen(&place);
    let account = peer.read_until(|seen| seen.account().requests == 20);
    assert_eq!(account.dropped, [(Dropped::NoSidecar, 20)].into());
    assert!(account.missed.contains(&of_key("l", b"0")));
    worker.requests(5);
    assert!(worker.stream.flush(PATIENCE));
    peer.read_until(|seen| seen.sequences.len() == 5);
    assert_eq!(worker.account().sent, 5);
}

/// A reader that stands still costs the newest exchanges and no time; when it goes on, so do they.
#[test]
fn a_reader_that_stands_still() {
    let place = Place::new("still");
    let mut peer = Peer::listen(&place);
    let mut worker = Worker::to(&place);
    worker.requests(1);
    assert!(worker.stream.flush(PATIENCE));
    // It reads nothing meanwhile: the socket fills, then the ring.
    let began = Instant::now();
    while worker.dropped(Dropped::QueueFull) < 100 {
        worker.request(2_000);
        assert!(began.elapsed() < PATIENCE);
    }
    assert!(!worker.stream.flush(Duration::from_millis(1)), "it does not wait for ever");
    worker.account();
    let waiting = worker.stream.waiting();
    assert!(waiting <= ITEMS && waiting > ITEMS / 2, "{waiting}");
    let dropped = worker.dropped(Dropped::QueueFull);
    let account = peer.read_until(|seen| seen.account().dropped.contains_key(&Dropped::QueueFull));
    assert_eq!(account.dropped, [(Dropped::QueueFull, dropped)].into());
    assert!(account.missed.len() >= 100);
    peer.read_until(|seen| seen.sequences.len() as u64 == seen.account().sent && seen.account().sent > 1);
    until(|| worker.stream.waiting() == 0);
    assert_eq!(worker.dropped(Dropped::QueueFull), dropped);
}

/// Bytes are bounded too: of what is too large to wait nothing is kept.
#[test]
fn what_is_too_large() {
    let place = Place::new("large");
    let mut peer = Peer::listen(&place);
    let mut worker = Worker::to(&place);
    worker.request(BYTES);
    assert_eq!(worker.dropped(Dropped::TooLarge), 1);
    worker.request(BYTES / 2);
    peer.read_until(|seen| seen.account().sent == 1);
    assert_eq!((&peer.seen.sequences[..], worker.dropped(Dropped::TooLarge)), (&[1][..], 1));
}

/// A sidecar that dies has kept what the next one says; the rest is lost, key by key, and so is what came in between.
#[test]
fn a_sidecar_that_dies() {
    let place = Place::new("dies");
    let mut peer = Peer::listen(&place);
    let mut worker = Worker::to(&place);
    worker.requests(100);
    assert!(worker.stream.flush(PATIENCE));
    peer.read_until(|seen| seen.sequences.len() == 100);
    peer.say(40);
    drop(peer);
    until(|| worker.stream.absence().is_some());
    worker.requests(3);
    assert_eq!((worker.account().lost, worker.dropped(Dropped::NoSidecar)), (0, 3), "nobody knows yet");
    let mut peer = Peer::listen_and_say(&place, 60);
    let account = peer.read_until(|seen| seen.account().lost == 40);
    assert_eq!((account.sent, account.requests), (100, 103));
    let hashes: Vec<u64> = (60..100).map(|key: u64| of_key("l", key.to_string().as_bytes())).collect();
    assert!(hashes.iter().all(|hash| account.missed.contains(hash)));
    assert!(!account.missed.contains(&of_key("l", b"59")) && account.missed.len() == 43);
    worker.requests(10);
    assert!(worker.stream.flush(PATIENCE));
    peer.read_until(|seen| seen.sequences.len() == 10);
    peer.say(70);
    drop(peer);
    let mut peer = Peer::listen_and_say(&place, 70);
    assert_eq!(peer.read_until(|seen| seen.account().sent == 110).lost, 40, "nothing more");
}

/// Missed keys of an account that nobody has shown to have heard are said again.
#[test]
fn missed_keys_are_said_until_they_are_heard() {
    let place = Place::new("again");
    let mut worker = Worker::to(&place);
    worker.requests(3);
    until(|| worker.dropped(Dropped::NoSidecar) == 3);
    let mut peer = Peer::listen(&place);
    assert_eq!(peer.read_until(|seen| seen.account().requests == 3).missed.len(), 3);
    drop(peer);
    let mut peer = Peer::listen(&place);
    assert_eq!(peer.read_until(|seen| seen.account().requests == 3).missed.len(), 3, "said again");
    worker.requests(1);
    assert!(worker.stream.flush(PATIENCE));
    peer.read_until(|seen| seen.sequences.len() == 1);
    peer.say(1);
    // The worker reads this before it hears that the connection is over.
    drop(peer);
    let mut peer = Peer::listen_and_say(&place, 1);
    assert_eq!(peer.read_until(|seen| seen.account().sent == 1).missed.len(), 0);
}

/// One of another version is as good as none.
#[test]
fn another_version() {
    let place = Place::new("version");
    let _peer = Peer::listen_as(&place, VERSION + 1, 0);
    let mut worker = Worker::to(&place);
    worker.requests(2);
    until(|| worker.dropped(Dropped::NoSidecar) == 2);
    assert!(worker.absence().contains("version 2"), "{}", worker.absence());
}

/// One that accepts and says nothing is as good as none, after a while.
#[test]
fn one_that_says_nothing() {
    let place = Place::new("mute");
    let _listener = std::os::unix::net::UnixListener::bind(place.path()).expect("a socket");
    let mut worker = Worker::to(&place);
    worker.requests(2);
    until(|| worker.dropped(Dropped::NoSidecar) == 2);
    assert!(worker.absence().contains("says nothing"), "{}", worker.absence());
}

/// A sidecar that takes another's place gets what comes, although the old connection lives.
#[test]
fn a_socket_that_is_replaced() {
    let place = Place::new("replaced");
    let mut old = Peer::listen(&place);
    let mut worker = Worker::to(&place);
    worker.requests(1);
    assert!(worker.stream.flush(PATIENCE));
    old.read_until(|seen| seen.sequences.len() == 1);
    let mut new = Peer::listen_and_say(&place, 1);
    new.read_until(|seen| seen.account().sent == 1);
    worker.requests(1);
    assert!(worker.stream.flush(PATIENCE));
    new.read_until(|seen| seen.sequences == [1]);
    assert_eq!(worker.account().lost, 0);
    drop(new);
}

/// Seeded copies come along, tagged; no count of requests has them, and what is lost of them is not lost.
#[test]
fn seeds_are_extra() {
    let place = Place::new("seeds");
    let mut peer = Peer::listen(&place);
    let worker = Worker::to(&place);
    let outcome = Some(Outcome::Accepted(Forward::default()));
    let side = Observation { outcome, ..Observation::default() };
    for sequence in 0..10 {
        worker.sums.requests.add();
        assert!(worker.stream.listens(&worker.sums));
        worker.stream.offer(emitted(sequence, b"", Some(&side)), Ticket::new(&worker.sums, Keys::default()));
    }
    assert!(worker.stream.flush(PATIENCE));
    peer.read_until(|seen| seen.account().sent == 10);
    assert_eq!((peer.seen.sequences.len(), &peer.seen.seeded[..]), (10, &[0, 1, 2][..]));
    drop(peer);
    // Of thirteen written two are kept: the first one and its seed.
    let mut peer = Peer::listen_and_say(&place, 2);
    peer.read_until(|seen| seen.account().lost == 9);
    worker.account();
}

/// When the process's half of the seam is gone, so is its thread, and the connection with it.
#[test]
fn a_worker_that_is_gone_hangs_up() {
    let place = Place::new("gone");
    let mut peer = Peer::listen(&place);
    let mut worker = Worker::to(&place);
    worker.requests(1);
    assert!(worker.stream.flush(PATIENCE));
    drop(worker);
    peer.read_to_the_end();
    assert_eq!(peer.seen.sequences, [0]);
}
