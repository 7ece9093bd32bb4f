//! Path and query in one spelling.

pub mod path;
pub mod query;
pub mod rule;
pub(crate) mod spelling;

use crate::outcome::{Part, Stop};
use crate::policy::Route;
use crate::rollout::Checks;
use crate::{Request, Scratch};

/// Writes the canonical path of `request` into `scratch`, if the route has one.
pub fn path(route: &Route, request: &Request<'_>, scratch: &mut Scratch) -> Result<Part, Stop> {
    let Some(policy) = &route.target else { return Ok(Part::Same) };
    let mut checks = Checks::new(&route.rollouts, &mut scratch.remarks);
    path::normalize(policy, request.raw_path, &mut scratch.path, &mut scratch.exercised, &mut checks)
}

/// The same for the query.
pub fn query(route: &Route, request: &Request<'_>, scratch: &mut Scratch) -> Result<Part, Stop> {
    let Some(policy) = route.target.as_ref().and_then(|target| target.query.as_ref()) else { return Ok(Part::Same) };
    let Scratch { query, pairs, exercised, remarks, .. } = scratch;
    let mut checks = Checks::new(&route.rollouts, remarks);
    query::normalize(policy, request.query, query, pairs, exercised, &mut checks)
}
