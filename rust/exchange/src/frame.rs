//! Frames on a pipe: a length and one MessagePack record.
//!
//! `crossfade replay` and its control workers speak them. A worker says [`Hello`] once, when its control is imported or
//! could not be; after that each [`Call`] gets one [`Reply`], in order, until the worker's input ends.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::record::{Observation, Request};

/// The largest frame: a body of 10 MiB and room for its headers. A longer one is damage, not data.
pub const MAX_BYTES: usize = 16 << 20;

/// Version that [`Hello::version`] carries.
pub const VERSION: u8 = 1;

/// The first frame of a worker: what it can run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hello {
    /// Version of these frames; another one is refused.
    #[serde(rename = "v")]
    pub version: u8,
    /// Digest of the control, for the subject of what follows. Empty when it could not be imported.
    #[serde(rename = "d")]
    pub control_digest: String,
    /// Names of the routes that have a control; others are never called.
    #[serde(rename = "r")]
    pub routes: Vec<String>,
    /// Why the control could not be imported, for a person. No call follows.
    #[serde(rename = "e")]
    pub error: Option<String>,
}

/// Run the control of `route` over `request` as if it were `received_at`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    /// Name of the route.
    #[serde(rename = "r")]
    pub route: String,
    /// Microseconds since the epoch at which the control's wall clock stands.
    #[serde(rename = "t")]
    pub received_at: u64,
    /// The request.
    #[serde(rename = "q")]
    pub request: Request,
}

/// What the control did.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reply {
    /// The control's observation; `None`: the route has no control.
    #[serde(rename = "o")]
    pub control: Option<Observation>,
}

/// Writes one frame: u32 length, big-endian, then the record.
pub fn write<T: Serialize>(writer: &mut impl Write, value: &T, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    buffer.extend_from_slice(&[0; 4]);
    crate::encode(value, buffer);
    let length = (buffer.len() - 4) as u32;
    buffer[..4].copy_from_slice(&length.to_be_bytes());
    writer.write_all(buffer)
}

/// Reads one frame; `None` at the end of the stream.
pub fn read<T: DeserializeOwned>(reader: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match reader.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("frame of {length} bytes, at most {MAX_BYTES}"),
        ));
    }
    buffer.resize(length, 0);
    reader.read_exact(buffer)?;
    let (value, _) = crate::decode(buffer).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(Some(value))
}
