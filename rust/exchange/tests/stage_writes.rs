//! The one writing function and its ledger: many writers, crashes, and hands that reach into the files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crossfade_exchange::ledger::{self, Broken, Chain};
use crossfade_exchange::stage::{Stage, Subject};
use crossfade_exchange::stage_file::{self, Change, StageError, write};
use proptest::prelude::*;

/// A state directory that is removed at the end.
struct State(PathBuf);

impl State {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("crossfade-state-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    fn set(&self, route: &str, stage: Stage) {
        write(&self.0, &[change(route, stage)], None, 7).expect("written");
    }

    fn ledger(&self) -> PathBuf {
        self.0.join(ledger::FILE)
    }

    /// The ledger alone, and against the stage file.
    fn verify(&self) -> Result<Chain, Broken> {
        let chain = ledger::verify(&self.ledger())?;
        chain.ends_at(&stage_file::read(&self.0).expect("stages"))?;
        Ok(chain)
    }
}

impl std::ops::Deref for State {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn change(route: &str, stage: Stage) -> Change {
    Change { route: route.into(), stage, who: "w".into(), why: "because".into(), ..Change::default() }
}

/// A ledger of five writes, the fourth of two routes.
fn written() -> State {
    let state = State::new();
    state.set("a", Stage::Shadow);
    state.set("b", Stage::Shadow);
    state.set("a", Stage::Canary(50));
    write(&state, &[change("a", Stage::Off), change("b", Stage::Off)], None, 7).expect("written");
    state.set("b", Stage::Shadow);
    state
}

/// The files of [`written`], without the waits for a disk.
fn copied() -> State {
    static FILES: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    const NAMES: [&str; 2] = [stage_file::FILE, ledger::FILE];
    let files = FILES.get_or_init(|| {
        let state = written();
        NAMES.map(|name| fs::read(state.join(name)).expect("written"))
    });
    let state = State::new();
    fs::create_dir_all(&*state).expect("a folder");
    NAMES.iter().zip(files).for_each(|(name, file)| fs::write(state.join(name), file).expect("written"));
    state
}

/// Many writers at once lose nothing: each write is one generation, and each change one line.
#[test]
fn writers_take_turns() {
    let state = State::new();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let state = &state;
            scope.spawn(move || (0..10).for_each(|n| state.set(&format!("{writer}-{}", n % 3), Stage::Canary(n + 1))));
        }
    });
    let chain = state.verify().expect("whole");
    assert_eq!((chain.entries.len(), chain.entries.last().map(|entry| entry.generation)), (40, Some(40)));
    assert_eq!(stage_file::read(&state).expect("stages").routes.len(), 12);
}

/// Of those who have looked at one generation, one writes.
#[test]
fn one_of_many_who_looked_writes() {
    let state = State::new();
    state.set("a", Stage::Shadow);
    let won = std::thread::scope(|scope| {
        let write = || write(&state, &[change("a", Stage::Live)], Some(1), 7);
        let writers: Vec<_> = (0..8).map(|_| scope.spawn(write)).collect();
        writers
            .into_iter()
            .map(|writer| writer.join().expect("no panic"))
            .filter(|written| match written {
                Ok(written) => written.generation == 2,
                Err(StageError::Moved { expected: 1, found: 2 }) => false,
                Err(error) => panic!("{error}"),
            })
            .count()
    });
    assert_eq!(won, 1);
    assert_eq!(state.verify().expect("whole").entries.len(), 2);
}

/// A crash may end an append anywhere: the ledger says so, the next write goes on and records it, and all is whole again.
#[test]
fn a_crash_in_an_append_is_recorded() {
    let whole = fs::read(written().ledger()).expect("a ledger");
    let ends: Vec<usize> = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    // The fourth write is of two lines; the fifth of one.
    for (writes, from, to) in [(4, ends[2], ends[4]), (5, ends[4], ends[5])] {
        for length in from..to {
            let state = State::new();
            state.set("a", Stage::Shadow);
            state.set("b", Stage::Shadow);
            state.set("a", Stage::Canary(50));
            write(&state, &[change("a", Stage::Off), change("b", Stage::Off)], None, 7).expect("written");
            if writes == 5 {
                state.set("b", Stage::Shadow);
            }
            assert!(state.verify().is_ok());
            fs::OpenOptions::new()
                .write(true)
                .open(state.ledger())
                .expect("there")
                .set_len(length as u64)
                .expect("cut");
            assert!(state.verify().is_err(), "{length}");
            state.set("a", Stage::Shadow);
            state.set("b", Stage::Off);
            let chain = state.verify().unwrap_or_else(|broken| panic!("{length}: {broken}"));
            assert_eq!(chain.entries.iter().filter(|entry| entry.cut.is_some()).count(), 1, "{length}");
        }
    }
}

/// More than the last write's lines are no crash: what was removed stays missing.
#[test]
fn a_removed_end_stays_missing() {
    let state = written();
    let whole = fs::read_to_string(state.ledger()).expect("a ledger");
    let kept: String = whole.split_inclusive('\n').take(2).collect();
    fs::write(state.ledger(), kept).expect("written");
    assert!(state.verify().expect_err("removed").what.contains("lines were removed"));
    state.set("a", Stage::Shadow);
    assert!(state.verify().expect_err("removed").what.contains("changes between them have no line"));
}

/// A last line that was edited is found, and is not buried by the line after it.
#[test]
fn an_edited_last_line_is_not_buried() {
    let state = written();
    let whole = fs::read_to_string(state.ledger()).expect("a ledger");
    let at = whole.rfind("because").expect("a reason");
    fs::write(state.ledger(), [&whole[..at], "BECAUSE", &whole[at + 7..]].concat()).expect("written");
    assert_eq!(state.verify().expect_err("edited").line, 6);
    state.set("a", Stage::Shadow);
    let broken = state.verify().expect_err("edited");
    assert_eq!((broken.line, broken.what.contains("line 6: that was edited")), (7, true), "{broken}");
}

/// Going back works over a corrupt stage file, and the generation goes on from the ledger's.
#[test]
fn going_back_needs_no_stage_file() {
    let state = written();
    for content in [Some("{"), None] {
        let path = state.join(stage_file::FILE);
        let _ = content.map_or_else(|| fs::remove_file(&path), |content| fs::write(&path, content));
        let before = ledger::verify(&state.ledger()).expect("whole").entries.last().expect("a line").generation;
        let all = [change("a", Stage::Off), change("b", Stage::Off)];
        assert_eq!(write(&state, &all, None, 7).expect("written").generation, before + 1);
        state.verify().expect("whole");
    }
}

/// A stage that something else has written into the stage file is found.
#[test]
fn a_stage_without_a_line_is_found() {
    let state = written();
    let path = state.join(stage_file::FILE);
    let text = fs::read_to_string(&path).expect("stages").replace("\"stage\": \"shadow\"", "\"stage\": \"live\"");
    fs::write(&path, text).expect("written");
    let broken = state.verify().expect_err("changed");
    assert_eq!(
        broken.what,
        "b is at live in the stage file and at shadow here: something else has written the stage file"
    );
}

/// What was accepted stays accepted for the subject, and no longer; the ledger says when.
#[test]
fn acceptances_last_as_long_as_the_subject() {
    let state = State::new();
    let subject = Subject { build: "b".into(), policy: "p".into(), control: "c".into() };
    let accept = |stage, accepted: &[&str], subject: &Subject| {
        let accepted = accepted.iter().map(|&kind| kind.to_owned()).collect();
        let change = Change { subject: subject.clone(), accepted, ..change("a", stage) };
        write(&state, &[change], None, 7).expect("written");
        stage_file::read(&state).expect("stages").routes["a"].accepted.clone()
    };
    assert_eq!(accept(Stage::Shadow, &["x"], &subject), ["x"]);
    assert_eq!(accept(Stage::Live, &["w", "x"], &subject), ["w", "x"]);
    assert_eq!(accept(Stage::Shadow, &[], &Subject { control: String::new(), ..subject.clone() }), ["w", "x"]);
    assert!(accept(Stage::Shadow, &[], &Subject { policy: "q".into(), ..subject }).is_empty());
    let lines: Vec<_> = state.verify().expect("whole").entries.into_iter().map(|entry| entry.accepted.len()).collect();
    assert_eq!(lines, [1, 2, 0, 0]);
}

/// A row that is put there as it is keeps its stay; the ledger names who did it.
#[test]
fn a_drill_keeps_the_stay() {
    let state = written();
    let row = stage_file::read(&state).expect("stages").routes["b"].clone();
    let drill = Change { row: Some(row.clone()), who: "d".into(), why: "drill".into(), ..change("b", Stage::Off) };
    write(&state, &[drill], None, 99).expect("written");
    let stages = stage_file::read(&state).expect("stages");
    assert_eq!((&stages.routes["b"], stages.generation), (&row, 6));
    let entry = state.verify().expect("whole").entries.pop().expect("a line");
    assert_eq!((entry.to, entry.at, &*entry.who, &*entry.why), (Stage::Shadow, 99, "d", "drill"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any byte of the ledger that is another than was written is found.
    #[test]
    fn any_edit_of_any_byte_is_found(at in any::<prop::sample::Index>(), other in 1u8..) {
        let state = copied();
        let mut bytes = fs::read(state.ledger()).expect("a ledger");
        let at = at.index(bytes.len());
        bytes[at] ^= other;
        fs::write(state.ledger(), bytes).expect("written");
        prop_assert!(state.verify().is_err());
    }

    /// Lines that were removed, doubled or put elsewhere are found.
    #[test]
    fn any_other_order_is_found(order in prop::collection::vec(0usize..6, 0..8)) {
        prop_assume!(order != [0, 1, 2, 3, 4, 5]);
        let state = copied();
        let whole = fs::read_to_string(state.ledger()).expect("a ledger");
        let lines: Vec<_> = whole.split_inclusive('\n').collect();
        let other: String = order.iter().map(|&line| lines[line]).collect();
        fs::write(state.ledger(), other).expect("written");
        prop_assert!(state.verify().is_err());
    }
}
