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
    /// How many stamps its rings have.
    pub(crate) length: u64,
}

/// The tables there are, in the order of their places.
pub(crate) fn all(log: &[impl Word<u64>]) -> impl Iterator<Item = RingTable> {
    let entries = log.iter().map(Word::load).take_while(|entry| *entry != 0);
    entries.scan(0, |end, entry| {
        let (at, bytes, length) = (*end, (entry >> LENGTH) * LINE, entry & ((1 << LENGTH) - 1));
        *end = at + bytes;
        Some(RingTable { at, bytes, length })
    })
}

/// The table of rings of `length` stamps. If there is none yet, one of `bytes` (rounded up to whole lines) is appended.
/// `None`: the log or the room for tables, which has `room` bytes, is used up.
pub(crate) fn table(log: &[impl Word<u64>], room: u64, length: u64, bytes: u64) -> Option<RingTable> {
    let lines = bytes.div_ceil(LINE);
    if length >= 1 << LENGTH || !(1..1 << (u64::BITS - LENGTH)).contains(&lines) {
        return None;
    }
    loop {
        let mut end = (0, 0);
        for (index, table) in all(log).enumerate() {
            if table.length == length {
                return Some(table);
            }
            end = (index + 1, table.at + table.bytes);
        }
        if end.1 + lines * LINE > room {
            return None;
        }
        // If somebody else was faster, that may be the table.
        log.get(end.0)?.swap(0, lines << LENGTH | length);
    }
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
        let first = RingTable { at: 0, bytes: 128, length: 5 };
        assert_eq!(table(&log, 1024, 5, 100), Some(first));
        assert_eq!(table(&log, 1024, 7, 64), Some(RingTable { at: 128, bytes: 64, length: 7 }));
        assert_eq!(table(&log, 1024, 5, 640), Some(first));
    }

    /// What there is no room for is refused, and takes nothing.
    #[test]
    fn room_is_bounded() {
        let log = log(2);
        assert_eq!(table(&log, 128, 5, 129), None);
        assert!(table(&log, 128, 5, 64).is_some() && table(&log, 128, 6, 64).is_some());
        assert_eq!(table(&log, 1024, 7, 64), None, "no entry left");
        assert_eq!(table(&log, 128, 6, 1), Some(RingTable { at: 64, bytes: 64, length: 6 }));
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
