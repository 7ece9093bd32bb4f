"""What Envoy documents of paths, as cases of our own: no package of a registry holds Envoy's tests.

Each case says what Envoy makes of a path with the options named in front of it: `normalize` is normalize_path, the RFC
3986 normalisation of its connection manager; `merge` is merge_slashes beside it; `uhv` is the path normalisation of its
header validator, which merges slashes unless told not to (`uhv apart`) and keeps encoded slashes unless told not to
(`uhv reject`). An empty result is a refused request.
"""

from __future__ import annotations

from collections.abc import Iterator

from suites import asked
from suites.suite import Case, Exclusion, Suite, invalid

TARGETS = {
    "normalize": 'merge_slashes = false\nbackslash = "slash"\nencoded_reserved = "keep"',
    "merge": 'backslash = "slash"\nencoded_reserved = "keep"',
    "uhv": 'dots = "strict"\nencoded_reserved = "keep"',
    "uhv apart": 'merge_slashes = false\ndots = "strict"\nencoded_reserved = "keep"',
    "uhv reject": 'dots = "strict"\nencoded_special = "outside"\n'
    'encoded_reserved = ["%21", "%24", "%26", "%27", "%28", "%29", "%2A", "%2B", "%2C", "%3B", "%3A", "%3D", "%40"]',
}

PATHS = """
normalize   /                       /
normalize   /shop/items             /shop/items
normalize   /Shop/Items             /Shop/Items
normalize   /shop/cart/../items     /shop/items
normalize   /shop/./items           /shop/items
normalize   /shop/cart/../../items  /items
normalize   /../shop                /shop
normalize   /shop/../../../items    /items
normalize   /./shop                 /shop
normalize   /shop/%2e%2e/items      /items
normalize   /shop/%2E%2e/items      /items
normalize   /shop/.%2e/items        /items
normalize   /shop/%2e/items         /shop/items
normalize   /shop\\items             /shop/items
normalize   /shop\\..\\items          /items
normalize   /shop/.../items         /shop/.../items
normalize   /shop/.well-known       /shop/.well-known
normalize   /shop/items/            /shop/items/
normalize   /shop//items            /shop//items
normalize   /shop/items/..          /shop/
normalize   /shop/items/.           /shop/items/
normalize   /shop/%5c%25            /shop/%5c%25
normalize   /shop%2fitems           /shop%2fitems
normalize   /shop%2Fitems           /shop%2Fitems
normalize   /%c0%ae                 /%c0%ae
normalize   shop/items              /shop/items
normalize   /shop/%00items
normalize   /shop/%%0000
merge       //shop                  /shop
merge       /shop//items            /shop/items
merge       /shop////items          /shop/items
merge       /shop/items//           /shop/items/
merge       /shop//../items         /shop/items
uhv         /                       /
uhv         /shop/../items          /items
uhv         /shop/..                /
uhv         /shop/.                 /shop/
uhv         /shop/%2e./items        /items
uhv         /.shop/..items/a.b/c..d /.shop/..items/a.b/c..d
uhv         ///shop///items//       /shop/items/
uhv         /%e9                    /%E9
uhv         /%7eshop                /~shop
uhv         /shop%2fitems%5cnew     /shop%2Fitems%5Cnew
uhv         /..
uhv         /shop/../../items
uhv         shop
uhv         ./
uhv         /shop%Z0
uhv         /shop%A
uhv apart   //shop//items//         //shop//items//
uhv reject  /shop%2fitems
uhv reject  /shop%2Fitems
uhv reject  /shop%5citems
uhv reject  /shop%3aitems           /shop%3Aitems
"""


def cases() -> Iterator[Case]:
    for line in PATHS.strip().splitlines():
        options, raw, result = line[:12].strip(), line[12:36].strip(), line[36:].strip().encode()
        question = asked.path(TARGETS[options], raw.encode())
        yield Case(
            f"{options} {raw}",
            (question,),
            lambda answers, question=question, result=result: (
                asked.part(question, answers[0], "path") == result if result else invalid(answers)
            ),
        )


SUITES = (
    Suite("Envoy paths", ("ours",), "the same path", cases, (
        Exclusion(
            r"normalize /shop/items/\.\.?|uhv /shop/\.",
            "accepted",
            "a last dot segment leaves no slash, as in `posixpath.normpath`",
        ),
        Exclusion(
            r"normalize /(shop/%5c%25|shop%2fitems|%c0%ae)",
            "accepted",
            "triplets that stay are written in upper case, as by Envoy's own header validator",
        ),
        Exclusion(
            "normalize /shop/%00items",
            "accepted",
            "an encoded NUL is refused with `encoded_special = \"outside\"`, together with `%23 %25 %3F %5C`",
        ),
        Exclusion(
            "merge /shop//../items",
            "accepted",
            "slashes are merged before `..` takes a segment, as by Envoy's own header validator",
        ),
        Exclusion(
            r"\w+ (shop|\./).*",
            "no route",
            "a target that does not begin with a slash matches no route and is passed through",
        ),
    )),
)  # fmt: skip
