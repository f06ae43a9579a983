"""What fake_slack.py knows of the status beside a person's name. It takes the user token of an admin, never the bot's. Steered with:

  POST /control/statuses   {"U1": {"status_text", "status_emoji", "status_expiration"}}   replaces all statuses
  GET  /control/statuses   the same
"""
import json
import re

USER_SCOPES = {"users.profile.get": "users.profile:read", "users.profile.set": "users.profile:write", "users.info": "users:read"}
NO_STATUS = {"status_text": "", "status_emoji": "", "status_expiration": 0}


class Profiles:
    """Mixed into the workspace; `refuse` raises what Slack answers."""

    user_token = "xoxp-admin-token"
    user_scopes = set(USER_SCOPES.values())

    def reset_profiles(self):
        self.statuses = {}

    def authorize_user(self, method):
        if method not in USER_SCOPES:
            self.refuse("not_allowed_token_type")
        if USER_SCOPES[method] not in self.user_scopes:
            self.refuse("missing_scope")

    def get_profile(self, a):
        self.person(a["user"])
        return {"profile": dict({"real_name": "Ana", "display_name": ""}, **self.statuses.get(a["user"], NO_STATUS))}

    def check_status(self, profile):
        if not isinstance(profile, dict) or not set(profile) <= set(NO_STATUS) or "status_text" not in profile:
            self.refuse("invalid_profile")
        text, emoji, end = profile["status_text"], profile.get("status_emoji", ""), profile.get("status_expiration", 0)
        if not isinstance(text, str) or not isinstance(emoji, str) or not isinstance(end, int) or isinstance(end, bool) or end < 0:
            self.refuse("invalid_profile")
        if len(text) > 100:
            self.refuse("too_long")
        if emoji and not re.fullmatch(r":[a-z0-9_+-]+:", emoji):
            self.refuse("invalid_emoji_not_allowed")
        if (text == "") != (emoji == ""):
            self.refuse("must_clear_both_status_text_and_status_emoji")
        return {"status_text": text, "status_emoji": emoji, "status_expiration": end}

    def set_profile(self, a):
        person = self.person(a["user"])
        if person.get("is_bot"):
            self.refuse("user_is_bot")
        if person.get("is_admin") or person.get("is_owner"):
            self.refuse("cannot_update_admin_user")
        profile = a["profile"]
        if isinstance(profile, str):
            profile = json.loads(profile)
        self.statuses[a["user"]] = self.check_status(profile)
        return {"profile": self.statuses[a["user"]]}

    def control_profiles(self, name, given):
        """The answer, or None when it is none of ours."""
        if name != "statuses":
            return None
        if given is None:
            return self.statuses
        self.statuses = given
        return {"ok": True}
