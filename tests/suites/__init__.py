"""Public conformance suites, run through the candidate and the oracle.

Each suite is a file here; docs/conformance.md holds what came out, and `python tests/suites/table.py --write` writes it.
"""

from suites import json_test_suite

SUITES = (*json_test_suite.SUITES,)
