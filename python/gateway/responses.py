"""What a client reads when the gateway itself answers."""

from starlette.responses import JSONResponse

from gateway.refusals import InvalidRequest, RateLimited


def rate_limited(refusal: RateLimited) -> JSONResponse:
    return JSONResponse(
        {"error": "rate_limited", "limit": str(refusal.limit)},
        status_code=429,
        headers={"Retry-After": str(refusal.retry_after)},
    )


def invalid_request(refusal: InvalidRequest) -> JSONResponse:
    return JSONResponse({"error": refusal.code, "field": refusal.field}, status_code=refusal.status)


def no_backend(status: int) -> JSONResponse:
    return JSONResponse({"error": "no_backend"}, status_code=status)
