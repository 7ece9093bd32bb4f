"""Public conformance suites, run through the candidate and the oracle.

Each suite is a file here; docs/conformance.md holds what came out. `python tests/suites/table.py --write` writes it.
"""

from suites import (
    email_syntax,
    envoy_paths,
    iso_codes,
    jcs,
    json_schema,
    json_test_suite,
    phones,
    unicode_files,
    wpt,
    wpt_urls,
)

SUITES = (
    *json_test_suite.SUITES,
    *jcs.SUITES,
    *unicode_files.SUITES,
    *wpt.SUITES,
    *wpt_urls.SUITES,
    *envoy_paths.SUITES,
    *json_schema.SUITES,
    *email_syntax.SUITES,
    *phones.SUITES,
    *iso_codes.SUITES,
)
