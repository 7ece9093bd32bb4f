//! Python observations as records: attribute by attribute, each error naming what was expected.

use crossfade_exchange::{Charge, Forward, Observation, Outcome, Raised};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_bytes::ByteBuf;

/// Reads a `crossfade.Observation`.
pub fn observation(value: &Bound<'_, PyAny>) -> PyResult<Observation> {
    let outcome = value.getattr("outcome")?;
    let raised = value.getattr("raised")?;
    let charges: Option<Vec<(String, Vec<u8>, u64)>> = value.getattr("charges")?.extract()?;
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
        nanos: value.getattr("nanos")?.extract()?,
    })
}

fn outcome(value: &Bound<'_, PyAny>) -> PyResult<Outcome> {
    let bytes = |name: &str| -> PyResult<Option<ByteBuf>> {
        Ok(value.getattr(name)?.extract::<Option<Vec<u8>>>()?.map(ByteBuf::from))
    };
    let kind: String = value.getattr("kind")?.extract()?;
    match kind.as_str() {
        "accepted" => {
            let headers: Option<Vec<(Vec<u8>, Vec<u8>)>> = value.getattr("headers")?.extract()?;
            let headers = headers.map(|pairs| pairs.into_iter().map(|(name, value)| (name.into(), value.into())));
            Ok(Outcome::Accepted(Forward {
                path: bytes("path")?,
                query: bytes("query")?,
                headers: headers.map(Iterator::collect),
                body: bytes("body")?,
            }))
        }
        "limited" => Ok(Outcome::Limited {
            limit: value.getattr("limit")?.extract()?,
            retry_after: value.getattr("retry_after")?.extract()?,
        }),
        "invalid" => {
            Ok(Outcome::Invalid { code: value.getattr("code")?.extract()?, field: value.getattr("field")?.extract()? })
        }
        "outside" => Ok(Outcome::Outside { status: value.getattr("status")?.extract()? }),
        other => Err(PyValueError::new_err(format!(
            "an outcome's kind is {other:?}; it is one of accepted, limited, invalid, outside"
        ))),
    }
}
