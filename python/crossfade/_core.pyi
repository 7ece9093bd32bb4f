"""
The native half of crossfade: one seam's decisions, stages and records.
"""

from os import PathLike
from typing import Any, Final, SupportsFloat, SupportsIndex, final

from _typeshed import SupportsGetItem

__all__ = [
    "BUILD",
    "DEBUG",
    "PHONE_METADATA",
    "Bell",
    "Decision",
    "NativeSeam",
    "Pending",
    "Storage",
    "decode_call",
    "encode_hello",
    "encode_reply",
]

BUILD: Final[str]
"""
Digest of the Rust sources of this build.
"""

DEBUG: Final[bool]
"""
Whether this is a debug build.
"""

PHONE_METADATA: Final[str | None]
"""
Version of the metadata by which telephone numbers are read as dialled in a region, or None.
"""

@final
class Bell:
    """
    How an event loop hears that the store has answered. One for each loop.
    """
    def __new__(cls, /) -> Bell:
        """
        Raises OSError where the process has no descriptors left.
        """
    def fileno(self, /) -> int:
        """
        The descriptor that becomes readable; not to be read from.
        """
    def rung(self, /) -> list[int]:
        """
        The numbers of what was answered since the last call.
        """

@final
class Decision:
    """
    What the candidate made of one request. Immutable.
    """
    @property
    def body(self, /) -> bytes | None:
        """
        The rewritten body, or None where it goes on as it came.
        """
    @property
    def charges(self, /) -> list[tuple[str, bytes, int, int]]:
        """
        Charges whose true cost may be settled later: (limit, key, cost, microseconds since the epoch of the hit).
        """
    @property
    def code(self, /) -> str | None:
        """
        Why the request is invalid or unsupported, or the message of a failure; None when accepted or limited.
        """
    @property
    def field(self, /) -> str | None:
        """
        The field that was refused, or None.
        """
    def finish(self, /, failed: bool) -> None:
        """
        Gives the places back, once; `failed`: the request ended in a way that overload explains.
        """
    @property
    def headers(self, /) -> list[tuple[bytes, bytes]] | None:
        """
        The normalised headers in order, or None where they go on as they came.
        """
    @property
    def holds(self, /) -> bool:
        """
        Whether the request holds places in flight, until `finish` or until this decision is forgotten.
        """
    @property
    def kind(self, /) -> str:
        """
        `accepted`, `limited`, `invalid`, `unsupported` or `failed`.
        """
    @property
    def limit(self, /) -> str | None:
        """
        Name of the limit that refused, or None.
        """
    @property
    def limit_headers(self, /) -> list[tuple[bytes, bytes]]:
        """
        Headers that say what is left of the route's limits, where the client gets this answer: names and values.
        """
    @property
    def path(self, /) -> bytes | None:
        """
        The canonical path, or None where it goes on as it came.
        """
    @property
    def query(self, /) -> bytes | None:
        """
        The canonical query, or None where it goes on as it came.
        """
    @property
    def retry_after(self, /) -> int | None:
        """
        Whole seconds until a retry can succeed, or None.
        """
    @property
    def warnings(self, /) -> list[tuple[str, str | None]]:
        """
        What checks remarked that are rolled out as `warn`: (code, path of the field or None).
        """

@final
class NativeSeam:
    """
    One seam: policy, stages, limits and records. Usable from any thread, and after a fork. No method raises for what a
    request holds, and none lets a panic out.
    """
    def __new__(
        cls,
        /,
        *,
        policy_path: str | PathLike[str],
        text: str,
        state_directory: str | PathLike[str],
        socket_path: str | PathLike[str],
        capture_directory: str | PathLike[str] | None,
        phone_metadata: str | None = None,
    ) -> NativeSeam:
        """
        A seam by the policy in `text`, which came from the file `policy_path`.

        `phone_metadata` is the version of the metadata by which the service itself reads telephone numbers: where it
        is not this build's, rules with a region leave numbers to the control. `state_directory` holds the stage file.
        Exchanges are recorded below `capture_directory` if it is not None, and go to the sidecar at `socket_path`.
        Raises ValueError with every error of the policy.
        """
    def admit(self, /, scope: Any, body: Any, now: SupportsIndex) -> int:
        """
        Runs the candidate for one request at `now` (microseconds since the epoch) where the route's stage says so.

        Low four bits: 0 not run, 1 accepted unchanged, 2 accepted with something to tell, 3 refused, 4 unsupported,
        5 failed, 6 the store has to be asked for what is `pending`, 7 the same once the control has run and its hits
        are known; plus 16 the client gets the candidate's answer, 32 the control has to run, 64 the exchange is to be
        recorded, and 128 since this request more of the route's traffic is outside the grammar than its cap allows.
        """
    def counted_alone(
        self,
        /,
        limit: str,
        terms: tuple[str, SupportsIndex, SupportsIndex],
        key: str,
        cost: SupportsIndex,
        now: SupportsFloat | SupportsIndex,
        told: bool,
    ) -> None:
        """
        Notes that the control has hit a key at `now` with `cost`, and the candidate has not. `told`: its exchange says
        so.
        """
    def decision(self, /) -> Decision | None:
        """
        The last decision of this thread, copied, once; None when the candidate was not asked, or had nothing to say but
        "unchanged". Call it before anything else is awaited.
        """
    def flush(self, /, seconds: SupportsFloat | SupportsIndex) -> bool:
        """
        Writes out what waits for the capture and for the sidecar; waits at most `seconds`, and says whether all is
        written. For tests and the end of a process.
        """
    def go_on(
        self,
        /,
        pending: Pending,
        scope: Any,
        body: Any,
        now: SupportsIndex,
        charges: SupportsGetItem[
            int,
            tuple[str, SupportsGetItem[int, SupportsIndex], SupportsIndex, bool, SupportsFloat | SupportsIndex | None],
        ]
        | None = None,
    ) -> int:
        """
        Decides a request whose `pending` charges are answered; returns what `admit` does. `charges` are those that the
        control's limiter answered, as (limit, key, cost, granted, seconds until its reset or None), where the control
        ran first; None: the store's, and where it was not asked, the control judges alone.
        """
    def hand_over(self, /, count_of: Any) -> None:
        """
        Takes what gives the control's counts: called with a limit's name, its terms (strategy, amount, seconds), a key
        and the time in seconds since the epoch; returns None where they are not known. The first one stays.
        """
    def hands_over(self, /, now: SupportsFloat | SupportsIndex) -> bool:
        """
        Whether hits that the control makes at `now`, in seconds since the epoch, are to be told: mostly not.
        """
    def max_body(self, /, scope: Any) -> int | None:
        """
        The largest body in bytes that a route's decision needs, or None: a longer one is refused as it is.
        """
    def owed(
        self,
        /,
        limit: str,
        terms: tuple[str, SupportsIndex, SupportsIndex],
        key: str,
        now: SupportsFloat | SupportsIndex,
    ) -> Any:
        """
        What the candidate has counted alone for a key that the control is about to hit; None: nothing.
        """
    def pass_by(self, /, scope: Any, body: bytes | None, now: SupportsIndex) -> None:
        """
        Lets the candidate count a request that the control decides alone although the route is not `off`.

        `body`: what is there of it; None: nothing is known, and the candidate answers for nobody until that does not
        matter any more.
        """
    def peek(self, /, limit: str, key: bytes, now: SupportsIndex) -> tuple[int, float] | None:
        """
        What is left of a limit for a key at `now`, and when it resets in seconds since the epoch; None: the policy has
        no such limit. Waits for a store that is asked, without the GIL.
        """
    def pending(self, /) -> Pending | None:
        """
        What the last `admit` of this thread waits for, once: call it before anything else is awaited.
        """
    def place(self, /, scope: Any) -> int:
        """
        What to do with a request before its body is read: a sum of 1 (the seam decides), 2 (the exchange is to be
        recorded) and 4 (the store is awaited). 0: leave it alone; the control decides, and the candidate does not count
        it.
        """
    def problem_json(self, /, scope: Any) -> bool:
        """
        Whether a route's refusals are rendered as problem details instead of by the control.
        """
    def record(
        self,
        /,
        scope: Any,
        body: bytes | None,
        body_bytes: SupportsIndex,
        now: SupportsIndex,
        decision: Decision | None,
        control: Any | None,
    ) -> bool:
        """
        Records one exchange for each that wants it, the capture and the sidecar; drops it, counted, where there is no
        room or something is not as it should be. Never waits and never raises. Returns whether it is on its way.

        `body` is None where it was not kept; `control` is a `crossfade.Observation` or None.
        """
    def reset(self, /, limit: str, key: bytes) -> bool:
        """
        Forgets what a key has used of a limit. False: the policy has no such limit.
        """
    def route_of(self, /, scope: Any) -> str | None:
        """
        Name of the route that a scope belongs to, or None.
        """
    def routes(self, /) -> list[str]:
        """
        Names of the policy's routes, in its order.
        """
    def set_control(self, /, digest: str) -> None:
        """
        Takes what identifies the control: stages that were set for another one are held back.
        """
    def settle(
        self,
        /,
        limit: str,
        key: bytes,
        charged: SupportsIndex,
        at: SupportsIndex,
        cost: SupportsIndex,
        now: SupportsIndex,
    ) -> bool:
        """
        Corrects a charge of `charged` that was made at `at` to `cost`; both times in microseconds since the epoch.
        False: the policy has no such limit.
        """
    def status(self, /) -> dict[str, Any]:
        """
        What this process knows: generation of the stage file, routes held at `shadow` for another build or policy,
        unusable files met, failures, and per route its stage and counters.
        """
    def store(self, /) -> tuple[str, str, str]:
        """
        Where the policy counts: its URL, its scope (`worker`, `host` or `fleet`), and how many counters one key has.
        """

@final
class Pending:
    """
    A decision that the candidate began and that waits for the answers to its charges. Belongs to one request.
    """
    def ask(self, /, bell: Bell | None) -> int | None:
        """
        Asks the store; never waits. Returns the number by which `bell` names the answers, or None where they are there.
        """
    @property
    def for_both(self, /) -> bool:
        """
        Whether the candidate's hits are the control's too: they count in the same counters.
        """
    def granted(self, /) -> list[tuple[str, bytes, int, bool]] | None:
        """
        What the candidate's hits were answered, as (limit, key, cost, granted), for a control that must not make them
        again; None where it counts for itself.
        """
    def ready(self, /) -> bool:
        """
        Whether the answers are there; after the store's timeout they always are.
        """
    def seconds(self, /) -> float:
        """
        Seconds until the answers are there at the latest.
        """
    def wait(self, /) -> None:
        """
        Waits for the answers, at most the store's timeout. Others run meanwhile; not for an event loop.
        """

@final
class Storage:
    """
    Counts for the strategies of the library `limits`, which calls these methods as it calls those of its own storages.

    Without a name in this process's memory, where `max_keys` is the most keys that each strategy has counts for. With
    one in a table for all processes of this user on this host, made when it is not there: `max_keys` is the most keys
    that it counts, `ring_bytes` what it has for entries of moving windows, and `on_full` what a key gets that finds no
    room: "share" (it is counted together with others), "admit" or "reject". Raises OSError where the table cannot be
    used.

    Time is what `time.time()` says, so whoever sets that sets this too. No method releases the interpreter: each takes
    less than switching threads would.
    """
    def __new__(
        cls,
        /,
        *,
        max_keys: SupportsIndex,
        name: str | None = None,
        ring_bytes: SupportsIndex = 0,
        on_full: str = "share",
    ) -> Storage: ...
    def acquire_entry(self, /, key: str, limit: int, expiry: int, amount: int = ...) -> bool:
        """
        Takes `amount` entries of a moving window if `limit` allows it, and gives whether it did.

        Raises ValueError for a limit above what can be kept, because each entry is: 1,048,576, or in a shared table
        4,096 and what `ring_bytes` has room for.
        """
    def acquire_sliding_window_entry(self, /, key: str, limit: int, expiry: int, amount: int = ...) -> bool:
        """
        Adds to a sliding window if `limit` allows it, and gives whether it did.
        """
    def check(self, /) -> bool:
        """
        Whether counts can be kept.
        """
    def clear(self, /, key: str) -> None:
        """
        Forgets a key's counter and moving window.
        """
    def clear_sliding_window(self, /, key: str, expiry: int) -> None:
        """
        Forgets a sliding window.
        """
    @property
    def evicted_live(self, /) -> int:
        """
        How many counts were given up while they still counted, because there were more than `max_keys`; by all
        processes where the table is shared.
        """
    def get(self, /, key: str) -> int:
        """
        A counter.
        """
    def get_expiry(self, /, key: str) -> float:
        """
        When a counter is over, in seconds since the epoch; the present, if it is over.
        """
    def get_moving_window(self, /, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """
        Start of a moving window, in seconds since the epoch, and how many entries it has.
        """
    def get_sliding_window(self, /, key: str, expiry: int) -> tuple[int, float, int, float]:
        """
        Previous count, seconds that it still weighs, current count, seconds that it is kept.
        """
    def held(self, /) -> tuple[list[Any], list[Any], list[Any]]:
        """
        All counts of this process's memory, as plain values to pickle; of a shared table nothing: whoever unpickles
        joins it.
        """
    def incr(self, /, key: str, expiry: float, amount: int = ...) -> int:
        """
        Adds to a counter, and gives what it is then. At nothing it begins, and lasts `expiry` seconds.
        """
    @property
    def opened(self, /) -> str | None:
        """
        How a shared table came to be open: "joined", "made", or why one that was there was replaced by an empty one:
        "boot" (the machine was started again), "version" (another crossfade wrote it) or "sizes" (it has another
        `max_keys` or `ring_bytes`). None for this process's memory.
        """
    def reset(self, /) -> int:
        """
        Forgets everything, of all processes where the table is shared, and gives how many keys that were; in this
        process's memory those of counters or those of moving windows, whichever are more.
        """
    def take(self, /, held: tuple[list[Any], list[Any], list[Any]]) -> None:
        """
        Takes over what `held` gave.
        """

def decode_call(payload: bytes) -> tuple[str, int, dict[str, Any], bytes]:
    """
    Reads the payload of a call: `(route, received_at, scope, body)`, with `received_at` in microseconds and `scope` an
    ASGI HTTP scope. A body that was not kept is empty.

    Raises ValueError for bytes that are no call.
    """

def encode_hello(*, control_digest: str, routes: SupportsGetItem[int, str], error: str | None) -> bytes:
    """
    The first frame of a control worker: what it can run, or why it cannot.

    Returns the whole frame, length included.
    """

def encode_reply(observation: Any | None) -> bytes:
    """
    The reply to a call; None: the route has no control. Returns the whole frame, length included.
    """
