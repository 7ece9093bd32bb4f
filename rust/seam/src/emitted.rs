//! One exchange on its way from a request to a thread that writes.
//!
//! While a request hands it over, the service waits for it and, in Python, so does every other thread. So it is made of few
//! parts: the client's bytes and the names lie in one allocation, made where the request is read anyway, and what a side did
//! is moved or shared. The record of it, with an allocation for each header's name and value, is made by the thread, which
//! nobody waits for.

use std::sync::Arc;

use crossfade_core::Request;
use crossfade_exchange::{self as exchange, Exchange, Forward, Observation, Outcome, record};
use serde_bytes::ByteBuf;

/// What an exchange takes in a queue beside the parts whose size a client chooses, and a rewritten header beside its bytes,
/// about.
const REST: usize = 1_024;
const HEADER: usize = 64;

/// What an exchange says of the moment when its request is read: see the fields of [`Exchange`].
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "each is the record's")]
pub struct Known<'a> {
    pub route: &'a str,
    pub policy: &'a str,
    pub stage: &'static str,
    pub authoritative: &'static str,
    pub entered: u64,
    pub received_at: u64,
    pub worker: u64,
    pub epoch: u64,
    pub body_bytes: u64,
    /// Whether the body goes along.
    pub keeps_body: bool,
}

/// What it says of the moment when both sides are done with it.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each is the record's")]
pub struct Ended {
    pub control_digest: Arc<String>,
    pub sequence: u64,
    /// When that was, in microseconds since the epoch.
    pub at: u64,
    pub control: Option<Observation>,
    /// Shared with whoever else needs it.
    pub candidate: Option<Arc<Observation>>,
}

/// One exchange as a request hands it over.
#[derive(Debug, Clone)]
pub struct Emitted {
    /// `route` and `policy` are in `pieces`.
    known: Known<'static>,
    has_peer: bool,
    headers: usize,
    given: usize,
    pieces: Pieces,
    ended: Ended,
}

impl Emitted {
    /// Copies a request.
    pub fn new(known: Known<'_>, request: &Request<'_>) -> Self {
        let body = if known.keeps_body { request.body } else { &[] };
        let first = [
            known.route.as_bytes(),
            known.policy.as_bytes(),
            request.method,
            request.raw_path,
            request.query,
            body,
            request.peer.unwrap_or_default().as_bytes(),
        ];
        let headers: usize = request.headers.iter().map(|(name, value)| Pieces::room(name) + Pieces::room(value)).sum();
        let mut pieces =
            Pieces(Vec::with_capacity(headers + first.iter().map(|piece| Pieces::room(piece)).sum::<usize>()));
        first.into_iter().for_each(|piece| pieces.push(piece));
        for (name, value) in request.headers {
            pieces.push(name);
            pieces.push(value);
        }
        for (name, value) in request.given {
            pieces.push(name.as_bytes());
            pieces.push(value.as_bytes());
        }
        Self {
            known: Known { route: "", policy: "", ..known },
            has_peer: request.peer.is_some(),
            headers: request.headers.len(),
            given: request.given.len(),
            pieces,
            ended: Ended::default(),
        }
    }

    /// Adds what became of it.
    #[must_use]
    pub fn ended(self, ended: Ended) -> Self {
        Self { ended, ..self }
    }

    /// What the control did.
    pub fn control(&self) -> Option<&Observation> {
        self.ended.control.as_ref()
    }

    /// The bytes that it holds, about.
    pub(crate) fn weight(&self) -> usize {
        REST + self.pieces.0.len() + forwarded(self.control()) + forwarded(self.ended.candidate.as_deref())
    }

    /// The record of it.
    pub(crate) fn record(self) -> Exchange {
        let mut rest = &*self.pieces.0;
        let mut next = || Pieces::next(&mut rest);
        let (route, policy) = (text(next()), text(next()));
        let (method, raw_path, query) = (next().to_vec(), next().to_vec(), next().to_vec());
        let (body, peer) = (next(), next());
        let request = exchange::Request {
            method,
            raw_path,
            query,
            peer: self.has_peer.then(|| text(peer)),
            body: self.known.keeps_body.then(|| body.to_vec().into()),
            body_bytes: self.known.body_bytes,
            headers: (0..self.headers).map(|_| (next().to_vec().into(), next().to_vec().into())).collect(),
            given: (0..self.given).map(|_| (text(next()), text(next()))).collect(),
        };
        let Ended { control_digest, sequence, at, control, candidate } = self.ended;
        Exchange {
            version: record::VERSION,
            route,
            received_at: self.known.received_at,
            worker: self.known.worker,
            epoch: self.known.epoch,
            sequence,
            stage: self.known.stage.to_owned(),
            entered: self.known.entered,
            elapsed: at.saturating_sub(self.known.received_at).saturating_mul(1_000),
            seeded: false,
            authoritative: self.known.authoritative.to_owned(),
            request,
            control,
            candidate: candidate.map(Arc::unwrap_or_clone),
            build: crate::BUILD.to_owned(),
            policy,
            control_digest: Arc::unwrap_or_clone(control_digest),
        }
    }
}

/// Byte strings one behind the other, each behind its length.
#[derive(Debug, Clone)]
struct Pieces(Vec<u8>);

impl Pieces {
    /// What a piece takes.
    fn room(piece: &[u8]) -> usize {
        size_of::<usize>() + piece.len()
    }

    fn push(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(&piece.len().to_ne_bytes());
        self.0.extend_from_slice(piece);
    }

    /// The first of those that are left; behind the last one empty ones.
    fn next<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
        let Some((length, behind)) = rest.split_first_chunk() else { return &[] };
        let Some((piece, behind)) = behind.split_at_checked(usize::from_ne_bytes(*length)) else { return &[] };
        *rest = behind;
        piece
    }
}

/// It was text when it was copied.
fn text(piece: &[u8]) -> String {
    String::from_utf8_lossy(piece).into_owned()
}

fn forwarded(observation: Option<&Observation>) -> usize {
    match observation {
        Some(Observation { outcome: Some(Outcome::Accepted(Forward { path, query, headers, body })), .. }) => {
            let headers = headers.iter().flatten().map(|(name, value)| HEADER + name.len() + value.len());
            [path, query, body].map(length).into_iter().chain(headers).sum()
        }
        _ => 0,
    }
}

fn length(part: &Option<ByteBuf>) -> usize {
    part.as_ref().map_or(0, |bytes| bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// The request as it is stored.
    fn stored(request: &Request<'_>, known: Known<'_>) -> exchange::Request {
        exchange::Request {
            method: request.method.to_vec(),
            raw_path: request.raw_path.to_vec(),
            query: request.query.to_vec(),
            headers: request.headers.iter().map(|(n, v)| (n.to_vec().into(), v.to_vec().into())).collect(),
            peer: request.peer.map(str::to_owned),
            body: known.keeps_body.then(|| request.body.to_vec().into()),
            body_bytes: known.body_bytes,
            given: request.given.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect(),
        }
    }

    proptest! {
        /// The record has what the request had, each part in its place.
        #[test]
        fn nothing_is_lost_on_the_way(
            parts in vec(vec(any::<u8>(), 0..40), 4),
            headers in vec((vec(any::<u8>(), 0..20), vec(any::<u8>(), 0..20)), 0..20),
            peer in proptest::option::of(".{0,10}"),
            given in vec((".{0,5}", ".{0,5}"), 0..3),
            keeps_body in any::<bool>(),
            names in vec(".{0,10}", 3),
        ) {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            let given: Vec<_> = given.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            let request = Request {
                method: &parts[0],
                raw_path: &parts[1],
                query: &parts[2],
                headers: &headers,
                peer: peer.as_deref(),
                body: &parts[3],
                given: &given,
            };
            let known = Known {
                route: &names[0], policy: &names[1],
                stage: "shadow", authoritative: "control", entered: 1, received_at: 2, worker: 3, epoch: 4,
                body_bytes: 7, keeps_body,
            };
            let side = |nanos| Observation { nanos, ..Observation::default() };
            let ended = Ended {
                control_digest: Arc::new(names[2].clone()), sequence: 5, at: 8,
                control: Some(side(8)), candidate: Some(Arc::new(side(9))),
            };
            let emitted = Emitted::new(known, &request).ended(ended);
            let expected = Exchange {
                version: record::VERSION, route: names[0].clone(), received_at: 2, worker: 3, epoch: 4, sequence: 5,
                stage: "shadow".to_owned(), entered: 1, elapsed: 6_000, seeded: false, authoritative: "control".to_owned(),
                request: stored(&request, known), control: Some(side(8)), candidate: Some(side(9)),
                build: crate::BUILD.to_owned(), policy: names[1].clone(), control_digest: names[2].clone(),
            };
            prop_assert_eq!(emitted.record(), expected);
        }
    }
}
