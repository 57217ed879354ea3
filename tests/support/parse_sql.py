#!/usr/bin/env python3
"""A parser that is not ours, sqlfluff, reads statements of other databases.

Standard input: a JSON list of [dialect, statement]. Standard output: a JSON list with what it does not
understand of each, or null. Nothing is executed.
"""

import functools
import json
import sys

from sqlfluff.core import FluffConfig, Linter


@functools.lru_cache(maxsize=None)
def linter(dialect):
    return Linter(config=FluffConfig(overrides={"dialect": dialect}))


def complaint(dialect, statement):
    parsed = linter(dialect).parse_string(statement)
    if parsed.tree is None:
        return "no tree"
    unknown = next(parsed.tree.recursive_crawl("unparsable"), None)
    if unknown is not None:
        return "does not understand: " + unknown.raw[:200]
    return "; ".join(str(violation) for violation in parsed.violations) or None


json.dump([complaint(*pair) for pair in json.load(sys.stdin)], sys.stdout)
