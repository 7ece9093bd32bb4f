//! What a capture may not hold: credentials in headers, and in the limit keys made of them.
//!
//! A credential becomes `redacted-` and 16 hex digits of a keyed hash: equal values stay equal, so that limits that count
//! by credential replay as they were, and the value itself cannot be had back. The key lives beside the captures.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::record::{Exchange, Outcome};
use sha2::{Digest, Sha256};

/// Headers whose values are credentials.
pub const CREDENTIALS: [&[u8]; 8] = [
    b"authorization",
    b"proxy-authorization",
    b"cookie",
    b"set-cookie",
    b"x-api-key",
    b"x-auth-token",
    b"x-csrf-token",
    b"x-hub-signature-256",
];

/// Redacts exchanges with one capture directory's key.
#[derive(Debug)]
pub struct Redactor {
    key: [u8; 32],
}

impl Redactor {
    /// The redactor of a capture directory; makes its key (`redact.key`, mode 0600) when there is none.
    pub fn of_directory(directory: &Path) -> io::Result<Self> {
        let path = directory.join("redact.key");
        let mut key = [0; 32];
        // Several workers may start at once: whoever links first wins, the others read what is there.
        if !path.exists() {
            fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
            let temporary = directory.join(format!("redact.key.{}", std::process::id()));
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
            file.write_all(&key)?;
            match fs::hard_link(&temporary, &path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            fs::remove_file(&temporary)?;
        }
        fs::File::open(&path)?.read_exact(&mut key)?;
        Ok(Self { key })
    }

    /// Replaces the credentials of one exchange.
    pub fn redact(&self, exchange: &mut Exchange) {
        let mut values: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for (name, value) in &mut exchange.request.headers {
            if is_credential(name) && !value.is_empty() {
                let stand_in = self.stand_in(value);
                values.push((value.to_vec(), stand_in.clone()));
                *value = stand_in.into();
            }
        }
        if values.is_empty() {
            return;
        }
        for observation in [&mut exchange.control, &mut exchange.candidate].into_iter().flatten() {
            if let Some(Outcome::Accepted(forward)) = &mut observation.outcome {
                for (_, value) in forward.headers.iter_mut().flatten().filter(|(name, _)| is_credential(name)) {
                    *value = self.stand_in(value).into();
                }
            }
            for (value, stand_in) in &values {
                for charge in observation.charges.iter_mut().flatten() {
                    replace(&mut charge.key, value, stand_in);
                }
            }
        }
    }

    fn stand_in(&self, value: &[u8]) -> Vec<u8> {
        let digest = Sha256::new().chain_update(self.key).chain_update(value).finalize();
        let mut text = b"redacted-".to_vec();
        for byte in digest.iter().take(8) {
            text.extend_from_slice(format!("{byte:02x}").as_bytes());
        }
        text
    }
}

fn is_credential(name: &[u8]) -> bool {
    CREDENTIALS.iter().any(|credential| name.eq_ignore_ascii_case(credential))
}

/// Replaces `value` in `key` where it is a whole part of it, or several: parts are joined by `/`.
fn replace(key: &mut Vec<u8>, value: &[u8], stand_in: &[u8]) {
    let mut at = 0;
    while let Some(found) = key[at..].windows(value.len()).position(|window| window == value) {
        let (start, end) = (at + found, at + found + value.len());
        let whole = (start == 0 || key[start - 1] == b'/') && (end == key.len() || key[end] == b'/');
        if whole {
            key.splice(start..end, stand_in.iter().copied());
        }
        at = if whole { start + stand_in.len() } else { start + 1 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Charge, Forward, Observation};

    /// A credential appears nowhere in what is stored, and equal credentials stay equal.
    #[test]
    fn credentials_are_gone_and_still_equal() {
        let redactor = Redactor { key: [7; 32] };
        let exchange = |value: &[u8]| {
            let mut exchange = Exchange::default();
            exchange.request.headers.push((b"Authorization".to_vec().into(), value.to_vec().into()));
            let forwarded = vec![(b"authorization".to_vec().into(), value.to_vec().into())];
            exchange.candidate = Some(Observation {
                outcome: Some(Outcome::Accepted(Forward { headers: Some(forwarded), ..Forward::default() })),
                ..Observation::default()
            });
            exchange.control = Some(Observation {
                charges: Some(vec![Charge { limit: "api".into(), key: [b"api/", value].concat(), cost: 1 }]),
                ..Observation::default()
            });
            redactor.redact(&mut exchange);
            exchange
        };
        let (one, same, other) = (exchange(b"token s3cret"), exchange(b"token s3cret"), exchange(b"token other"));
        assert!(!format!("{one:?}").contains("s3cret"));
        assert_eq!(one, same);
        assert_ne!(one.request.headers, other.request.headers);
        let charges = one.control.unwrap().charges.unwrap();
        assert_eq!(charges[0].key, [b"api/".as_slice(), &one.request.headers[0].1].concat());
    }

    /// A short credential is replaced where it was counted by, and other parts of the key stay readable.
    #[test]
    fn parts_are_replaced_whole() {
        for (key, expected) in
            [("a", "R"), ("api/a", "api/R"), ("a/1.a.3/a", "R/1.a.3/R"), ("banana/aa", "banana/aa"), ("", "")]
        {
            let mut bytes = key.as_bytes().to_vec();
            replace(&mut bytes, b"a", b"R");
            assert_eq!(bytes, expected.as_bytes());
        }
        let mut bytes = b"api/Basic a/b=".to_vec();
        replace(&mut bytes, b"Basic a/b=", b"R");
        assert_eq!(bytes, b"api/R");
    }
}
