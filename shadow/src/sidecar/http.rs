//! `/metrics`, `/healthz` and `/readyz`, for whoever scrapes and probes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Error;
use super::metrics::Metrics;

/// Connections at a time: a scraper, a probe and a person, with room.
const CONNECTIONS: usize = 32;

/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long one connection is served at most.
const CONNECTION: Duration = Duration::from_secs(60);

/// The largest request line and headers together.
const HEAD_BYTES: usize = 16 << 10;

/// Listens at `address`; port 0 is any.
///
/// # Errors
///
/// Somebody else does.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|error| Error::Listen(address, error))
}

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let metrics = Arc::clone(&metrics);
                tokio::spawn(async move {
                    converse(stream, metrics).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(event = "accept_failed", %error);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, metrics: Arc<Metrics>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer(&request, &metrics);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        // Without a timer the time for headers is no limit at all.
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // A client that goes away early is its own affair.
    let _ = timeout(CONNECTION, connection).await;
}

fn answer(request: &Request<Incoming>, metrics: &Metrics) -> Response<Full<Bytes>> {
    let plain = "text/plain; charset=utf-8";
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, Metrics::content_type(), metrics.text()),
        (&Method::GET | &Method::HEAD, "/healthz") => (StatusCode::OK, plain, b"alive\n".to_vec()),
        (&Method::GET | &Method::HEAD, "/readyz") => match metrics.ready.get() {
            1 => (StatusCode::OK, plain, b"ready\n".to_vec()),
            _ => (StatusCode::SERVICE_UNAVAILABLE, plain, b"what is received cannot be written down\n".to_vec()),
        },
        (_, "/metrics" | "/healthz" | "/readyz") => (StatusCode::METHOD_NOT_ALLOWED, plain, b"GET\n".to_vec()),
        _ => (StatusCode::NOT_FOUND, plain, b"/metrics /healthz /readyz\n".to_vec()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
