//! Where the tables of moving windows are: a log that is only ever appended to.
//!
//! One entry is one word, so that a table is there or is not. Its place is not written down: a table begins where the one
//! before it ends.

use super::atomic::Word;
use super::layout::LINE;

/// Bits of the ring length in an entry; the rest is the table's size in lines. A table without a line is none, so that 0 is
/// the entry that nobody wrote yet.
const LENGTH: u32 = 24;

/// One table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RingTable {
    /// Bytes from the front of the room for tables.
    pub(crate) at: u64,
    /// How many it has; whole lines.
    pub(crate) bytes: u64,
}

/// The table of rings of `length` stamps. If there is none yet, one of `bytes` (rounded up to whole lines) is appended. `None`: the log or the
/// room for tables, which has `room` bytes, is used up.
pub(crate) fn table(log: &[impl Word<u64>], room: u64, length: u64, bytes: u64) -> Option<RingTable> {
    let lines = bytes.div_ceil(LINE);
    if length >= 1 << LENGTH || !(1..1 << (u64::BITS - LENGTH)).contains(&lines) {
        return None;
    }
    let entry = lines << LENGTH | length;
    let mut at = 0;
    for word in log {
        if at + lines * LINE <= room && word.load() == 0 && word.swap(0, entry) {
            return Some(RingTable { at, bytes: lines * LINE });
        }
        let (there, bytes) = match word.load() {
            0 => return None,
            entry => (entry & ((1 << LENGTH) - 1), (entry >> LENGTH) * LINE),
        };
        if there == length {
            return Some(RingTable { at, bytes });
        }
        at += bytes;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    fn log(entries: usize) -> Vec<AtomicU64> {
        (0..entries).map(|_| AtomicU64::new(0)).collect()
    }

    /// Tables stand one after the other; who asks for the same length finds the same one, whatever size it asks for.
    #[test]
    fn a_table_begins_where_the_one_before_ends() {
        let log = log(3);
        let first = RingTable { at: 0, bytes: 128 };
        assert_eq!(table(&log, 1024, 5, 100), Some(first));
        assert_eq!(table(&log, 1024, 7, 64), Some(RingTable { at: 128, bytes: 64 }));
        assert_eq!(table(&log, 1024, 5, 640), Some(first));
    }

    /// What there is no room for is refused, and takes nothing.
    #[test]
    fn room_is_bounded() {
        let log = log(2);
        assert_eq!(table(&log, 128, 5, 129), None);
        assert!(table(&log, 128, 5, 64).is_some() && table(&log, 128, 6, 64).is_some());
        assert_eq!(table(&log, 1024, 7, 64), None, "no entry left");
        assert_eq!(table(&log, 128, 6, 1), Some(RingTable { at: 64, bytes: 64 }));
        for (length, bytes) in [(1 << LENGTH, 64), (1, 0), (1, u64::MAX)] {
            assert_eq!(table(&log, u64::MAX, length, bytes), None);
        }
    }

    /// Threads that append at once agree on every table, and no two tables overlap.
    #[test]
    fn all_see_the_same_tables() {
        let log = log(64);
        let tables = |_| (1..=64).map(|length| table(&log, 1 << 20, length, length * 64).expect("room")).collect();
        let seen: Vec<Vec<RingTable>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|thread| scope.spawn(move || tables(thread))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
        let mut tables = seen[0].clone();
        tables.sort_by_key(|table| table.at);
        assert!(tables.windows(2).all(|pair| pair[0].at + pair[0].bytes == pair[1].at));
    }
}
