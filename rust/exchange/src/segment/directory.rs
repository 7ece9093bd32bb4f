//! A capture directory: its segments, one after another.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::vec;

use super::reader::Reader;
use super::recovery::Recovery;
use super::{OPEN, SEALED};
use crate::Exchange;

/// The segments of a directory in the order of their names. An `.open` file beside the `.seg` of its name is a leftover
/// of sealing and left out.
pub fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(SEALED) => paths.push(path),
            Some(OPEN) if !path.with_extension(SEALED).exists() => paths.push(path),
            _ => {}
        }
    }
    paths.sort();
    Ok(paths)
}

/// Iterates over the exchanges of several segments. A segment that cannot be opened is an error that names it; the
/// iterator then goes on with the next one.
pub struct Directory {
    paths: vec::IntoIter<PathBuf>,
    current: Option<(PathBuf, Reader<File>)>,
    before: Recovery,
}

impl Directory {
    /// Opens a directory, or a single segment file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let paths = if path.is_dir() { list(path)? } else { vec![path.to_owned()] };
        Ok(Self::of(paths))
    }

    /// Reads these segments in this order.
    pub fn of(paths: Vec<PathBuf>) -> Self {
        Self { paths: paths.into_iter(), current: None, before: Recovery::default() }
    }

    /// The account so far; final when the iterator has ended.
    pub fn recovery(&self) -> Recovery {
        let mut sum = self.before;
        if let Some((_, reader)) = &self.current {
            sum.add(reader.recovery());
        }
        sum
    }
}

impl Iterator for Directory {
    type Item = io::Result<Exchange>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((path, reader)) = &mut self.current {
                if let Some(next) = reader.next() {
                    return Some(next.map_err(|error| named(path, &error)));
                }
                self.before.add(reader.recovery());
                self.current = None;
            }
            let path = self.paths.next()?;
            match Reader::open(&path) {
                Ok(reader) => self.current = Some((path, reader)),
                // Sealed by somebody since the directory was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    match Reader::open(&path.with_extension(SEALED)) {
                        Ok(reader) => self.current = Some((path.with_extension(SEALED), reader)),
                        Err(_) => return Some(Err(named(&path, &error))),
                    }
                }
                Err(error) => return Some(Err(named(&path, &error))),
            }
        }
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
