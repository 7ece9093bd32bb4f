//! Python observations as records: attribute by attribute, each error naming what was expected.
//!
//! The attributes' names are interned: Python finds those of a class in a cache, and others by looking through its bases.

use crossfade_exchange::{Charge, Forward, Observation, Outcome, Raised};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use serde_bytes::ByteBuf;

/// Reads a `crossfade.Observation`.
pub fn observation(value: &Bound<'_, PyAny>) -> PyResult<Observation> {
    let py = value.py();
    let outcome = value.getattr(intern!(py, "outcome"))?;
    let raised = value.getattr(intern!(py, "raised"))?;
    let charges: Option<Vec<(String, Vec<u8>, u64)>> = value.getattr(intern!(py, "charges"))?.extract()?;
    Ok(Observation {
        outcome: if outcome.is_none() { None } else { Some(self::outcome(&outcome)?) },
        raised: if raised.is_none() {
            None
        } else {
            let class = raised.get_type();
            Some(Raised {
                kind: format!("{}.{}", class.module()?, class.qualname()?),
                message: raised.str().map_or_else(|_| "?".to_owned(), |text| text.to_string()),
            })
        },
        unsupported: None,
        failed: None,
        remarks: Vec::new(),
        charges: charges
            .map(|charges| charges.into_iter().map(|(limit, key, cost)| Charge { limit, key, cost }).collect()),
        nanos: value.getattr(intern!(py, "nanos"))?.extract()?,
    })
}

fn outcome(value: &Bound<'_, PyAny>) -> PyResult<Outcome> {
    let py = value.py();
    let bytes = |name: &Bound<'_, PyString>| -> PyResult<Option<ByteBuf>> {
        Ok(value.getattr(name)?.extract::<Option<Vec<u8>>>()?.map(ByteBuf::from))
    };
    let kind = value.getattr(intern!(py, "kind"))?;
    match kind.cast::<PyString>()?.to_str()? {
        "accepted" => {
            let headers: Option<Vec<(Vec<u8>, Vec<u8>)>> = value.getattr(intern!(py, "headers"))?.extract()?;
            let headers = headers.map(|pairs| pairs.into_iter().map(|(name, value)| (name.into(), value.into())));
            Ok(Outcome::Accepted(Forward {
                path: bytes(intern!(py, "path"))?,
                query: bytes(intern!(py, "query"))?,
                headers: headers.map(Iterator::collect),
                body: bytes(intern!(py, "body"))?,
            }))
        }
        "limited" => Ok(Outcome::Limited {
            limit: value.getattr(intern!(py, "limit"))?.extract()?,
            retry_after: value.getattr(intern!(py, "retry_after"))?.extract()?,
        }),
        "invalid" => Ok(Outcome::Invalid {
            code: value.getattr(intern!(py, "code"))?.extract()?,
            field: value.getattr(intern!(py, "field"))?.extract()?,
        }),
        "outside" => Ok(Outcome::Outside { status: value.getattr(intern!(py, "status"))?.extract()? }),
        other => Err(PyValueError::new_err(format!(
            "an outcome's kind is {other:?}; it is one of accepted, limited, invalid, outside"
        ))),
    }
}
