//! Normalises bodies from standard input: what `tests/parity/test_json.py` holds against Python's own json.
//!
//! A request is a byte for the profile (`o`, `c`, `p`, `u`, `s`orted, `j`cs), a length (u32, little endian) and the body. The answer is
//! a byte (`s`ame, `r`ewritten, `i`nvalid, `u`nsupported), a length, and the new body or the code.

#[path = "../tests/json_support/mod.rs"]
mod json_support;

use std::io::{self, Read, Write};

use crossfade_core::Scratch;
use crossfade_core::outcome::{Part, Stop};
use crossfade_core::policy::Profile;

fn main() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let routes = [
        (b'o', Profile::Original),
        (b'c', Profile::Compact),
        (b'p', Profile::Python),
        (b'u', Profile::PythonUtf8),
        (b's', Profile::Sorted),
        (b'j', Profile::Jcs),
    ]
    .map(|(letter, profile)| (letter, json_support::route(profile)));
    let mut scratch = Scratch::new();
    let mut body = Vec::new();
    let mut head = [0; 5];
    while input.read_exact(&mut head).is_ok() {
        let [letter, length @ ..] = head;
        body.resize(u32::from_le_bytes(length) as usize, 0);
        input.read_exact(&mut body)?;
        let (_, route) = routes.iter().find(|(l, _)| *l == letter).expect("a letter of a profile");
        let (kind, text) = match json_support::normalized(route, &body, &mut scratch) {
            Ok((Part::Same, _)) => (b's', &[][..]),
            Ok((Part::Rewritten, bytes)) => (b'r', bytes),
            Err(Stop::Invalid(reason)) => (b'i', reason.code.as_bytes()),
            Err(Stop::Outside { why, .. }) => (b'u', why.as_bytes()),
        };
        output.write_all(&[kind])?;
        output.write_all(&(text.len() as u32).to_le_bytes())?;
        output.write_all(text)?;
        output.flush()?;
    }
    Ok(())
}
