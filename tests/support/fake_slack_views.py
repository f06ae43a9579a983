"""What fake_slack.py knows of views, of answers to commands and clicks, and of tokens that change. Steered with:

  POST /control/trigger        {"trigger_id"}: one that opens a modal once, within 3 seconds (of the fake's clock)
  POST /control/response       {"response_url"}: takes 5 answers
  POST /control/token          {"client_id", "client_secret", "refresh_token"}: from now on the token changes by oauth.v2.access
  POST /control/expire         the access token in use has run out
  GET  /control/home           {"U1": view}
  GET  /control/modals         [{"user_id"?, "view"}]
  GET  /control/answers        [{"response_url", "body"}]
"""
import base64
import json
import time
import urllib.parse

VIEW_BYTES = 250 * 1000
TRIGGER_S = 3
ANSWERS_MOST = 5


class Views:
    """Mixed into the workspace; `refuse` raises what Slack answers."""

    def reset_views(self):
        self.home, self.modals, self.answers = {}, [], []
        self.triggers, self.responses, self.cursors = {}, {}, {}

    # -- views --

    def check_view(self, view, kind, check_block, need):
        if isinstance(view, str):
            view = json.loads(view)
        need(isinstance(view, dict) and view.get("type") == kind, "/view/type", "must be " + kind)
        known = {"type", "blocks", "private_metadata", "callback_id", "external_id"} | ({"title", "submit", "close", "clear_on_close", "notify_on_close"} if kind == "modal" else set())
        need(set(view) <= known, "/view", "unknown member")
        need(isinstance(view.get("blocks"), list) and 1 <= len(view["blocks"]) <= 100, "/view/blocks", "1 to 100 blocks")
        if len(json.dumps(view).encode()) > VIEW_BYTES:
            self.refuse("view_too_large")
        need(len(view.get("private_metadata", "")) <= 3000 and len(view.get("callback_id", "x")) in range(1, 256), "/view", "private_metadata or callback_id is too long")
        ids = [b["block_id"] for b in view["blocks"] if "block_id" in b]
        need(len(ids) == len(set(ids)), "/view/blocks", "block_id twice")
        for i, block in enumerate(view["blocks"]):
            check_block(block, "/view/blocks/%d" % i, True)
        if kind == "modal":
            for key in ("title", "submit", "close"):
                if key in view or key == "title":
                    o = view.get(key)
                    need(isinstance(o, dict) and o.get("type") == "plain_text" and 1 <= len(o.get("text", "")) <= 24, "/view/" + key, "plain_text of 1 to 24 characters")
            need("submit" in view or not any(b["type"] == "input" for b in view["blocks"]), "/view", "an input needs submit")
        return view

    def publish(self, a):
        self.person(a["user_id"])
        self.home[a["user_id"]] = self.check_view(a["view"], "home", self.check_block, self.need)
        return {"view": {"id": "VHOME", "type": "home"}}

    def open_view(self, a):
        made = self.triggers.get(a["trigger_id"])
        if made is None:
            self.refuse("invalid_trigger_id")
        if made == "used":
            self.refuse("exchanged_trigger_id")
        if time.monotonic() - made > TRIGGER_S:
            self.refuse("expired_trigger_id")
        view = self.check_view(a["view"], "modal", self.check_block, self.need)
        self.triggers[a["trigger_id"]] = "used"
        self.modals.append({"view": view})
        return {"view": {"id": "V%d" % len(self.modals), "type": "modal", "hash": "%d.ab" % len(self.modals)}}

    def user_object(self, person):
        """As Slack shows a person, whether or not they are still there."""
        profile = {key: person[key] for key in ("status_emoji", "status_text", "status_expiration") if key in person}
        if "email" in person and "users:read.email" in self.scopes:
            profile["email"] = person["email"]
        more = {k: v for k, v in person.items() if k not in profile and k != "email"}
        return dict({"deleted": False, "is_bot": False, "tz": "UTC", "tz_offset": 0, "profile": profile}, **more)

    def info(self, a):
        if a["user"] not in self.people:
            self.refuse("user_not_found")
        return {"user": self.user_object(self.people[a["user"]])}

    def list_users(self, a):
        limit = int(a.get("limit") or 0)
        if limit < 1 or limit > 1000:
            self.refuse("limit_required")
        cursor, names = a.get("cursor") or "", sorted(self.people)
        if cursor and cursor not in self.cursors:
            self.refuse("invalid_cursor")
        start = self.cursors.get(cursor, 0)
        shown = names[start:start + limit]
        next_cursor = ""
        if start + limit < len(names):
            next_cursor = base64.b64encode(b"user:%d" % (start + limit)).decode()
            self.cursors[next_cursor] = start + limit
        return {"members": [self.user_object(self.people[name]) for name in shown], "response_metadata": {"next_cursor": next_cursor}}

    # -- answers --

    def answer_to(self, path, body, kind):
        """Status and text for a POST to a response_url."""
        left = self.responses.get(path, 0)
        if left == 0:
            return 404, b"expired_url"
        if kind != "application/json":
            return 400, b"invalid_payload"
        try:
            message = json.loads(body.decode("utf-8"))
        except ValueError:
            return 400, b"invalid_payload"
        known = {"text", "blocks", "response_type", "replace_original", "delete_original", "thread_ts"}
        if not isinstance(message, dict) or not set(message) <= known or message.get("response_type") == "in_channel":
            return 400, b"invalid_payload"
        self.check_blocks_of(message)
        self.responses[path] = left - 1
        self.answers.append({"response_url": path, "body": message})
        return 200, b"ok"

    # -- tokens --

    def rotate(self, given):
        self.client = (given["client_id"], given["client_secret"])
        self.refresh_token = given["refresh_token"]
        self.token = None  # nothing is good until it was fetched

    def access(self, a, authorization):
        expected = "Basic " + base64.b64encode(":".join(urllib.parse.quote(w, safe="") for w in self.client).encode()).decode() if self.client else None
        if expected is None or authorization != expected:
            self.refuse("bad_client_secret")
        if a.get("grant_type") != "refresh_token":
            self.refuse("invalid_arguments")
        if a.get("refresh_token") != self.refresh_token:
            self.refuse("invalid_refresh_token")
        self.turns += 1
        self.token, self.refresh_token = "xoxe.xoxb-%d" % self.turns, "xoxe-1-%d" % self.turns
        return {"access_token": self.token, "refresh_token": self.refresh_token, "token_type": "bot", "expires_in": 43200, "team": {"id": "T0001"}, "scope": ",".join(sorted(self.scopes))}

    # -- control --

    def control_views(self, name, given):
        """The answer, or None when it is none of ours."""
        if name == "trigger":
            self.counter += 1
            trigger = "77.%d.abc" % self.counter
            self.triggers[trigger] = time.monotonic()
            return {"trigger_id": trigger}
        if name == "response":
            self.counter += 1
            path = "/response/%d" % self.counter
            self.responses[path] = ANSWERS_MOST
            return {"response_url": self.base + path}
        if name == "token":
            self.rotate(given)
            return {"ok": True}
        if name == "expire":
            self.expired.add(self.token)
            return {"ok": True}
        return {"home": self.home, "modals": self.modals, "answers": self.answers}.get(name)
