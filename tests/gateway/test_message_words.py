#!/usr/bin/env python3
"""Lint for what people read outside the check library: the words of messages, pages and Slack answers, taken from the sources that write them.

usage: test_message_words.py JUDGE SOURCE_DIR [--list]     (JUDGE: the program wording_judge)

Takes every string of the files below that reads like words, without markup, formats and what is for admins (errors, logs), and holds it to the same rules as
the check library: no banned word, no capitals, no exclamation mark, at most 20 words a sentence, a reading grade that a child of twelve follows.
Prints one line for each thing that is wrong, then "N passed, N failed". --list prints the texts instead.
"""
import glob
import html
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "posture"))
import test_check_library_words as check_words  # noqa: E402
import wording  # noqa: E402

FILES = ("connectors/notify/nudge_words.c", "connectors/notify/nudge_text.c", "connectors/notify/nudge_mail.c", "gateway/pages/*.c", "gateway/slack/*.c", "gateway/login_pages.c",
         "gateway/login_answer.c", "gateway/doors/webauthn_login.c", "gateway/onboarding/*.c")
MAX_GRADE = 8.0          # of one text of more than a few words
FEW_WORDS = 12           # a reading grade of less says nothing: one long name decides it
TEXTS_LEAST = 150        # fewer would mean that the texts are no longer found
FOR_ADMINS = ("slack_app.c",)  # help of options
# Who is spoken to is an admin or a program: the call that a string stands in.
FOR_OTHERS = re.compile(r"\b(err_set|err_wrap|log_event|from_json_refuse|yaml_mistake|yaml_warning|assert|LOG_STR|change_event|problem_status_answer|SECRET_\w+|say_error|"
                        r"to_json_key|to_json_member_\w+|from_json_member|response_header|request_header)\s*\($")

STRING = r'"(?:\\.|[^"\\\n])*"'
TOKENS = re.compile(r'/\*.*?\*/|//[^\n]*|^\s*#[^\n]*|(?P<char>\'(?:\\.|[^\'\\])\')|(?P<string>%s(?:\s*%s)*)' % (STRING, STRING), re.S | re.M)


def unescape(literals):
    parts = re.findall(STRING, literals)
    text = "".join(part[1:-1] for part in parts)
    raw = re.sub(r"\\x([0-9a-fA-F]{2})", lambda m: chr(int(m.group(1), 16)), text)
    return re.sub(r'\\([nrt"\\])', lambda m: {"n": "\n", "r": "", "t": " ", '"': '"', "\\": "\\"}[m.group(1)], raw)


def enclosing_call(source, at):
    """The text up to the innermost open parenthesis before `at`, on the same statement."""
    depth = 0
    for i in range(at - 1, max(-1, at - 1500), -1):
        c = source[i]
        if c == ")":
            depth += 1
        elif c == "(":
            if depth == 0:
                return source[max(0, i - 60):i + 1]
            depth -= 1
        elif c in ";{}" and depth == 0:
            return ""
    return ""


def texts_of(path):
    with open(path, encoding="utf-8") as file:
        source = file.read()
    found = []
    for match in TOKENS.finditer(source):
        if not match.group("string") or FOR_OTHERS.search(enclosing_call(source, match.start())):
            continue
        line = source.count("\n", 0, match.start()) + 1
        found.extend((line, text) for text in readable(unescape(match.group("string"))))
    return found


def readable(text):
    """What of a string is words for people: markup apart, formats as one short noun."""
    text = re.sub(r"<(style|script)\b.*?</\1>", " ", text, flags=re.S)
    pieces = re.split(r"</?(?:p|h[1-6]|li|ul|ol|div|form|button|a|td|th|tr|table|dt|dd|dl|section|summary|details|label|title|main|header|footer|nav|pre|head|body|html)\b[^>]*>|\n", text)
    for piece in pieces:
        piece = html.unescape(re.sub(r"<[^>]*>", "", piece))
        piece = re.sub(r"%[-+ 0#]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|j)?[a-zA-Z]|\{\}", "name", piece).replace("%%", "%").strip()
        if re.search(r"[a-z]{2,} [a-z]", piece) and not re.search(r"[<>{}=;]|://|^[a-z_]+(?:\.[a-z_]+)+$|[a-z_]+:[a-z_-]+;", piece):
            yield piece


def lint_texts(lint, texts):
    for where, text in texts:
        few = lint.judge(text)["words"] < FEW_WORDS
        check_words.lint_words(lint, where, text, None if few else MAX_GRADE)


def lint_the_lint(lint):
    """It must be able to find texts, leave out what is not one, and fail."""
    rows = (("<p class=\"lead\">One thing to fix.</p>\n<p>Then go on.</p>", ["One thing to fix.", "Then go on."]), ("person:%.*s", []), ("Please do this by %s.", ["Please do this by name."]),
            ("max-width: 40em; margin: 0", []), ("notice.reserved", []), ("https://posture.acme.example/a b", []), ("<strong>To fix</strong> on {}", ["To fix on name"]))
    for source, wanted in rows:
        lint.expect(list(readable(source)) == wanted, "lint", "reads %r as %r" % (source, list(readable(source))))
    for bad in ("Your laptop is not compliant with the policy.", "Do it NOW or else.", "You are done!", "You must immediately restart your laptop.",
                "This is one sentence that goes on and on and on and on until nobody knows any more what it was about in the first place.",
                "Unauthorised individuals could potentially exfiltrate considerable quantities of confidential organisational information subsequently."):
        probe = check_words.Lint(lint.judge)
        quiet, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")
        try:
            lint_texts(probe, [("probe", bad)])
        finally:
            sys.stdout.close()
            sys.stdout = quiet
        lint.expect(probe.failed > 0, "lint", "does not notice: " + bad)


def main(arguments):
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    judge, source = arguments[:2]
    texts = []
    for pattern in FILES:
        for path in sorted(glob.glob(os.path.join(source, pattern))):
            name = os.path.relpath(path, source)
            if os.path.basename(path) in FOR_ADMINS:
                continue
            texts.extend(("%s:%d" % (name, line), text) for line, text in texts_of(path))
    if arguments[2:] == ["--list"]:
        print("\n".join("%s: %s" % pair for pair in texts))
        return 0
    lint = check_words.Lint(wording.Judge(judge))
    lint_the_lint(lint)
    lint.expect(len(texts) >= TEXTS_LEAST, "lint", "found only %d texts" % len(texts))
    lint_texts(lint, texts)
    print("%d passed, %d failed" % (lint.passed, lint.failed))
    return 1 if lint.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
