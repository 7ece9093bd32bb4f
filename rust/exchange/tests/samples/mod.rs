//! Exchanges and segments to hurt.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crossfade_exchange::segment::{BLOCK_HEADER_BYTES, BLOCK_MAGIC, HEADER_BYTES, Reader, Recovery, Writer};
use crossfade_exchange::{Charge, Exchange, Forward, Observation, Outcome, Raised, Request};
use serde_bytes::ByteBuf;

/// A directory of its own, empty.
pub fn directory() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    path
}

/// An exchange that uses every kind of field.
pub fn exchange(sequence: u64, body: &[u8]) -> Exchange {
    let outcome = match sequence % 4 {
        0 => Outcome::Accepted(Forward {
            path: Some(ByteBuf::from("/a")),
            query: None,
            headers: None,
            body: Some(ByteBuf::from(body)),
        }),
        1 => Outcome::Limited { limit: "per-client".into(), retry_after: Some(3) },
        2 => Outcome::Invalid { code: "missing".into(), field: Some("items[*].price".into()) },
        _ => Outcome::Outside { status: 404 },
    };
    let control = Observation {
        outcome: Some(outcome),
        charges: Some(vec![Charge { limit: "per-client".into(), key: b"10.0.0.1\xff".to_vec(), cost: 1 }]),
        nanos: 211_000,
        ..Observation::default()
    };
    let raised = Raised { kind: "builtins.KeyError".into(), message: "'x'".into() };
    Exchange {
        version: 1,
        route: "api.write".into(),
        received_at: 1_700_000_000_000_000 + sequence,
        worker: 4711,
        epoch: 1_699_999_999_000_000,
        sequence,
        stage: "shadow".into(),
        authoritative: "control".into(),
        request: Request {
            method: b"POST".to_vec(),
            raw_path: b"/api/\xff".to_vec(),
            query: b"a=1".to_vec(),
            headers: vec![(ByteBuf::from("host"), ByteBuf::from(b"\xe9.example".to_vec()))],
            peer: Some("10.0.0.1".into()),
            body: Some(ByteBuf::from(body)),
            body_bytes: body.len() as u64,
            given: vec![("tenant".into(), "t1".into())],
        },
        control: Some(control),
        candidate: Some(Observation { raised: Some(raised), ..Observation::default() }),
        build: "00112233445566aa".into(),
        ..Exchange::default()
    }
}

/// Writes blocks with so many exchanges each; returns the directory, the path and the exchanges of each block.
pub fn written(blocks: &[usize], sealed: bool) -> (PathBuf, PathBuf, Vec<Vec<Exchange>>) {
    let directory = directory();
    let mut writer = Writer::create(&directory, 4711, 1_700_000_000_000_000, "00112233445566aa").unwrap();
    let mut all = Vec::new();
    let mut sequence = 0;
    for &count in blocks {
        let mut block = Vec::new();
        for _ in 0..count {
            // Magics inside of payloads must not confuse anybody.
            let one = exchange(sequence, &[b"text ".as_slice(), &BLOCK_MAGIC, b" text"].concat());
            writer.append(&one).unwrap();
            block.push(one);
            sequence += 1;
        }
        writer.flush().unwrap();
        all.push(block);
    }
    let path = if sealed { writer.seal().unwrap() } else { writer.path().to_owned() };
    (directory, path, all)
}

/// Where each block begins and ends, the end mark included, as the format says it.
pub fn extents(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = HEADER_BYTES;
    while at + BLOCK_HEADER_BYTES <= bytes.len() {
        assert_eq!(bytes[at..at + 4], BLOCK_MAGIC);
        let length = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        found.push((at, at + 12 + length));
        at += 12 + length;
    }
    found
}

/// Reads everything there is.
pub fn read(bytes: Vec<u8>, sealed: bool) -> (Vec<Exchange>, Recovery) {
    let mut reader = Reader::new(Cursor::new(bytes), sealed).unwrap();
    let exchanges = reader.by_ref().collect::<Result<_, _>>().unwrap();
    (exchanges, *reader.recovery())
}
