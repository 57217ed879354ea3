"""Reads a report as others would: its HTML by the parser that browsers follow, strictly; its CSV and
JSON by Python's own modules. Prints what it found as JSON.

    read_report.py html|csv|json FILE

Of a page it also checks what a reader without eyes, a mouse or a network needs.
"""

import csv
import json
import sys

import html5lib

LOADS = {"script", "link", "img", "iframe", "object", "embed", "audio", "video", "base", "form", "image", "use"}


def name(element):
    return element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""


def words(element):
    return " ".join("".join(element.itertext()).split())


def title(picture):
    return next(words(child) for child in picture if name(child) == "title")


def must(so, what):
    if not so:
        sys.exit(f"the page is not right: {what}")


def page(path):
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    # strict: the first thing that the standard calls an error ends it.
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    elements = [element for element in tree.iter() if name(element)]
    by_id = {}
    for element in elements:
        tag = name(element)
        must(tag not in LOADS, f"<{tag}> may load something")
        for attribute, value in element.attrib.items():
            must(not attribute.startswith("on"), f"{attribute} on <{tag}>")
            must(attribute not in ("src", "srcset", "style", "data", "xlink:href"), f"{attribute} on <{tag}>")
            if attribute == "href":
                must(value.startswith("#"), f"a link to {value}")
        if "id" in element.attrib:
            must(element.attrib["id"] not in by_id, f"two elements have the id {element.attrib['id']}")
            by_id[element.attrib["id"]] = element
    for element in elements:
        if element.attrib.get("href", "#")[1:]:
            must(element.attrib["href"][1:] in by_id, f"{element.attrib['href']} leads nowhere")
        for target in element.attrib.get("aria-labelledby", "").split():
            must(target in by_id, f"nothing has the id {target}")
        if name(element) == "svg":
            must(
                element.attrib.get("aria-hidden") == "true"
                or element.attrib.get("role") == "img" and any(name(child) == "title" for child in element),
                "a picture says nothing to those who do not see it",
            )
    root = tree if name(tree) == "html" else tree.find("html")
    must(root.attrib.get("lang") == "en", "its language is not named")
    for tag in ("main", "h1", "header", "nav", "footer"):
        must(sum(name(element) == tag for element in elements) == 1, f"there must be one <{tag}>")
    body = next(element for element in elements if name(element) == "body")
    skip = list(body)[0]
    must(name(skip) == "a" and name(by_id[skip.attrib["href"][1:]]) == "main", "the first link skips to the content")
    level = 0
    for element in elements:
        if name(element) in ("h1", "h2", "h3", "h4"):
            now = int(name(element)[1])
            must(now <= level + 1, f"a heading of level {now} after one of level {level}")
            level = now
    tables = {}
    for table in (element for element in elements if name(element) == "table"):
        caption = table.find("caption")
        must(caption is not None, "a table has no caption")
        heads = [th for th in table.iter("th")]
        must(all("scope" in th.attrib for th in heads), "a header cell does not say what it is the header of")
        columns = [words(th) for th in table.find("thead").iter("th")]
        rows = [[words(cell) for cell in tr] for tr in table.find("tbody").iter("tr")]
        must(all(len(row) == len(columns) for row in rows), f"rows of {words(caption)} are not as long as its header")
        tables.setdefault(words(caption), []).append({"columns": columns, "rows": rows})
    return {
        "title": words(next(e for e in elements if name(e) == "title")),
        "headline": words(next(e for e in elements if name(e) == "h1")),
        "text": words(body),
        "tables": tables,
        "charts": [title(e) for e in elements if name(e) == "svg" and e.attrib.get("class") == "chart"],
    }


def main():
    kind, path = sys.argv[1:]
    if kind == "html":
        found = page(path)
    elif kind == "csv":
        with open(path, encoding="utf-8", newline="") as file:
            raw = file.read()
        must(all(line.endswith("\r") for line in raw.split("\n")[:-1]), "lines end with CR LF")
        found = list(csv.DictReader(raw.splitlines(keepends=True), strict=True))
        must(all(None not in row and None not in row.values() for row in found), "a line has more or fewer cells")
    else:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    json.dump(found, sys.stdout)


main()
