"""The oracle: every operation in plain standard-library Python, written from docs/policy.md and its chapters alone.

It is exact and slow. Where it and the candidate differ, the chapter says who is wrong; where the chapter does not say,
the chapter is wrong.
"""

from reference.answer import Answer, Checks, Outside, Refused
from reference.decide import admit
from reference.limits import Store
from reference.policy import Policy
from reference.request import Request

__all__ = ["Answer", "Checks", "Outside", "Policy", "Refused", "Request", "Store", "admit"]
