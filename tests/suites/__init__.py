"""Public conformance suites, run through the candidate and the oracle.

Each suite is a file here; docs/conformance.md holds what came out. `python tests/suites/table.py --write` writes it.
"""

from suites import email_syntax, json_test_suite, wpt

SUITES = (
    *json_test_suite.SUITES,
    *wpt.SUITES,
    *email_syntax.SUITES,
)
