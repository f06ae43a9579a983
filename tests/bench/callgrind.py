"""Reads what callgrind wrote, and counts postern's own instructions in it: those of its functions, and of what these call in other libraries (copying, comparing, clocks,
look-ups), but not libmicrohttpd's, which the yardstick has too. Format: valgrind manual, "Callgrind Format Specification"."""
import collections
import re

NOT_OURS = ("libmicrohttpd", "libgnutls")
NAMED = re.compile(r"^(c?)(ob|fn|fi|fe|fl)=(?:\((\d+)\))? ?(.*)$")


class Profile:
    """Of one thread: instructions of each function itself (`own`), and of each call from one function into another, all below it included (`calls`)."""

    def __init__(self, path):
        self.path = path
        self.own, self.calls, self.counts = collections.Counter(), collections.Counter(), collections.Counter()
        names, at, called = {}, {"ob": "", "fn": ""}, {}
        skip = False
        with open(path) as f:
            for line in f:
                match = NAMED.match(line)
                if match:
                    prefix, what, number, name = match.groups()
                    kind = "ob" if what == "ob" else "fn" if what == "fn" else "file"
                    name = names.setdefault((kind, number), name) if number else name
                    if kind != "file":
                        (called if prefix else at)[kind] = name
                elif line.startswith("calls="):
                    self.counts[(called.get("ob", at["ob"]), called["fn"])] += int(line[6:].split()[0])
                    skip = True
                elif line[:1] in "0123456789+-*":
                    cost = int(line.split()[1])
                    here = (at["ob"], at["fn"])
                    if skip:
                        self.calls[(here, (called.get("ob", at["ob"]), called["fn"]))] += cost
                        called, skip = {}, False
                    else:
                        self.own[here] += cost

    def calls_of(self, name):
        return sum(count for (_, function), count in self.counts.items() if function.startswith(name))


def is_ours(function):
    return function[0].endswith("/postern")


def own_instructions(profile):
    """Function of ours -> its own instructions and those it spends in libraries that are not HTTP's."""
    spent = collections.Counter({function[1]: cost for function, cost in profile.own.items() if is_ours(function)})
    for (caller, called), cost in profile.calls.items():
        if is_ours(caller) and not is_ours(called) and not any(word in called[0] for word in NOT_OURS):
            spent[caller[1]] += cost
    return spent


def with_others(profile):
    """The same for whole libraries: where the rest goes."""
    spent = collections.Counter()
    for (library, _), cost in profile.own.items():
        spent[library.rsplit("/", 1)[-1].split(".so")[0]] += cost
    return spent
