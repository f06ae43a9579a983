"""Reads the log of a simulated year, and nothing else, and looks for a broken promise:

  nudge    a person was sent two messages on one of their days, or two within the time that must lie between them
  told     something closed before so many messages about it were delivered, or too soon after the first of them
  grace    something got worse for somebody who was away, or just back, or whose laptop was new
  repair   an app for getting help was closed
  early    a rung was reached before its time: counted again here, from the facts in the log and the text of the policy in force, less the time in which nobody
           knew whether it still failed
  explain  a door was closed without an id, a reason, a failing check or a rung that closes it
  open     something that was mended was still held against somebody after the next poll of their laptop, or kept its rung
  frozen   something got worse, or somebody was written to, during an incident
  quiet    a message came outside of the hours for messages, on a day off, on a holiday, or to somebody who was away
  hours    a rung was reached outside of working hours, on a day off or a holiday, or in the last working hour before days off
  per_day  a check went up more often on one day than its ladder allows

It shares no code with the gateway: times, zones, pauses and rungs are worked out anew. `--broken` then breaks the log once for each promise and wants
to find exactly that. Exit code 0: every promise was kept (and every breach would have been found)."""
import bisect
import copy
import datetime
import json
import sys
import zoneinfo

import yaml

POLL_S = 15
STEP_S = 900        # what fell due is seen at the next step of the world
SLOT_S = 900        # a laptop is on for so long after it spoke
ORDER = {"policy": 0, "holidays": 0, "person": 1, "device": 2, "result": 3, "store": 4, "incident": 4, "breaker": 4, "exemption": 4, "notice": 5, "rung": 6, "decision": 7}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def seconds(text):
    return 0 if str(text) == "0" else int(text[:-1]) * UNITS[text[-1]]


def clock(at_s):
    return datetime.datetime.fromtimestamp(at_s, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def policy_from(text):
    try:
        return json.loads(text)     # as the store keeps it
    except ValueError:
        return yaml.safe_load(text)


class Policy:
    def __init__(self, text):
        p = policy_from(text)
        self.repair = {a["id"] for a in p["apps"] if a.get("repair")}
        self.sensitivity = {a["id"]: a["sensitivity"] for a in p["apps"]}
        self.severity = {c["id"]: c["severity"] for c in p["checks"]}
        self.fresh = {c["id"]: seconds(c["fresh_for"]) for c in p["checks"]}
        self.ladders = p["ladders"]
        self.after_absence = seconds(p["grace"]["after_absence"])
        self.new_device = seconds(p["grace"]["new_device"])
        self.apart = seconds(p["nudges"]["apart"])
        self.days = [DAYS.index(day) for day in p["nudges"]["days"]]
        self.hours = [int(t[:2]) * 60 + int(t[3:]) for t in p["nudges"]["hours"].split("-")]

    def ladder(self, check):
        for ladder in self.ladders:
            if self.severity.get(check) in ladder["applies_to"]["severity"]:
                return ladder
        return None

    def rung(self, check, name):
        """(index, rung) of the check's own ladder; what a rung leaves out it has from the one before."""
        ladder, closes, warns = self.ladder(check), [], False
        for i, rung in enumerate(ladder["rungs"] if ladder else []):
            closes = rung.get("close") or closes
            warns = warns or rung.get("login") == "warn"
            if rung["id"] == name:
                return i, {"after": seconds(rung["after"]), "close": closes, "warn": warns}
        return None, None


def union(stops):
    out = []
    for a, b in sorted(stops):
        if out and a <= out[-1][1]:
            out[-1][1] = max(out[-1][1], b)
        elif a < b:
            out.append([a, b])
    return out


def running(start, end, stops):
    """Seconds of [start, end) that no stop covers."""
    left = max(0, end - start)
    for a, b in union((max(a, start), min(b, end)) for a, b in stops if a < end and b > start):
        left -= b - a
    return left


class Episode:
    """One failing check of one laptop."""

    def __init__(self, since, carried=0.0):
        self.since, self.notices, self.snoozes, self.disputes, self.passed = since, [], [], [], None
        self.doubts, self.unsure = [], None         # stretches in which nobody knew, and since when nobody knows because the agent cannot tell
        self.stood, self.resumed = set(), set()     # rungs it rose to; those that it may stand on again after a pass that did not hold
        self.carried = carried      # of the running time that an earlier failure, mended for less than 7 days, had used up


class Device:
    def __init__(self, id_):
        self.id = id_
        self.owner, self.enrolled, self.rung, self.rung_before = None, 0, "", ""
        self.starts, self.ends = [], []     # stretches in which it was on
        self.episodes, self.old, self.passed = {}, {}, {}
        self.looked = {}                    # check -> when its agent last looked

    def spoke(self, at):
        if self.ends and at <= self.ends[-1]:
            self.ends[-1] = max(self.ends[-1], at + SLOT_S)
        else:
            self.starts.append(at)
            self.ends.append(at + SLOT_S)

    def doubt(self, check, fresh, at):
        """Since when nobody knows whether it still fails; None: it is known."""
        since = [] if self.episodes[check].unsure is None else [self.episodes[check].unsure]
        if at > self.looked.get(check, at) + fresh:
            since.append(self.looked[check] + fresh + 1)
        return min(since, default=None)

    def looks(self, check, at, fresh):
        """Its agent has looked, and says what it said before."""
        episode = self.episodes.get(check)
        since = self.doubt(check, fresh, at) if episode else None
        if since is not None and episode.unsure is None:
            episode.doubts.append((since, at))
        self.looked[check] = max(at, self.looked.get(check, at))

    def off(self, start, end):
        """What lies between the stretches, in [start, end)."""
        i, at, out = max(0, bisect.bisect_right(self.starts, start) - 1), start, []
        while i < len(self.starts) and self.starts[i] < end:
            if self.starts[i] > at:
                out.append((at, self.starts[i]))
            at = max(at, self.ends[i])
            i += 1
        if at < end:
            out.append((at, end))
        return out


class Person:
    def __init__(self, state):
        self.zone = zoneinfo.ZoneInfo(state.get("zone") or "UTC")
        self.region = state.get("region", "")
        self.away, self.messages = [], []
        self.rises = {}     # (device, check) -> (day, how many on it)


class Checker:
    def __init__(self):
        self.persons, self.devices, self.policies, self.holidays = {}, {}, [], []
        self.pauses, self.frozen, self.exemptions, self.found, self.counts = [], False, [], [], {}
        self.waiting = []   # (by when, device): a rung that has to go

    def breach(self, promise, event, text):
        self.found.append((promise, "%s: %s %s: %s" % (promise, clock(event["at_ms"] / 1000), event["id"], text)))

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def known(self, device):
        if device not in self.devices:
            self.devices[device] = Device(device)
        return self.devices[device]

    def device(self, event):
        return self.known(event["device"])

    def policy(self):
        return self.policies[-1][1]

    # ---- facts ----

    def take(self, line):
        event, state = line["event"], line.get("state")
        family, data, at = event["type"].split(".")[0], event.get("data", {}), event["at_ms"] / 1000
        self.settle(event, at)
        if event.get("device") and event.get("cause", "").startswith("agent:"):
            self.device(event).spoke(int(at))
        if state is not None and "pauses" in state:
            self.pauses = state["pauses"]
            self.frozen = bool(state.get("frozen"))
        name = "on_" + event["type"].replace(".", "_")
        if hasattr(self, name):
            getattr(self, name)(event, data, state, at)
        elif family == "exemption" and state is not None:
            self.exemptions = state["exemptions"]
        self.count(event["type"])

    def settle(self, event, at):
        """What had to be gone by now."""
        while self.waiting and self.waiting[0][0] < at:
            by, device, since = self.waiting.pop(0)
            d = self.devices[device]
            if d.rung and not d.episodes and since == max(d.passed.values()):
                self.breach("open", event, "%s kept rung %s after its last failure was mended at %s" % (device, d.rung, clock(since)))

    def on_policy_applied(self, event, data, state, at):
        self.policies.append((at, Policy(state["text"])))

    def on_holidays_changed(self, event, data, state, at):
        self.holidays = [(h["region"], h["date"] if "date" in h else h["day"]) for h in state["holidays"]]

    def on_person_created(self, event, data, state, at):
        self.persons[event["person"]] = Person(state)

    def on_person_absence(self, event, data, state, at):
        self.persons[event["person"]].away.append((data["from"], data["to"], at))

    def on_person_snoozed(self, event, data, state, at):
        episode = self.device(event).episodes.get(data["check"])
        if episode:
            episode.snoozes.append((at, data["until"]))

    def on_person_disputed(self, event, data, state, at):
        episode = self.device(event).episodes.get(data["check"])
        if episode:
            episode.disputes.append([at, data["until"]])

    def on_person_dispute_answered(self, event, data, state, at):
        episode = self.device(event).episodes.get(data["check"])
        for dispute in episode.disputes if episode else []:
            dispute[1] = min(dispute[1], at)

    def on_device_enrolled(self, event, data, state, at):
        d = self.device(event)
        d.owner, d.enrolled = event["person"], data.get("enrolled", at)

    def on_device_owner(self, event, data, state, at):
        self.device(event).owner = data.get("to") or None

    def on_device_seen(self, event, data, state, at):
        for device, seen, looked in data["seen"]:
            d = self.known(device)
            d.spoke(seen)
            if isinstance(looked, str):     # "<when>:<check>,<check>;<when>:<check>"
                looked = {check: int(when) for when, _, checks in (part.partition(":") for part in looked.split(";") if part) for check in checks.split(",")}
            for check, when in looked.items():
                d.looks(check, when, self.policy().fresh[check])

    def reported(self, event, at):
        """An agent of this world answers for all checks at once."""
        d = self.device(event)
        for check, fresh in self.policy().fresh.items() if event.get("cause", "").startswith("agent:") else ():
            d.looks(check, int(at), fresh)

    def on_result_updated(self, event, data, state, at):
        self.reported(event, at)

    def on_result_changed(self, event, data, state, at):
        d = self.device(event)
        self.reported(event, at)
        for change in data["changes"]:
            check, episode = change["check"], d.episodes.get(change["check"])
            if episode is not None and change["to"] in ("unknown", "in_progress"):
                episode.unsure = at if episode.unsure is None else episode.unsure
            elif episode is not None and episode.unsure is not None:
                episode.doubts.append((episode.unsure, at))
                episode.unsure = None
            if change["to"] == "fail" and change["visible"] and episode is None:
                d.episodes[check] = self.begin(d, check, at)
            elif change["to"] in ("pass", "not_applicable") and episode is not None:
                d.old[check] = d.episodes.pop(check)
                d.old[check].passed = at
                d.passed[check] = at
                if d.rung and not d.episodes:
                    self.waiting.append((at + POLL_S, event["device"], at))
        self.waiting.sort(key=lambda w: w[0])

    def begin(self, d, check, at):
        """Mended for less than an hour: it goes on. For less than seven days: with the old clock, at half of what was left."""
        old = d.old.pop(check, None)
        if old is None or at - old.passed >= 7 * 86400 or not old.notices:
            return Episode(at)
        used = old.carried + running(old.notices[0], old.passed, self.stops(d, check, old, old.notices[0], old.passed))
        fresh = Episode(at, used)
        if at - old.passed < 3600:
            fresh.notices, fresh.since = old.notices, old.since
            fresh.disputes = old.disputes + [[old.passed, at]]
            fresh.doubts = old.doubts
            fresh.stood, fresh.resumed = old.stood, set(old.stood)
            fresh.carried = old.carried
        return fresh

    # ---- what no clock counts ----

    def holiday_stops(self, person, start, end):
        out = []
        for region, day in self.holidays:
            if region != "*" and region != person.region and not person.region.startswith(region + "-"):
                continue
            text = str(day).replace("-", "")
            first = datetime.datetime(int(text[:4]), int(text[4:6]), int(text[6:]), tzinfo=person.zone)
            a = first.timestamp()
            b = datetime.datetime.combine(first.date() + datetime.timedelta(days=1), datetime.time(), person.zone).timestamp()
            if a < end and b > start:
                out.append((a, b))
        return out

    def stops(self, d, check, episode, start, end):
        person, pauses = self.persons[d.owner], self.policy().ladder(check)["clock"]["pauses"]
        out = [(p["from"], p["to"] or 1 << 40) for p in self.pauses if p["kind"] in pauses] + episode.snoozes + episode.doubts
        unsure = d.doubt(check, self.policy().fresh[check], end) if d.episodes.get(check) is episode else None
        out += [(unsure, end)] if unsure is not None else []
        out += [(a, b) for a, b, _ in person.away] if "absence" in pauses else []
        out += [tuple(x) for x in episode.disputes] if "dispute" in pauses else []
        out += d.off(start, end) if "device_off" in pauses else []
        out += self.holiday_stops(person, start, end) if "holiday" in pauses else []
        for e in self.exemptions:
            if e["check"] == check and e["subject"] in (d.id, d.owner) and e.get("state") in ("approved", "ended") and e.get("decided_s"):
                out.append((e["start_s"], min(e["end_s"], e.get("ended_s") or e["end_s"])))
        return out

    # ---- hours ----

    def is_day_off(self, person, day):
        if day.weekday() not in self.policy().days:
            return True
        text = day.strftime("%Y%m%d")
        return any(str(d).replace("-", "") == text and (r == "*" or r == person.region or person.region.startswith(r + "-")) for r, d in self.holidays)

    def is_in_hours(self, person, at):
        local = datetime.datetime.fromtimestamp(at, person.zone)
        minute, (first, last) = local.hour * 60 + local.minute, self.policy().hours
        return first <= minute < last and not self.is_day_off(person, local.date())

    def is_last_hour(self, person, at):
        """The last working hour before a day off: nobody could get help until after it."""
        local = datetime.datetime.fromtimestamp(at, person.zone)
        minute, last = local.hour * 60 + local.minute, self.policy().hours[1]
        return minute >= last - 60 and self.is_day_off(person, local.date() + datetime.timedelta(days=1))

    def could_look(self, at):
        """No outage, incident or change of the policy of which what is due was only seen afterwards."""
        late = [p for p in self.pauses if p["from"] <= at and at - 3600 <= (p["to"] or 1 << 40)]
        return not late and at - self.policies[-1][0] >= 3600

    def check_hours(self, event, d, check, name, at):
        person, ladder, episode = self.persons[d.owner], self.policy().ladder(check), d.episodes[check]
        if name in episode.resumed:
            episode.resumed.discard(name)
            return      # it stands again where it stood before a pass that did not hold
        episode.stood.add(name)
        if ladder["rise"]["working_hours"] and self.could_look(at):
            seen = [t for t in (at, at - STEP_S) if self.is_in_hours(person, t)]
            if not seen:
                self.breach("hours", event, "%s rose to %s outside of working hours" % (check, name))
            elif all(self.is_last_hour(person, t) for t in seen):
                self.breach("hours", event, "%s rose to %s in the last working hour before a day off" % (check, name))
        day, most = datetime.datetime.fromtimestamp(at, person.zone).date(), ladder["rise"]["per_day"]
        before, count = person.rises.get((d.id, check), (None, 0))
        count = count + 1 if before == day else 1
        person.rises[(d.id, check)] = (day, count)
        if most and count > most and self.policy().severity[check] != "urgent" and self.could_look(at):
            self.breach("per_day", event, "%s rose to %s, %d times on %s" % (check, name, count, day))

    # ---- promises ----

    def on_notice_delivered(self, event, data, state, at):
        person = self.persons[event["person"]]
        if data["channel"] != "page":
            day = datetime.datetime.fromtimestamp(at, person.zone).date()
            if person.messages and person.messages[-1][0] == day:
                self.breach("nudge", event, "a second message on %s, after the one at %s" % (day, clock(person.messages[-1][1])))
            elif person.messages and at - person.messages[-1][1] < self.policy().apart:
                self.breach("nudge", event, "only %d s after the one before" % (at - person.messages[-1][1]))
            if self.frozen:
                self.breach("frozen", event, "a message during an incident")
            if not self.is_in_hours(person, at):
                self.breach("quiet", event, "a message at %s, where they are" % datetime.datetime.fromtimestamp(at, person.zone))
            elif any(a <= at < b and said < at for a, b, said in person.away):  # an absence that is said in the very second is not known to the message
                self.breach("quiet", event, "a message to somebody who is away")
            person.messages.append((day, at))
        for item in data["items"]:
            episode = self.devices[item["device"]].episodes.get(item["check"])
            if episode:
                episode.notices.append(at)

    def on_rung_changed(self, event, data, state, at):
        d = self.device(event)
        d.rung_before, d.rung = d.rung, data["to"]
        if not data["to"]:
            return
        if not data.get("checks") or not event.get("cause"):
            self.breach("explain", event, "rung %s without a check or a cause" % data["to"])
        for check in data.get("checks", []):
            self.reached(event, d, check, data["from"], data["to"], at)
        if data["reached"] > at:
            self.breach("early", event, "rung %s was reached at %s, which is still to come" % (data["to"], clock(data["reached"])))

    def reached(self, event, d, check, was, name, at):
        policy, episode = self.policy(), d.episodes.get(check)
        index, rung = policy.rung(check, name)
        before, _ = policy.rung(check, was)
        if rung is None or episode is None:
            self.breach("explain", event, "%s stands on %s, and %s" % (check, name, "does not fail" if episode is None else "has no such rung"))
            return
        if before is not None and before >= index:
            return      # it went down, or another check went there
        self.count("rise to " + name)
        if self.frozen and index > 0:
            self.breach("frozen", event, "%s rose to %s during an incident" % (check, name))
        if rung["close"] or rung["warn"]:
            self.check_grace(event, d, check, name, at)
        if rung["close"]:
            self.check_told(event, d, check, name, at)
        if index > 0:
            self.check_time(event, d, check, index, name, at)
            self.check_hours(event, d, check, name, at)

    def check_grace(self, event, d, check, name, at):
        policy, person = self.policy(), self.persons[d.owner]
        if at < d.enrolled + policy.new_device:
            self.breach("grace", event, "%s rose to %s on a laptop that is %d h old" % (check, name, (at - d.enrolled) / 3600))
        for a, b, _ in person.away:
            if a <= at < b + policy.after_absence:
                self.breach("grace", event, "%s rose to %s, and its owner was away until %s" % (check, name, clock(b)))

    def check_told(self, event, d, check, name, at):
        ladder, notices = self.policy().ladder(check), d.episodes[check].notices
        before = seconds(ladder["rise"]["notice_before"])
        if self.policy().severity[check] == "urgent":
            before = min(before, 3600)
        if len(notices) < ladder["notices_before_close"]:
            self.breach("told", event, "%s closed with %s after %d messages" % (check, name, len(notices)))
        elif at - notices[0] < before:
            self.breach("told", event, "%s closed with %s %d s after the first message" % (check, name, at - notices[0]))

    def earliest(self, policy, d, check, index, at):
        """Whether the clock had run far enough by `at`, by that policy: (has it, how far, how far it must)."""
        ladder, episode = policy.ladder(check), d.episodes[check]
        if ladder is None or index >= len(ladder["rungs"]) or not episode.notices:
            return False, 0, 0
        after = seconds(ladder["rungs"][index]["after"])
        wanted = max(0, after - episode.carried) / 2 if episode.carried else after
        ran = running(episode.notices[0], at, self.stops(d, check, episode, episode.notices[0], at))
        return ran >= wanted, ran, wanted

    def check_time(self, event, d, check, index, name, at):
        policy = self.policy()
        enough, ran, wanted = self.earliest(policy, d, check, index, at)
        if not enough:
            self.breach("early", event, "%s reached %s after %d s of running clock, %d are due" % (check, name, ran, wanted))
        applied, ladder = self.policies[-1][0], policy.ladder(check)
        notice = seconds(ladder["rise"]["notice_before"])
        if policy.rung(check, name)[1]["close"] and len(self.policies) > 1 and at - applied < min(notice, 3600 if policy.severity[check] == "urgent" else notice):
            if not self.earliest(self.policies[-2][1], d, check, index, at)[0]:
                self.breach("early", event, "%s closed with %s %d s after the policy became stricter" % (check, name, at - applied))

    def on_decision_made(self, event, data, state, at):
        policy = self.policy()
        if data["outcome"] == "allow":
            return
        if data["app"] in policy.repair and data["outcome"] == "deny":
            self.breach("repair", event, "%s was closed" % data["app"])
        if not event["id"].startswith("x_") or not data.get("reason") or not data.get("rule"):
            self.breach("explain", event, "%s was %s without an id, a rule or a reason" % (data["app"], data["outcome"]))
        if data["rule"] not in ("ladder_closed", "ladder_warn"):
            return
        if not data.get("failing"):
            self.breach("explain", event, "%s was %s with nothing failing" % (data["app"], data["outcome"]))
        d = self.device(event)
        for check in data.get("failing", []):
            if check not in d.episodes and at - d.passed.get(check, 0) >= POLL_S:
                self.breach("open", event, "%s held against %s, mended at %s" % (check, event["device"], clock(d.passed.get(check, 0))))
        if data["outcome"] == "deny":
            self.count("denied")
            closes = [policy.rung(c, data.get("rung"))[1] for c in data.get("failing", [])]
            if not any(r and policy.sensitivity[data["app"]] in r["close"] for r in closes):
                self.breach("explain", event, "%s was closed by rung %r, which does not close it" % (data["app"], data.get("rung")))


def read(path):
    with open(path) as f:
        lines = [json.loads(line) for line in f]
    return order(lines)


def order(lines):
    """By time; what was decided in the same moment comes after what it was decided from."""
    return sorted(lines, key=lambda line: (line["event"]["at_ms"], ORDER.get(line["event"]["type"].split(".")[0], 4)))


def check(lines):
    checker = Checker()
    for line in lines:
        checker.take(line)
    return checker


# ---- breaking the log, once for each promise ----

def times(lines, type_, wanted=lambda e: True):
    return [i for i, line in enumerate(lines) if line["event"]["type"] == type_ and wanted(line["event"])]


def is_closing(event):
    return event["data"]["to"] in ("sensitive", "all") and event["data"]["from"] in ("notice", "warn", "")


def insert(lines, type_, at_ms, like, **more):
    event = dict(like, id="e_broken", type=type_, at_ms=at_ms)
    event.update(more)
    lines.append({"event": event})


def break_nudge(lines):
    i = times(lines, "notice.delivered")[5]
    insert(lines, "notice.delivered", lines[i]["event"]["at_ms"] + 3600 * 1000, lines[i]["event"])


def break_told(lines):
    closing = lines[times(lines, "rung.changed", is_closing)[0]]["event"]
    check_, gone = closing["data"]["checks"][0], 0
    for line in lines:
        e = line["event"]
        if e["type"] == "notice.delivered" and e["person"] == closing["person"] and e["at_ms"] < closing["at_ms"] and gone < 1000:
            kept = [item for item in e["data"]["items"] if item["check"] != check_ or item["device"] != closing["device"]]
            gone += len(kept) < len(e["data"]["items"])
            e["data"] = dict(e["data"], items=kept)


def break_grace(lines):
    closing = lines[times(lines, "rung.changed", is_closing)[0]]["event"]
    at = closing["at_ms"] // 1000
    insert(lines, "person.absence", closing["at_ms"] - 1, {"person": closing["person"]}, data={"from": at - 7200, "to": at - 3600})


def break_repair(lines):
    i = times(lines, "decision.made", lambda e: e["data"]["outcome"] == "deny")[0]
    lines[i]["event"]["data"] = dict(lines[i]["event"]["data"], app="chat")


def break_early(lines):
    """A pause that the gateway did not see: the day before it closed does not count."""
    closing = lines[times(lines, "rung.changed", is_closing)[0]]["event"]
    insert(lines, "person.snoozed", closing["at_ms"] - 3 * 86400 * 1000, closing, data={"check": closing["data"]["checks"][0], "until": closing["at_ms"] // 1000})


def break_unsure(lines):
    """The agent could not tell, for the three days before it closed."""
    closing = lines[times(lines, "rung.changed", is_closing)[0]]["event"]
    check_ = closing["data"]["checks"][0]
    for before_ms, was, now in ((3 * 86400 * 1000, "fail", "unknown"), (1, "unknown", "fail")):
        insert(lines, "result.changed", closing["at_ms"] - before_ms, {"person": closing["person"], "device": closing["device"]},
               data={"changes": [{"check": check_, "from": was, "to": now, "visible": True}]})


def break_stale(lines):
    """What was seen is good for two days only, and nobody looked that often."""
    for i in times(lines, "policy.applied"):
        policy = policy_from(lines[i]["state"]["text"])
        policy["checks"] = [dict(c, fresh_for="2d") for c in policy["checks"]]
        lines[i]["state"] = dict(lines[i]["state"], text=json.dumps(policy))


def break_explain(lines):
    i = times(lines, "decision.made", lambda e: e["data"]["outcome"] == "deny")[0]
    lines[i]["event"]["data"] = dict(lines[i]["event"]["data"], reason="")


def break_open(lines):
    i = times(lines, "decision.made", lambda e: e["data"]["outcome"] == "deny")[0]
    e = lines[i]["event"]
    changes = [{"check": c, "from": "fail", "to": "pass", "visible": False} for c in e["data"]["failing"]]
    insert(lines, "result.changed", e["at_ms"] - 60 * 1000, {"person": e["person"], "device": e["device"]}, data={"changes": changes}, cause="agent:osquery")


def break_frozen(lines):
    i = times(lines, "breaker.tripped")[0]
    like = lines[times(lines, "notice.delivered", lambda e: e["at_ms"] < lines[i]["event"]["at_ms"] - 3 * 86400 * 1000)[-1]]["event"]
    insert(lines, "notice.delivered", lines[i]["event"]["at_ms"] + 60 * 1000, like)


def break_quiet(lines):
    """The same message twelve hours later: it is night there."""
    i = times(lines, "notice.delivered")[9]
    lines[i]["event"]["at_ms"] += 12 * 3600 * 1000


def break_hours(lines):
    night = 12 * 3600 * 1000
    for i in times(lines, "rung.changed", is_closing):
        event = lines[i]["event"]
        if not any(line["event"].get("device") == event["device"] for line in lines[i + 1:] if line["event"]["at_ms"] <= event["at_ms"] + night):
            event["at_ms"] += night     # nothing else happened to that laptop meanwhile
            return


def break_per_day(lines):
    """It fell and rose once more within the hour."""
    rise = lines[times(lines, "rung.changed", is_closing)[0]]["event"]
    insert(lines, "rung.changed", rise["at_ms"] + 1800 * 1000, rise, data=dict(rise["data"], to=rise["data"]["from"], **{"from": rise["data"]["to"]}))
    insert(lines, "rung.changed", rise["at_ms"] + 3600 * 1000, rise)


BREAKS = [("nudge", break_nudge), ("told", break_told), ("grace", break_grace), ("repair", break_repair), ("early", break_early), ("early", break_unsure), ("early", break_stale),
          ("explain", break_explain), ("open", break_open), ("frozen", break_frozen), ("quiet", break_quiet), ("hours", break_hours), ("per_day", break_per_day)]


def check_broken(lines):
    failed = 0
    for promise, breaks in BREAKS:
        broken = [{"event": line["event"].copy(), **({"state": line["state"]} if "state" in line else {})} for line in lines]
        breaks(broken)
        found = {name for name, _ in check(order(broken)).found}
        print("%s a log that breaks %r: %s" % ("found" if promise in found else "NOT FOUND", promise, ", ".join(sorted(found)) or "nothing"))
        failed += promise not in found
    return failed


def main():
    lines = read(sys.argv[1])
    checker = check(lines)
    for _, text in checker.found[:20]:
        print(text)
    print("%d entries, %d breaches" % (len(lines), len(checker.found)))
    print(", ".join("%s %d" % item for item in sorted(checker.counts.items())))
    failed = len(checker.found) + (check_broken(lines) if "--broken" in sys.argv[2:] else 0)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
