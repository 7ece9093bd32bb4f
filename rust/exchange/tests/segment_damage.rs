//! Laws: whatever happens to a segment, every exchange of every undamaged block is read, and the loss is reported.

mod samples;

use crossfade_exchange::Exchange;
use crossfade_exchange::segment::{BLOCK_MAGIC, HEADER_BYTES, Sealing, Writer, seal};
use proptest::prelude::*;
use samples::{exchange, extents, read, written};

/// What is left when the bytes from `from` to `to` cannot be trusted.
fn undamaged(extents: &[(usize, usize)], blocks: &[Vec<Exchange>], from: usize, to: usize) -> Vec<Exchange> {
    let whole = |&(start, end): &(usize, usize)| end <= from || start >= to;
    blocks.iter().zip(extents).filter(|(_, extent)| whole(extent)).flat_map(|(block, _)| block.clone()).collect()
}

fn lost(blocks: &[Vec<Exchange>], left: &[Exchange]) -> u64 {
    (blocks.iter().map(Vec::len).sum::<usize>() - left.len()) as u64
}

/// Law: a segment reads back as it was written.
#[test]
fn reads_what_was_written() {
    for sealed in [false, true] {
        let (_, path, blocks) = written(&[3, 1, 2], sealed);
        let (exchanges, recovery) = read(std::fs::read(path).unwrap(), sealed);
        assert_eq!(exchanges, blocks.concat());
        assert!(recovery.is_complete(), "{recovery:?}");
        assert_eq!((recovery.blocks, recovery.exchanges, recovery.open_segments), (3, 6, u64::from(!sealed)));
    }
}

/// Law: cut off at any byte, all blocks before the cut are read; in a finished segment the loss is always reported, in
/// an open one unless the cut lies between two blocks.
#[test]
fn truncated_at_every_byte() {
    for sealed in [false, true] {
        let (_, path, blocks) = written(&[2, 1, 3], sealed);
        let bytes = std::fs::read(path).unwrap();
        let extents = extents(&bytes);
        for length in 0..bytes.len() {
            let (exchanges, recovery) = read(bytes[..length].to_vec(), sealed);
            assert_eq!(exchanges, undamaged(&extents, &blocks, length, usize::MAX), "cut at {length}");
            let between = length == HEADER_BYTES || extents.iter().any(|extent| extent.1 == length);
            assert_eq!(recovery.is_complete(), between && !sealed, "cut at {length}: {recovery:?}");
            assert_eq!(recovery.torn_tails, u64::from(!between), "cut at {length}: {recovery:?}");
            assert_eq!(recovery.exchanges, exchanges.len() as u64);
        }
    }
}

/// Law: with any one byte changed, in any way, all other blocks are read, and the loss is reported; exactly, where the
/// end mark or a following block tells.
#[test]
fn every_byte_flipped() {
    for compressed in [false, true] {
        let (_, path, blocks) = written(&[2, 1, 3], true);
        if compressed {
            assert!(matches!(seal(&path).unwrap(), Sealing::Sealed { .. }));
        }
        let bytes = std::fs::read(path).unwrap();
        let extents = extents(&bytes);
        // Sealing merges small blocks.
        let blocks = if compressed { vec![blocks.concat()] } else { blocks };
        let end = extents[extents.len() - 1].0;
        for at in 0..bytes.len() {
            for mask in [0x01, 0x80, 0xFF] {
                let mut damaged = bytes.clone();
                damaged[at] ^= mask;
                let (exchanges, recovery) = read(damaged, true);
                let left = undamaged(&extents, &blocks, at, at + 1);
                assert_eq!(exchanges, left, "byte {at} ^ {mask}");
                assert!(!recovery.is_complete(), "byte {at} ^ {mask}: {recovery:?}");
                if at < HEADER_BYTES {
                    assert_eq!(recovery.headers_damaged, 1);
                } else if at < end {
                    assert_eq!(recovery.blocks_lost, 1, "byte {at} ^ {mask}: {recovery:?}");
                }
                assert_eq!(recovery.exchanges_lost, lost(&blocks, &left), "byte {at} ^ {mask}: {recovery:?}");
            }
        }
    }
}

/// Law: in an open segment, without an end mark, the sequence numbers tell what a damaged block between two others held.
#[test]
fn sequence_numbers_tell_the_loss() {
    let (_, path, blocks) = written(&[2, 3, 1], false);
    let mut bytes = std::fs::read(path).unwrap();
    let middle = extents(&bytes)[1];
    bytes[middle.0 + 50] ^= 1;
    let (exchanges, recovery) = read(bytes.clone(), false);
    assert_eq!(exchanges, [blocks[0].clone(), blocks[2].clone()].concat());
    assert_eq!((recovery.blocks_lost, recovery.exchanges_lost, recovery.losses_unknown), (1, 3, 0));
    assert_eq!(recovery.bytes_skipped, (middle.1 - middle.0) as u64);
    // Of the first block nobody knows.
    bytes[HEADER_BYTES + 50] ^= 1;
    let (_, recovery) = read(bytes, false);
    assert_eq!((recovery.blocks_lost, recovery.exchanges_lost, recovery.losses_unknown), (2, 0, 1));
}

/// Law: a block inside a client's body is no evidence, even where the block around it is damaged.
#[test]
fn a_planted_block_is_not_read() {
    let (_, other, _) = written(&[1], false);
    let planted = std::fs::read(other).unwrap()[HEADER_BYTES..].to_vec();
    let directory = samples::directory();
    let mut writer = Writer::create(&directory, 1, 1, "").unwrap();
    writer.append(&exchange(0, b"first")).unwrap();
    writer.flush().unwrap();
    writer.append(&exchange(1, &planted)).unwrap();
    writer.flush().unwrap();
    writer.append(&exchange(2, b"last")).unwrap();
    let mut bytes = std::fs::read(writer.seal().unwrap()).unwrap();
    let middle = extents(&bytes)[1];
    bytes[middle.0 + 20] ^= 1;
    let (exchanges, recovery) = read(bytes, true);
    assert_eq!(exchanges, [exchange(0, b"first"), exchange(2, b"last")]);
    assert_eq!((recovery.blocks_lost, recovery.exchanges_lost), (1, 1));
}

/// Law: a payload of planted magics that all claim a large block costs no more than looking at them.
#[test]
fn planted_magics_are_cheap() {
    let planted: Vec<u8> = [BLOCK_MAGIC.as_slice(), &(1_u32 << 20).to_le_bytes()].concat().repeat(100_000);
    let directory = samples::directory();
    let mut writer = Writer::create(&directory, 1, 1, "").unwrap();
    writer.append(&exchange(0, &planted)).unwrap();
    writer.append(&exchange(1, &vec![0; 4 << 20])).unwrap();
    let mut bytes = std::fs::read(writer.seal().unwrap()).unwrap();
    bytes[HEADER_BYTES + 60] ^= 1;
    let (exchanges, recovery) = read(bytes, true);
    assert_eq!((exchanges.len(), recovery.blocks_lost, recovery.exchanges_lost), (1, 1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Law: a run of bytes overwritten by anything, and the rest cut off anywhere, costs only what it touches.
    #[test]
    fn any_run_overwritten(
        counts in prop::collection::vec(1_usize..6, 1..8),
        at in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 1..400),
        compressed in any::<bool>(),
    ) {
        let (directory, path, mut blocks) = written(&counts, true);
        if compressed {
            seal(&path).unwrap();
            blocks = vec![blocks.concat()];
        }
        let bytes = std::fs::read(path).unwrap();
        let extents = extents(&bytes);
        let from = at.index(bytes.len());
        let to = (from + noise.len()).min(bytes.len());
        let mut damaged = bytes.clone();
        damaged[from..to].copy_from_slice(&noise[..to - from]);
        prop_assume!(damaged != bytes);
        // What the noise left as it was is not damaged.
        let from = (from..to).find(|&i| damaged[i] != bytes[i]).unwrap();
        let to = (from..to).rfind(|&i| damaged[i] != bytes[i]).unwrap() + 1;
        let touched = |&(start, end): &(usize, usize)| (start..end.min(to)).any(|i| damaged[i] != bytes[i]);
        let left: Vec<Exchange> = blocks
            .iter()
            .zip(&extents)
            .filter(|(_, extent)| !touched(extent))
            .flat_map(|(block, _)| block.clone())
            .collect();
        let (exchanges, recovery) = read(damaged, true);
        prop_assert_eq!(&exchanges, &left, "{} to {}", from, to);
        prop_assert!(!recovery.is_complete());
        std::fs::remove_dir_all(directory).unwrap();
    }

    /// Law: bytes that never were a segment give nothing, and no panic.
    #[test]
    fn noise_is_no_segment(noise in prop::collection::vec(any::<u8>(), 0..2_000), sealed in any::<bool>()) {
        let (exchanges, recovery) = read(noise, sealed);
        prop_assert!(exchanges.is_empty());
        prop_assert!(!recovery.is_complete());
    }
}
