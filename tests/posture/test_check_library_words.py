#!/usr/bin/env python3
"""Lint for the words of the check library: what people read must be complete, short and plain.

usage: test_check_library_words.py JUDGE LIBRARY_DIR ROWS_DIR CHECKS_PAGE     (JUDGE: the program wording_judge)
       test_check_library_words.py --table LIBRARY_DIR      prints the table of docs/checks.md

Needs python3-yaml. Prints one line for each thing that is wrong, then "N passed, N failed".
"""
import json
import os
import re
import sys

import yaml

import wording

PLATFORMS = ("macos", "windows", "linux")
PLATFORM_NAMES = {"macos": "macOS", "windows": "Windows", "linux": "Linux"}
REQUIRED = ("id", "title", "what", "why", "fix", "minutes", "needs_admin", "restart", "severity", "collects",
            "osquery", "pass", "interval", "fresh_for")
OPTIONAL = ("unknown_if", "saw", "second_source")
SEVERITIES = ("minor", "normal", "high", "urgent")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

MAX_STEPS = 7
MAX_GRADE = 7.0        # title and why
MAX_GRADE_STEPS = 8.0  # what is wrong, what is collected, and the steps of one platform together


def durations(text):
    match = re.fullmatch(r"([1-9][0-9]*)([smhd])", str(text))
    return int(match.group(1)) * SECONDS[match.group(2)] if match else None


class Lint:
    def __init__(self, judge=None):
        self.judge = judge
        self.passed = 0
        self.failed = 0

    def expect(self, holds, where, message):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"{where}: {message}")


def strict_load(path, lint):
    """Loads one file; refuses anchors, aliases, tags and duplicate keys."""
    where = os.path.basename(path)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    lint.expect(len(text.encode()) < 16384, where, "larger than 16 KiB")
    plain = True
    for event in yaml.parse(text):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            plain = False
        if getattr(event, "tag", None) and not getattr(event, "implicit", True):
            plain = False
    lint.expect(plain, where, "uses an anchor, an alias or a tag")

    def duplicates(node):
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            return len(keys) != len(set(keys)) or any(duplicates(value) for _, value in node.value)
        return isinstance(node, yaml.SequenceNode) and any(map(duplicates, node.value))

    lint.expect(not duplicates(yaml.compose(text)), where, "a key comes twice")
    return yaml.safe_load(text)


def lint_text(lint, where, text, limit):
    lint.expect(isinstance(text, str) and text.strip() == text and text != "", where, "must be a text")
    if not isinstance(text, str):
        return
    lint_words(lint, where, text, limit)


def lint_words(lint, where, text, limit=None):
    findings = lint.judge(text, limit)["findings"]
    lint.expect(not findings, where, f"{'; '.join(findings)}: {text}")


def by_platform(value, platform):
    return value.get(platform) if isinstance(value, dict) else value


def lint_check(lint, path, check):
    where = os.path.basename(path)
    lint.expect(isinstance(check, dict), where, "is not a mapping")
    lint.expect(all(key in check for key in REQUIRED), where,
                f"lacks {', '.join(key for key in REQUIRED if key not in check)}")
    lint.expect(all(key in REQUIRED + OPTIONAL for key in check), where,
                f"has {', '.join(key for key in check if key not in REQUIRED + OPTIONAL)}")
    if not all(key in check for key in REQUIRED):
        return
    lint.expect(check["id"] == where.removesuffix(".yaml"), where, "the id is not the file name")
    lint.expect(re.fullmatch(r"[a-z][a-z0-9-]{1,39}", check["id"]) is not None, where, "the id has odd characters")
    lint.expect(check["severity"] in SEVERITIES, where, "unknown severity")
    lint.expect(type(check["minutes"]) is int and 1 <= check["minutes"] <= 60, where, "minutes must be 1 to 60")
    for key in ("needs_admin", "restart"):
        lint.expect(type(check[key]) is bool, where, f"{key} must be true or false")
    interval, fresh_for = durations(check["interval"]), durations(check["fresh_for"])
    lint.expect(interval is not None and 900 <= interval <= 86400, where, "interval must lie between 15m and 1d")
    lint.expect(interval is not None and fresh_for is not None and fresh_for >= 2 * interval, where,
                "fresh_for must be at least two intervals")

    lint_text(lint, f"{where}: title", check["title"], MAX_GRADE)
    lint.expect(not check["title"].endswith("."), where, "a title ends without a full stop")
    lint_text(lint, f"{where}: why", check["why"], MAX_GRADE)
    lint.expect(lint.judge(check["why"])["sentences"] <= 2, where, "why has more than 2 sentences")
    lint_text(lint, f"{where}: what", check["what"], MAX_GRADE_STEPS)
    lint.expect(lint.judge(check["what"])["sentences"] <= 2, where, "what has more than 2 sentences")
    lint_text(lint, f"{where}: collects", check["collects"], MAX_GRADE_STEPS)

    platforms = check["osquery"]
    lint.expect(isinstance(platforms, dict) and platforms and all(name in PLATFORMS for name in platforms), where,
                "osquery must name platforms")
    lint.expect(list(platforms) == [name for name in PLATFORMS if name in platforms], where,
                "platforms come as macos, windows, linux")
    lint.expect(isinstance(check["fix"], dict) and list(check["fix"]) == list(platforms), where,
                "fix must cover exactly the platforms of osquery")
    for key in ("pass",) + OPTIONAL:
        value = check.get(key)
        if isinstance(value, dict):
            lint.expect(list(value) == list(platforms), where, f"{key} must cover exactly the platforms of osquery")
    for platform, steps in check["fix"].items():
        place = f"{where}: fix.{platform}"
        lint.expect(isinstance(steps, list) and 1 <= len(steps) <= MAX_STEPS, place, f"must have 1 to {MAX_STEPS} steps")
        for number, step in enumerate(steps, 1):
            lint.expect(isinstance(step, str) and re.search(r"^[A-Z].*\.$", step) is not None, f"{place}[{number}]",
                        "a step is a sentence")
            lint_words(lint, f"{place}[{number}]", step)
        level = lint.judge(" ".join(steps))["grade"]
        lint.expect(level <= MAX_GRADE_STEPS, place, f"grade {level:.1f} is above {MAX_GRADE_STEPS:.0f}")
    for platform in platforms:
        saw = by_platform(check.get("saw"), platform)
        if saw is not None:
            lint_words(lint, f"{where}: saw", re.sub(r"\{[a-z_]+\}", "name", saw))


def lint_rows(lint, folder, checks):
    """Every check and platform has rows for pass, fail and, where it can be, unknown."""
    names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    lint.expect(names == sorted(f"{check['id']}.json" for check in checks), folder, "one file of rows for each check")
    for check in checks:
        path = os.path.join(folder, f"{check['id']}.json")
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)
        titles = [(row["platform"], row["name"]) for row in rows]
        lint.expect(len(titles) == len(set(titles)), path, "two rows have one name")
        for row in rows:
            lint.expect(set(row) == {"check", "platform", "name", "rows", "expect"}, path, f"{row['name']}: keys")
            lint.expect(row["check"] == check["id"] and row["platform"] in check["osquery"], path,
                        f"{row['name']}: wrong check or platform")
            lint.expect(all(isinstance(cell, str) for line in row["rows"] for cell in line.values()), path,
                        f"{row['name']}: every value is a text, as the agent sends it")
        for platform in check["osquery"]:
            outcomes = {row["expect"] for row in rows if row["platform"] == platform}
            wanted = {"pass", "fail"}
            if by_platform(check.get("unknown_if"), platform):
                wanted.add("unknown")
            lint.expect(wanted <= outcomes <= wanted | {"unknown"}, path,
                        f"{platform} lacks {', '.join(sorted(wanted - outcomes))}")


def table(checks):
    lines = ["| check | title | platforms | severity | minutes | what leaves the device |",
             "| --- | --- | --- | --- | --- | --- |"]
    for check in checks:
        platforms = ", ".join(PLATFORM_NAMES[name] for name in check["osquery"])
        lines.append(f"| `{check['id']}` | {check['title']} | {platforms} | {check['severity']} | {check['minutes']} "
                     f"| {check['collects']} |")
    return "\n".join(lines)


def lint_the_lint(lint):
    """The lint itself must be able to fail."""
    lint.expect(lint.judge("The disk is encrypted")["grade"] < MAX_GRADE, "lint", "a plain title is too hard")
    lint.expect(lint.judge("Unauthorised individuals could potentially exfiltrate confidential information.")["grade"] > 12, "lint",
                "a hard sentence counts as plain")
    for text, why in (("Your laptop is non-compliant.", "banned"), ("Do it NOW.", "capitals"), ("Done!", "mark"),
                      (" ".join(["word"] * 21) + ".", "long")):
        probe = Lint(lint.judge)
        quiet, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")
        try:
            lint_text(probe, "probe", text, MAX_GRADE)
        finally:
            sys.stdout.close()
            sys.stdout = quiet
        lint.expect(probe.failed > 0, "lint", f"does not notice: {why}")


def load_all(folder, lint):
    names = sorted(name for name in os.listdir(folder) if name.endswith(".yaml"))
    return [(os.path.join(folder, name), strict_load(os.path.join(folder, name), lint)) for name in names]


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--table":
        print(table([check for _, check in load_all(arguments[1], Lint())]))
        return 0
    if len(arguments) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    judge, library, rows, page = arguments
    lint = Lint(wording.Judge(judge))
    lint_the_lint(lint)
    loaded = load_all(library, lint)
    lint.expect(len(loaded) >= 24, library, "fewer than 24 checks")
    for path, check in loaded:
        lint_check(lint, path, check)
    checks = [check for _, check in loaded]
    lint_rows(lint, rows, checks)
    with open(page, encoding="utf-8") as file:
        lint.expect(table(checks) in file.read(), page, "the table is not the one that --table prints")
    print(f"{lint.passed} passed, {lint.failed} failed")
    return 1 if lint.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
