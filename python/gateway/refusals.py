"""The two ways in which the hot path says no."""

from limits import RateLimitItem


class RateLimited(Exception):
    """Somebody asked too often."""

    def __init__(self, limit: RateLimitItem, retry_after: int) -> None:
        super().__init__(limit, retry_after)
        self.limit = limit
        self.retry_after = retry_after


class InvalidRequest(Exception):
    """The request itself is wrong; `field` names the rule's place in the body where there is one."""

    def __init__(self, status: int, code: str, field: str | None) -> None:
        super().__init__(status, code, field)
        self.status = status
        self.code = code
        self.field = field
