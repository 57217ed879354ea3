"""Reads a metrics file as others would: by the parsers of Prometheus' own Python client, for OpenMetrics and for the text
format that the node exporter takes. Prints the samples, which are to be the same for both, as JSON: a list of name, labels
and value.

    read_metrics.py FILE
"""

import json
import sys

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

# What the node exporter's own parser, in Go, knows; the one in Python is not as strict.
TYPES = {"counter", "gauge", "histogram", "summary", "untyped"}


def samples(families):
    return [[s.name, s.labels, s.value] for family in families for s in family.samples]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    for line in text.splitlines():
        words = line.split(" ")
        if words[:2] == ["#", "TYPE"] and words[3] not in TYPES:
            raise SystemExit(f"the node exporter refuses the whole file for: {line}")
    one = list(openmetrics.text_string_to_metric_families(text))
    other = list(parser.text_string_to_metric_families(text))
    if any(sample.timestamp for family in one for sample in family.samples):
        raise SystemExit("the node exporter refuses the whole file for its timestamps")
    if samples(one) != samples(other):
        raise SystemExit("the two formats do not come to the same")
    print(json.dumps(samples(one)))


main()
