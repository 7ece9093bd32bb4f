//! Laws of segment files: names, modes, locks, sealing, directories.

mod samples;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;

use crossfade_exchange::Exchange;
use crossfade_exchange::segment::{
    BLOCK_BYTES, BLOCK_MOST_BYTES, Directory, HEADER_BYTES, MAX_EXCHANGE_BYTES, Reader, Sealing, Writer, list, seal,
};
use samples::{exchange, extents, read, written};

fn name(path: &std::path::Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// Law: files are private, named after start and writer, and the header says who wrote them.
#[test]
fn names_modes_and_header() {
    let directory = samples::directory();
    let writer = Writer::create(&directory, 7, 1_700_000_000_000_000, "00112233445566aa").unwrap();
    assert_eq!(name(writer.path()), "1700000000000000-7.open");
    assert_eq!(fs::metadata(writer.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    let second = Writer::create(&directory, 7, 1_700_000_000_000_000, "").unwrap();
    assert_eq!(name(second.path()), "1700000000000001-7.open");
    let sealed = writer.seal().unwrap();
    assert_eq!(name(&sealed), "1700000000000000-7.seg");
    let third = Writer::create(&directory, 7, 1_700_000_000_000_000, "").unwrap();
    assert_eq!(name(third.path()), "1700000000000002-7.open");
    let reader = Reader::open(&sealed).unwrap();
    let header = reader.header().unwrap();
    assert_eq!((header.writer, header.start, header.build.as_str()), (7, 1_700_000_000_000_000, "00112233445566aa"));
}

/// Law: blocks have the size that the format promises, whatever comes, and only a single exchange exceeds it.
#[test]
fn blocks_are_bounded() {
    let directory = samples::directory();
    let mut writer = Writer::create(&directory, 1, 1, "").unwrap();
    let sizes = [10, 200_000, 90_000, 90_000, 1 << 20, 10, 70_000, 70_000, 10];
    for (sequence, &size) in sizes.iter().enumerate() {
        writer.append(&exchange(4 * sequence as u64 + 1, &vec![b'x'; size])).unwrap();
    }
    let bytes = fs::read(writer.seal().unwrap()).unwrap();
    let payloads: Vec<usize> = extents(&bytes).iter().map(|(start, end)| end - start - 39).collect();
    assert!(payloads.iter().filter(|&&payload| payload > BLOCK_MOST_BYTES).count() == 1, "{payloads:?}");
    assert!(payloads.iter().filter(|&&payload| payload < BLOCK_BYTES).count() <= 4, "{payloads:?}");
    let (exchanges, recovery) = read(bytes, true);
    assert_eq!(exchanges.iter().map(|e| e.request.body_bytes as usize).collect::<Vec<_>>(), sizes);
    assert!(recovery.is_complete());
}

/// Law: an exchange above the bound is refused by itself; those around it are kept.
#[test]
fn too_large_is_refused() {
    let directory = samples::directory();
    let mut writer = Writer::create(&directory, 1, 1, "").unwrap();
    writer.append(&exchange(1, b"before")).unwrap();
    let error = writer.append(&exchange(2, &vec![0; MAX_EXCHANGE_BYTES])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    writer.append(&exchange(3, b"after")).unwrap();
    let (exchanges, _) = read(fs::read(writer.seal().unwrap()).unwrap(), true);
    assert_eq!(exchanges, [exchange(1, b"before"), exchange(3, b"after")]);
}

/// Law: sealing keeps every exchange and its order, and is done once.
#[test]
fn sealing_keeps_everything() {
    for open in [false, true] {
        let (directory, path, blocks) = written(&[400, 1, 700, 2], !open);
        let Sealing::Sealed { before, after } = seal(&path).unwrap() else { panic!("not sealed") };
        assert!(after < before / 4, "{before} to {after}");
        let paths = list(&directory).unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        assert_eq!(fs::metadata(&paths[0]).unwrap().permissions().mode() & 0o777, 0o600);
        let (exchanges, recovery) = read(fs::read(&paths[0]).unwrap(), true);
        assert_eq!(exchanges, blocks.concat());
        assert!(recovery.is_complete());
        assert_eq!(seal(&paths[0]).unwrap(), Sealing::Already);
    }
}

/// Law: a segment whose writer is at work is left alone.
#[test]
fn a_busy_segment_is_left_alone() {
    let directory = samples::directory();
    let mut writer = Writer::create(&directory, 1, 1, "").unwrap();
    writer.append(&exchange(1, b"")).unwrap();
    writer.flush().unwrap();
    assert_eq!(seal(writer.path()).unwrap(), Sealing::Busy);
    let path = writer.path().to_owned();
    drop(writer);
    assert!(matches!(seal(&path).unwrap(), Sealing::Sealed { .. }));
}

/// Law: damage in the middle is kept as it is; a torn tail is cut off, and still reported afterwards.
#[test]
fn sealing_hides_no_damage() {
    let (directory, path, _) = written(&[2, 2, 2], false);
    let bytes = fs::read(&path).unwrap();
    let mut damaged = bytes.clone();
    damaged[HEADER_BYTES + 60] ^= 1;
    fs::write(&path, &damaged).unwrap();
    assert!(matches!(seal(&path).unwrap(), Sealing::Damaged(recovery) if recovery.blocks_lost == 1));
    assert_eq!(fs::read(&path).unwrap(), damaged);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);

    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(seal(&path).unwrap(), Sealing::Sealed { .. }));
    let (exchanges, recovery) = read(fs::read(&list(&directory).unwrap()[0]).unwrap(), true);
    assert_eq!((exchanges.len(), recovery.torn_tails), (4, 1));
}

/// Law: a directory is read in the order of its names; leftovers and strangers are not read; accounts add up.
#[test]
fn a_directory_in_order() {
    let directory = samples::directory();
    let mut expected: Vec<Exchange> = Vec::new();
    for start in [30, 10, 20] {
        let mut writer = Writer::create(&directory, 1, start, "").unwrap();
        writer.append(&exchange(start, b"")).unwrap();
        expected.push(exchange(start, b""));
        if start == 20 {
            writer.flush().unwrap();
        } else {
            let sealed = writer.seal().unwrap();
            if start == 10 {
                fs::copy(&sealed, sealed.with_extension("open")).unwrap();
            }
        }
    }
    fs::write(directory.join("report.html"), "no segment").unwrap();
    fs::write(directory.join("0000000000000010-1.tmp"), "half").unwrap();
    expected.sort_by_key(|exchange| exchange.sequence);
    let mut all = Directory::open(&directory).unwrap();
    let exchanges: Vec<Exchange> = all.by_ref().map(Result::unwrap).collect();
    assert_eq!(exchanges, expected);
    let recovery = all.recovery();
    assert_eq!((recovery.segments, recovery.open_segments, recovery.exchanges), (3, 1, 3));
    assert!(recovery.is_complete());
}

/// Law: a segment of a later format is an error that says so, and the others are still read.
#[test]
fn a_later_format_is_refused() {
    let (directory, path, _) = written(&[1], true);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    Writer::create(&directory, 9, 1_800_000_000_000_000, "")
        .and_then(|mut writer| {
            writer.append(&exchange(5, b""))?;
            writer.seal()
        })
        .unwrap();
    let results: Vec<_> = Directory::open(&directory).unwrap().collect();
    assert_eq!(results.len(), 2);
    assert!(results[0].as_ref().unwrap_err().to_string().contains("format 2"));
    assert_eq!(results[1].as_ref().unwrap().sequence, 5);
}

/// Law: a block that claims to unpack to more than an exchange may have is skipped without unpacking it.
#[test]
fn a_zip_bomb_is_skipped() {
    let (_, path, _) = written(&[1], false);
    let mut bytes = fs::read(path).unwrap();
    let id = bytes[32..40].to_vec();
    let bomb = zstd::bulk::compress(&vec![0; MAX_EXCHANGE_BYTES + 1], 1).unwrap();
    let mut rest = vec![1];
    rest.extend_from_slice(&7_u16.to_le_bytes());
    rest.extend_from_slice(&id);
    rest.extend_from_slice(&[0; 16]);
    rest.extend_from_slice(&bomb);
    bytes.extend_from_slice(&crossfade_exchange::segment::BLOCK_MAGIC);
    bytes.extend_from_slice(&(rest.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&rest).to_le_bytes());
    bytes.extend_from_slice(&rest);
    let (exchanges, recovery) = read(bytes, false);
    assert_eq!((exchanges.len(), recovery.blocks_lost, recovery.exchanges_lost), (1, 1, 7));
}
