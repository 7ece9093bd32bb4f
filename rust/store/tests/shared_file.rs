//! The laws of the shared table's file: joined, made or replaced as a whole, or refused with a reason.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crossfade_store::Shared;
use crossfade_store::shared::{OnFull, Opened, Options, Outdated, Problem, path_of};

const SMALL: Options = Options { keys: 1_000, ring_bytes: 4096, on_full: OnFull::Share };

/// A place of its own for one test, removed with it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        Self::within(&std::env::temp_dir(), name)
    }

    fn within(folder: &Path, name: &str) -> Self {
        let place = folder.join(format!("crossfade-{name}-{}", std::process::id()));
        fs::create_dir_all(&place).expect("a directory");
        Self(place)
    }

    fn table(&self) -> PathBuf {
        self.0.join("table.shm")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("a directory");
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect()
    }

    fn opened(&self) -> Opened {
        Shared::open(&self.table(), &SMALL).expect("a table").opened()
    }

    /// What is said of the file as it is.
    fn refusal(&self) -> (String, String) {
        let error = Shared::open(&self.table(), &SMALL).expect_err("no table");
        (format!("{:?}", error.problem()), error.to_string())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The first makes the file, for its user alone and whole; the others join it, and nothing else is left behind.
#[test]
fn made_once_and_joined() {
    let place = Place::new("made");
    assert_eq!((place.opened(), place.opened()), (Opened::Made, Opened::Joined));
    let about = fs::metadata(place.table()).expect("a file");
    assert_eq!(about.mode() & 0o777, 0o600);
    assert!(about.blocks() * 512 >= about.len(), "{} blocks for {} bytes", about.blocks(), about.len());
    assert_eq!(place.names(), ["table.shm"]);
}

/// Of many who start at once one makes the file, and all have the same.
#[test]
fn made_once_by_many() {
    let place = Place::new("many");
    let table = place.table();
    let opened: Vec<_> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..16).map(|_| scope.spawn(|| Shared::open(&table, &SMALL).expect("a table"))).collect();
        makers.into_iter().map(|maker| maker.join().expect("no panic").opened()).collect()
    });
    assert_eq!(opened.iter().filter(|opened| **opened == Opened::Made).count(), 1, "{opened:?}");
    assert_eq!(place.names(), ["table.shm"]);
}

/// What a maker left that died half-way is taken over by the next one.
#[test]
fn a_dead_maker_is_in_nobodys_way() {
    let place = Place::new("dead");
    let making = place.0.join("table.shm.making");
    fs::write(&making, b"half").expect("a file");
    fs::set_permissions(&making, PermissionsExt::from_mode(0o600)).expect("permissions");
    assert_eq!((place.opened(), place.opened()), (Opened::Made, Opened::Joined));
    assert_eq!(place.names(), ["table.shm"]);
}

/// A file of other sizes, another version or another boot is replaced by a fresh one; who has it open keeps it.
#[test]
fn outdated_files_are_replaced() {
    let place = Place::new("outdated");
    let former = Shared::open(&place.table(), &Options { keys: 2_000, ..SMALL }).expect("a table");
    assert_eq!(place.opened(), Opened::Replaced(Outdated::Sizes));
    assert!(!former.is_current(&place.table()) && former.opened() == Opened::Made);
    for (at, why) in [(8, Outdated::Version), (48, Outdated::Boot)] {
        let mut bytes = fs::read(place.table()).expect("a file");
        bytes[at] ^= 1;
        fs::write(place.table(), bytes).expect("a file");
        assert_eq!(place.opened(), Opened::Replaced(why));
        assert_eq!(place.opened(), Opened::Joined);
    }
}

/// Who opens again joins or makes a table, and leaves one that it cannot join as it is: else two would replace each other's for
/// ever.
#[test]
fn who_opens_again_replaces_nothing() {
    let place = Place::new("again");
    let again = |options| Shared::rejoin(&place.table(), &options);
    assert_eq!(again(SMALL).expect("a table").opened(), Opened::Made);
    assert_eq!(again(SMALL).expect("a table").opened(), Opened::Joined);
    let theirs = Shared::open(&place.table(), &Options { keys: 2_000, ..SMALL }).expect("a table");
    let error = again(SMALL).expect_err("another's");
    assert!(matches!(error.problem(), Problem::Outdated(Outdated::Sizes)), "{error}");
    assert!(theirs.is_current(&place.table()) && error.to_string().contains("max_keys"));
    assert_eq!(place.names(), ["table.shm"]);
}

/// Whatever else is in the way is named, with the file and what to do, and left as it is.
#[test]
fn what_is_not_ours_is_left_alone() {
    let place = Place::new("foreign");
    let table = place.table();
    for foreign in [&b""[..], b"a letter", &[7; 10_000]] {
        fs::write(&table, foreign).expect("a file");
        fs::set_permissions(&table, PermissionsExt::from_mode(0o600)).expect("permissions");
        let (problem, said) = place.refusal();
        assert!(problem == "Foreign" && said.contains("table.shm: ") && said.contains("remove it"), "{said}");
        assert_eq!(fs::read(&table).expect("a file"), foreign);
    }
    fs::remove_file(&table).expect("a file");

    place.opened();
    fs::set_permissions(&table, PermissionsExt::from_mode(0o640)).expect("permissions");
    assert_eq!(place.refusal().0, "Permissions(416)");
    fs::set_permissions(&table, PermissionsExt::from_mode(0o600)).expect("permissions");

    let file = fs::OpenOptions::new().write(true).open(&table).expect("a file");
    file.set_len(file.metadata().expect("about").len() - 1).expect("shorter");
    assert!(place.refusal().0.starts_with("Truncated"));
    fs::remove_file(&table).expect("a file");

    std::os::unix::fs::symlink("/etc/passwd", &table).expect("a link");
    assert!(place.refusal().0.starts_with("Open"));
}

/// A file for which there is no room is an error at the start, with its name, its size and what to do; nothing is left of it.
#[test]
fn too_large_is_said_at_the_start() {
    // A file system in memory says so at once; one on a disk may fill the disk first.
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { Place::within(memory, "full") } else { return };
    let error = Shared::open(&place.table(), &Options { ring_bytes: 1 << 40, ..SMALL }).expect_err("no table");
    let said = error.to_string();
    assert!(matches!(error.problem(), Problem::Full { bytes, .. } if *bytes > 1 << 40), "{said}");
    assert!(said.contains("table.shm") && said.contains("--shm-size") && said.contains("max_keys"), "{said}");
    assert_eq!(place.names(), [""; 0]);
}

/// A name is part of a file's, and no way to another directory.
#[test]
fn names_stay_where_they_are() {
    let path = path_of("orders-1.limits").expect("a path");
    assert!(path.to_string_lossy().ends_with("-orders-1.limits.shm"));
    for name in ["", ".", "../a", "a/b", "a\0", "ä", &"a".repeat(101)] {
        assert!(matches!(path_of(name).expect_err(name).problem(), Problem::Name));
    }
}
