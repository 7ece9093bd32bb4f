//! `Storage`: the operations of a storage of the library `limits`, without a Python frame.

use crossfade_core::limit::rate::Unit;
use crossfade_core::limit::{Rate, sliding_window};
use crossfade_store::memory::{Held, MemoryStorage};
use crossfade_store::shared::{OnFull, Opened, Options, Outdated, SharedStorage, path_of};
use crossfade_store::storage::{self, Counter, TooLong};
use pyo3::exceptions::{PyOSError, PyOverflowError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyString};

use crate::guard::{self, guarded, may_panic};

/// Counts for the strategies of the library `limits`, which calls these methods as it calls those of its own storages.
///
/// Without a name in this process's memory, where `max_keys` is the most keys that each strategy has counts for. With
/// one in a table for all processes of this user on this host, made when it is not there: `max_keys` is the most keys
/// that it counts, `ring_bytes` what it has for entries of moving windows, and `on_full` what a key gets that finds no
/// room: "share" (it is counted together with others), "admit" or "reject". Raises OSError where the table cannot be
/// used.
///
/// Time is what `time.time()` says, so whoever sets that sets this too. No method releases the interpreter: each takes
/// less than switching threads would.
#[pyclass(module = "crossfade._core", frozen)]
pub struct Storage {
    place: Place,
    /// The names of Python's module `time`.
    time: Py<PyDict>,
}

enum Place {
    Memory(MemoryStorage),
    Shared(SharedStorage),
}

/// What a pickled storage holds, as Python writes it down: counters (key, expiry, count), moving windows (key, amount,
/// seconds, stamps) and sliding windows (key, amount, seconds, number of the newest window, its counters).
type Plain = (Vec<(Vec<u8>, f64, i64)>, Vec<(Vec<u8>, u64, u64, Vec<f64>)>, Vec<(Vec<u8>, u64, u64, u64, [u64; 3])>);

impl Storage {
    /// Runs one operation at the present time. A panic of ours is an exception that the service expects of a storage.
    fn ask<T>(&self, py: Python<'_>, operation: impl FnOnce(&dyn storage::Storage, f64) -> T) -> PyResult<T> {
        let now = self.now(py)?;
        guarded(|| {
            may_panic("storage");
            match &self.place {
                Place::Memory(counts) => operation(counts, now),
                Place::Shared(counts) => operation(counts, now),
            }
        })
        .ok_or_else(|| PyRuntimeError::new_err(format!("crossfade's storage failed: {}", guard::message())))
    }

    fn now(&self, py: Python<'_>) -> PyResult<f64> {
        // Looked up each time: tests replace it.
        let time = self.time.bind(py).get_item(intern!(py, "time"))?;
        time.ok_or_else(|| PyRuntimeError::new_err("the module time has no time()"))?.call0()?.extract()
    }
}

/// The table of that name, apart from the tables of policies: a reset forgets all that is in one.
fn shared(name: &str, keys: u64, ring_bytes: u64, on_full: &str) -> PyResult<SharedStorage> {
    let on_full = match on_full {
        "share" => OnFull::Share,
        "admit" => OnFull::Admit,
        "reject" => OnFull::Reject,
        _ => return Err(PyValueError::new_err(format!("on_full {on_full}: there are share, admit and reject"))),
    };
    path_of(&format!("limits.{name}"))
        .and_then(|path| SharedStorage::open(&path, &Options { keys, ring_bytes, on_full }))
        .map_err(|error| PyOSError::new_err(error.to_string()))
}

#[pymethods]
impl Storage {
    #[new]
    #[pyo3(signature = (*, max_keys, name=None, ring_bytes=0, on_full="share"))]
    fn new(py: Python<'_>, max_keys: usize, name: Option<&str>, ring_bytes: u64, on_full: &str) -> PyResult<Self> {
        guard::install_hook();
        let place = match name {
            None => Place::Memory(MemoryStorage::new(max_keys)),
            Some(name) => Place::Shared(shared(name, max_keys as u64, ring_bytes, on_full)?),
        };
        Ok(Self { place, time: py.import("time")?.dict().unbind() })
    }

    /// How a shared table came to be open: "joined", "made", or why one that was there was replaced by an empty one:
    /// "boot" (the machine was started again), "version" (another crossfade wrote it) or "sizes" (it has another
    /// `max_keys` or `ring_bytes`). None for this process's memory.
    #[getter]
    fn opened(&self) -> Option<&'static str> {
        match &self.place {
            Place::Memory(_) => None,
            Place::Shared(counts) => Some(match counts.opened() {
                Opened::Joined => "joined",
                Opened::Made => "made",
                Opened::Replaced(Outdated::Boot) => "boot",
                Opened::Replaced(Outdated::Version) => "version",
                Opened::Replaced(Outdated::Sizes) => "sizes",
            }),
        }
    }

    /// Adds to a counter, and gives what it is then. At nothing it begins, and lasts `expiry` seconds.
    #[pyo3(signature = (key: "str", expiry: "float", amount: "int"=Whole(1)))]
    fn incr(&self, py: Python<'_>, key: Key<'_>, expiry: Seconds, amount: Whole) -> PyResult<i64> {
        self.ask(py, |counts, now| counts.incr(key.bytes(), expiry.0, amount.0, now))
    }

    /// A counter.
    #[pyo3(signature = (key: "str"))]
    fn get(&self, py: Python<'_>, key: Key<'_>) -> PyResult<i64> {
        self.ask(py, |counts, now| counts.get(key.bytes(), now))
    }

    /// When a counter is over, in seconds since the epoch; the present, if it is over.
    #[pyo3(signature = (key: "str"))]
    fn get_expiry(&self, py: Python<'_>, key: Key<'_>) -> PyResult<f64> {
        self.ask(py, |counts, now| counts.expiry(key.bytes(), now))
    }

    /// Whether counts can be kept.
    fn check(&self) -> bool {
        true
    }

    /// Forgets everything, of all processes where the table is shared, and gives how many keys that were; in this
    /// process's memory those of counters or those of moving windows, whichever are more.
    fn reset(&self, py: Python<'_>) -> PyResult<u64> {
        self.ask(py, |counts, now| counts.reset(now))
    }

    /// Forgets a key's counter and moving window.
    #[pyo3(signature = (key: "str"))]
    fn clear(&self, py: Python<'_>, key: Key<'_>) -> PyResult<()> {
        self.ask(py, |counts, _| counts.clear(key.bytes()))
    }

    /// Takes `amount` entries of a moving window if `limit` allows it, and gives whether it did.
    ///
    /// Raises ValueError for a limit above what can be kept, because each entry is: 1,048,576, or in a shared table
    /// 4,096 and what `ring_bytes` has room for.
    #[pyo3(signature = (key: "str", limit: "int", expiry: "int", amount: "int"=Whole(1)))]
    fn acquire_entry(
        &self,
        py: Python<'_>,
        key: Key<'_>,
        limit: Whole,
        expiry: Whole,
        amount: Whole,
    ) -> PyResult<bool> {
        let rate = rate(limit, expiry)?;
        let cost = if amount.0 > limit.0 { i64::MAX } else { amount.0 };
        self.ask(py, |counts, now| counts.acquire_moving(key.bytes(), &rate, cost, now))?
            .map_err(|why| refused(&rate, &why))
    }

    /// Start of a moving window, in seconds since the epoch, and how many entries it has.
    #[pyo3(signature = (key: "str", limit: "int", expiry: "int"))]
    fn get_moving_window(&self, py: Python<'_>, key: Key<'_>, limit: Whole, expiry: Whole) -> PyResult<(f64, u64)> {
        let rate = rate(limit, expiry)?;
        self.ask(py, |counts, now| counts.moving(key.bytes(), &rate, now))?.map_err(|why| refused(&rate, &why))
    }

    /// Adds to a sliding window if `limit` allows it, and gives whether it did.
    #[pyo3(signature = (key: "str", limit: "int", expiry: "int", amount: "int"=Whole(1)))]
    fn acquire_sliding_window_entry(
        &self,
        py: Python<'_>,
        key: Key<'_>,
        limit: Whole,
        expiry: Whole,
        amount: Whole,
    ) -> PyResult<bool> {
        let rate = rate(limit, expiry)?;
        self.ask(py, |counts, now| amount.0 <= limit.0 && counts.acquire_sliding(key.bytes(), &rate, amount.0, now))
    }

    /// Previous count, seconds that it still weighs, current count, seconds that it is kept.
    #[pyo3(signature = (key: "str", expiry: "int"))]
    fn get_sliding_window(&self, py: Python<'_>, key: Key<'_>, expiry: Whole) -> PyResult<(u64, f64, u64, f64)> {
        let length = seconds(expiry)?;
        let counters = self.ask(py, |counts, now| counts.sliding(key.bytes(), length, now))?;
        Ok((counters.previous, counters.previous_ttl, counters.current, counters.current_ttl))
    }

    /// Forgets a sliding window.
    #[pyo3(signature = (key: "str", expiry: "int"))]
    fn clear_sliding_window(&self, py: Python<'_>, key: Key<'_>, expiry: Whole) -> PyResult<()> {
        let length = seconds(expiry)?;
        self.ask(py, |counts, _| counts.clear_sliding(key.bytes(), length))
    }

    /// How many counts were given up while they still counted, because there were more than `max_keys`; by all
    /// processes where the table is shared.
    #[getter]
    fn evicted_live(&self) -> u64 {
        match &self.place {
            Place::Memory(counts) => counts.evicted_live(),
            Place::Shared(counts) => counts.evicted_live(),
        }
    }

    /// All counts of this process's memory, as plain values to pickle; of a shared table nothing: whoever unpickles
    /// joins it.
    #[pyo3(signature = () -> "tuple[list[Any], list[Any], list[Any]]")]
    fn held(&self) -> Plain {
        let Held { counters, logs, pairs } = match &self.place {
            Place::Memory(counts) => counts.held(),
            Place::Shared(_) => Held::default(),
        };
        (
            counters.into_iter().map(|(key, Counter { expiry, count })| (key, expiry, count)).collect(),
            logs.into_iter().map(|(key, rate, stamps)| (key, rate.amount, rate.window(), stamps)).collect(),
            pairs
                .into_iter()
                .map(|(key, rate, state)| (key, rate.amount, rate.window(), state.newest, state.counts))
                .collect(),
        )
    }

    /// Takes over what `held` gave.
    #[pyo3(signature = (held: "tuple[list[Any], list[Any], list[Any]]"))]
    fn take(&self, py: Python<'_>, held: Plain) -> PyResult<()> {
        let (counters, logs, pairs) = held;
        let rate = |amount, length| Rate { amount, multiples: length, unit: Unit::Second };
        let held = Held {
            counters: counters.into_iter().map(|(key, expiry, count)| (key, Counter { expiry, count })).collect(),
            logs: logs.into_iter().map(|(key, amount, length, stamps)| (key, rate(amount, length), stamps)).collect(),
            pairs: pairs
                .into_iter()
                .map(|(key, amount, length, newest, counts)| {
                    (key, rate(amount, length), sliding_window::State { newest, counts })
                })
                .collect(),
        };
        if let Place::Memory(counts) = &self.place {
            counts.take(held, self.now(py)?);
        }
        Ok(())
    }
}

/// A key in UTF-8. Python's strings can hold halves of surrogate pairs, which have no such form; those keep one of
/// their own.
enum Key<'py> {
    Text(Bound<'py, PyString>),
    Bytes(Bound<'py, PyBytes>),
}

impl Key<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            // Read once before, so the text is in UTF-8.
            Self::Text(text) => text.to_str().unwrap_or_default().as_bytes(),
            Self::Bytes(bytes) => bytes.as_bytes(),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Key<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let text = object.cast::<PyString>()?;
        if text.to_str().is_ok() {
            return Ok(Self::Text(text.to_owned()));
        }
        let encoded = text.call_method1(intern!(text.py(), "encode"), ("utf-8", "surrogatepass"))?;
        Ok(Self::Bytes(encoded.cast_into()?))
    }
}

/// A Python int; beyond 64 bits it counts as the last that fits.
#[derive(Clone, Copy)]
struct Whole(i64);

impl FromPyObject<'_, '_> for Whole {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        match object.extract() {
            Ok(whole) => Ok(Self(whole)),
            Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => {
                Ok(Self(if object.gt(0)? { i64::MAX } else { i64::MIN }))
            }
            Err(error) => Err(PyTypeError::new_err(error.value(object.py()).to_string())),
        }
    }
}

/// A time; mostly an int, which Python would make a float object of first.
struct Seconds(f64);

impl FromPyObject<'_, '_> for Seconds {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        match object.cast::<PyInt>().map(|whole| whole.extract::<u32>()) {
            Ok(Ok(seconds)) => Ok(Self(f64::from(seconds))),
            _ => object.extract().map(Self),
        }
    }
}

fn seconds(expiry: Whole) -> PyResult<u64> {
    match u64::try_from(expiry.0) {
        Ok(seconds @ 1..) => Ok(seconds),
        _ => Err(PyValueError::new_err(format!("a window of {} seconds: it has to last at least one", expiry.0))),
    }
}

fn rate(limit: Whole, expiry: Whole) -> PyResult<Rate> {
    Ok(Rate { amount: limit.0.max(0) as u64, multiples: seconds(expiry)?, unit: Unit::Second })
}

fn refused(rate: &Rate, why: &TooLong) -> PyErr {
    PyValueError::new_err(format!("the limit \"{rate}\" cannot be a moving window: {}", why.0))
}
