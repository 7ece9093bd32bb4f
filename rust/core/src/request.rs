//! What a decision may look at: borrowed bytes, nothing decoded.

/// One request at the seam. All parts are the client's own bytes.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Method as sent, e.g. `GET`. Case matters (RFC 9110 §9.1).
    pub method: &'a [u8],
    /// Path before any decoding, without the query (ASGI `raw_path`).
    pub raw_path: &'a [u8],
    /// Query without the `?`; empty when there is none.
    pub query: &'a [u8],
    /// Header names and values in the order received. Names may be of any case.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// Address of the connection's peer as text, if known.
    pub peer: Option<&'a str>,
    /// The whole body; empty when there is none.
    pub body: &'a [u8],
    /// Values that Python computed for this request, by name (`given:NAME` in a key or a cost).
    pub given: &'a [(&'a str, &'a str)],
}

impl<'a> Request<'a> {
    /// First value of the header `name` (ASCII lower-case), compared without case.
    pub fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.headers_named(name).next()
    }

    /// All values of the header `name` (ASCII lower-case), in order.
    pub fn headers_named<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let headers = self.headers;
        headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|&(_, value)| value)
    }

    /// The value that Python computed under `name`.
    pub fn given(&self, name: &str) -> Option<&'a str> {
        self.given.iter().find(|(known, _)| *known == name).map(|&(_, value)| value)
    }
}
