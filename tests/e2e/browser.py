"""A browser without a screen for the stories of a login: cookies, redirects, forms that post themselves, a client certificate.

It keeps the rules of a real one that decide whether a login works:
- cookies belong to a host (not a port), keep to their path, travel by https when Secure, and obey SameSite on requests that another site caused;
- `__Host-` cookies are taken only as RFC 6265bis 4.1.3 allows;
- a form, and every redirect after it, goes only where the page's own `form-action` lets it (CSP 3, 6.3.1: a redirect is checked too);
- certificates are checked against `ca`, and the host name with them.
Every name stands for 127.0.0.1, so a story may call its hosts pay.example or okta.example and have real sites.

    browser = Browser(ca=[gateway.ca])
    page = browser.go("https://sp.example:%d/" % port)       # redirects and self-posting forms are followed until a page stays
    page = browser.submit(page, button="Check again")
    browser.history                                           # [Step(method, url, status)], for counting hops
"""
import collections
import html.parser
import http.client
import re
import socket
import ssl
import time
import urllib.parse

MAX_STEPS = 40
Step = collections.namedtuple("Step", "method url status")
# Names of fields by which a page that posts itself is known: SAML bindings 3.5, OAuth form_post, id_token_hint of Entra.
SELF_POSTING = {"SAMLRequest", "SAMLResponse", "id_token", "id_token_hint", "code", "error"}


class Refused(Exception):
    """The browser itself would not do it: a form-action, a certificate, too many redirects."""


class Form:
    def __init__(self, attributes):
        self.action, self.method = attributes.get("action", ""), attributes.get("method", "get").upper()
        self.enctype = attributes.get("enctype", "application/x-www-form-urlencoded")
        self.fields, self.buttons = [], []  # [(name, value)], [(name, value, text)]
        self.visible = False                # a person has something to fill in

    def value(self, name):
        return next((v for n, v in self.fields if n == name), None)

    def names(self):
        return [n for n, _ in self.fields]


class PageParser(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.forms, self.links, self.refresh = [], [], None
        self.form = self.button = self.link = self.area = None

    def handle_starttag(self, tag, attributes):
        a = dict((k, v if v is not None else "") for k, v in attributes)
        if tag == "form":
            self.form = Form(a)
            self.forms.append(self.form)
        elif tag == "input" and self.form is not None and "disabled" not in a:
            self.add_input(a)
        elif tag == "button" and self.form is not None:
            self.button = [a.get("name"), a.get("value", ""), ""]
        elif tag == "textarea" and self.form is not None:
            self.area = [a.get("name"), ""]
        elif tag == "a" and "href" in a:
            self.link = [a["href"], ""]
        elif tag == "meta" and a.get("http-equiv", "").lower() == "refresh":
            found = re.match(r"\s*0\s*;\s*url\s*=\s*['\"]?([^'\"]+)", a.get("content", ""), re.I)
            self.refresh = found.group(1) if found else self.refresh

    def add_input(self, a):
        kind = a.get("type", "text").lower()
        if kind in ("submit", "image"):
            self.form.buttons.append((a.get("name"), a.get("value", ""), a.get("value", "")))
        elif kind in ("checkbox", "radio"):
            if "checked" in a:
                self.form.fields.append((a.get("name", ""), a.get("value", "on")))
        elif kind not in ("button", "reset", "file"):
            self.form.fields.append((a.get("name", ""), a.get("value", "")))
            self.form.visible |= kind != "hidden"

    def handle_endtag(self, tag):
        if tag == "form":
            self.form = None
        elif tag == "button" and self.button and self.form is not None:
            self.form.buttons.append(tuple(self.button[:2]) + (" ".join(self.button[2].split()),))
            self.button = None
        elif tag == "textarea" and self.area and self.form is not None:
            self.form.fields.append(tuple(self.area))
            self.area = None
        elif tag == "a" and self.link:
            self.links.append((self.link[0], " ".join(self.link[1].split())))
            self.link = None

    def handle_data(self, data):
        for open_tag, at in ((self.button, 2), (self.link, 1), (self.area, 1)):
            if open_tag:
                open_tag[at] += data


class Page:
    """What an address answered. `forms`, `links` [(href, text)]; `text` as sent."""

    def __init__(self, method, url, status, headers, body):
        self.method, self.url, self.status, self.headers, self.body = method, url, status, headers, body
        self.text = body.decode("utf-8", "replace")
        self.parser = PageParser()
        if "html" in self.header("content-type"):
            self.parser.feed(self.text)
        self.forms, self.links = self.parser.forms, self.parser.links

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name), "")

    def words(self):
        """The text a person reads."""
        bare = re.sub(r"(?s)<(script|style|head)\b.*?</\1>|<!--.*?-->", " ", self.text)
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", bare)).split())

    def self_posting(self):
        """The form that a script of the page sends at once, or None."""
        if len(self.forms) == 1 and self.forms[0].method == "POST" and not self.forms[0].visible and SELF_POSTING & set(self.forms[0].names()):
            return self.forms[0]
        return None

    def form_action(self):
        """Sources of CSP's form-action as a list, or None when the page sets none."""
        for name, value in self.headers:
            if name.lower() == "content-security-policy":
                for directive in value.split(";"):
                    words = directive.split()
                    if words and words[0].lower() == "form-action":
                        return words[1:]
        return None

    def __repr__(self):
        return "%s %s -> %d %r" % (self.method, self.url, self.status, self.words()[:300])


class Cookie:
    def __init__(self, url, text):
        parts = [p.strip() for p in text.split(";")]
        self.name, _, self.value = parts[0].partition("=")
        a = dict((k.strip().lower(), v.strip()) for k, _, v in (p.partition("=") for p in parts[1:]))
        place = urllib.parse.urlsplit(url)
        self.host, self.host_only = (a["domain"].lstrip(".").lower(), False) if a.get("domain") else (place.hostname, True)
        self.path = a["path"] if a.get("path", "").startswith("/") else (place.path.rpartition("/")[0] or "/")
        self.secure, self.http_only, self.same_site = "secure" in a, "httponly" in a, a.get("samesite", "").lower()
        self.gone = a.get("max-age", "").lstrip("-").isdigit() and int(a["max-age"]) <= 0 or expired(a.get("expires"))
        safe = place.scheme == "https" or place.hostname == "localhost" or place.hostname.endswith(".localhost")
        self.allowed = (safe or not self.secure) and (self.same_site != "none" or self.secure) and place.hostname.endswith(self.host)
        if self.name.startswith("__Host-"):
            self.allowed &= self.secure and self.host_only and a.get("path") == "/"
        if self.name.startswith("__Secure-"):
            self.allowed &= self.secure

    def fits(self, place, method, cross_site):
        host = place.hostname == self.host or not self.host_only and place.hostname.endswith("." + self.host)
        path = self.path == place.path or place.path.startswith(self.path.rstrip("/") + "/")
        safe = place.scheme == "https" or place.hostname == "localhost" or place.hostname.endswith(".localhost")
        if cross_site and (self.same_site == "strict" or self.same_site == "lax" and method not in ("GET", "HEAD")):
            return False
        return host and path and (safe or not self.secure)


def expired(text):
    if not text:
        return False
    for form in ("%a, %d %b %Y %H:%M:%S GMT", "%a, %d-%b-%Y %H:%M:%S GMT"):
        try:
            return time.mktime(time.strptime(text, form)) - time.timezone <= time.time()
        except ValueError:
            continue
    return False


def site(url):
    """Scheme and registrable name; names of the stories have no public suffix deeper than one label."""
    place = urllib.parse.urlsplit(url)
    name = place.hostname if re.fullmatch(r"[\d.]+", place.hostname) else ".".join(place.hostname.split(".")[-2:])
    return place.scheme, name


class Connection(http.client.HTTPConnection):
    """To 127.0.0.1, whatever the name; TLS says the name."""

    def __init__(self, host, port, context, timeout):
        super().__init__(host, port, timeout=timeout)
        self.context = context

    def connect(self):
        self.sock = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        if self.context:
            self.sock = self.context.wrap_socket(self.sock, server_hostname=self.host)


class Browser:
    """One person's browser. ca: certificate files that are trusted. certificate: (certificate file, key file), presented to whoever asks.
    ports: {name: port} of hosts whose addresses name no port (a fake of a public service)."""

    def __init__(self, ca=(), certificate=None, timeout=60, language="en", ports=None):
        self.timeout, self.language, self.ports = timeout, language, ports or {}
        self.cookies, self.history = [], []
        self.context = ssl.create_default_context()
        for file in [ca] if isinstance(ca, str) else ca:
            self.context.load_verify_locations(file)
        if certificate:
            self.context.load_cert_chain(*certificate)

    # ---- what a person does

    def go(self, url, hold=None):
        """Types an address. hold(method, url, fields) true: the request is not sent but returned as (method, url, fields)."""
        return self.travel("GET", url, None, None, hold)

    def submit(self, page, button=None, form=None, fields=None, hold=None):
        """Sends a form of `page`: the one that has the button with this text, else `form` (index), else the only one. fields: what is typed in."""
        chosen = self.choose(page, button, form)
        values = [(n, v) for n, v in chosen.fields if n]
        for name, value in (fields or {}).items():
            values = [(n, v) for n, v in values if n != name] + [(name, value)]
        pressed = next(((n, v) for n, v, text in chosen.buttons if n and (button is None or button in text)), None)
        if pressed:
            values.append(pressed)
        return self.send(page, chosen, values, hold)

    def follow(self, page, text, hold=None):
        """Clicks the link with this text."""
        for href, words in page.links:
            if text in words:
                return self.travel("GET", urllib.parse.urljoin(page.url, href), None, page, hold)
        raise Refused("no link %r on %r" % (text, page))

    def post(self, url, fields, page=None, hold=None):
        """Posts fields (a dict or pairs) as a form of `page` would."""
        return self.travel("POST", url, urllib.parse.urlencode(fields).encode(), page, hold, fields)

    # ---- cookies

    def cookie(self, name):
        return next((c.value for c in self.cookies if c.name == name), None)

    def set_cookie(self, url, text):
        """As if `url` had answered with Set-Cookie: text. False when a browser would not take it."""
        cookie = Cookie(url, text)
        if not cookie.allowed:
            return False
        self.cookies = [c for c in self.cookies if (c.name, c.host, c.path) != (cookie.name, cookie.host, cookie.path)]
        if not cookie.gone:
            self.cookies.append(cookie)
        return True

    def forget(self):
        """Deletes all cookies."""
        self.cookies = []

    # ---- machinery

    @staticmethod
    def choose(page, button, index):
        if button is not None:
            found = [f for f in page.forms if any(button in text for _, _, text in f.buttons)]
        else:
            found = page.forms if index is None else page.forms[index:index + 1]
        if len(found) != 1:
            raise Refused("%d forms with button %r on %r" % (len(found), button, page))
        return found[0]

    def send(self, page, form, values, hold):
        url = urllib.parse.urljoin(page.url, form.action)
        if form.method == "POST":
            return self.travel("POST", url, urllib.parse.urlencode(values).encode(), page, hold, values)
        return self.travel("GET", url.partition("?")[0] + "?" + urllib.parse.urlencode(values), None, page, hold)

    def travel(self, method, url, body, page, hold, fields=()):
        """Sends, then follows redirects and forms that post themselves, until a page stays."""
        source, posted = page, method == "POST"
        for _ in range(MAX_STEPS):
            if posted and source is not None:
                check_form_action(source, url)
            if hold and hold(method, url, dict(fields)):
                return method, url, dict(fields)
            answer = self.request(method, url, body, source)
            location = answer.header("location")
            if answer.status in (301, 302, 303, 307, 308) and location:
                url = urllib.parse.urljoin(url, location)
                if answer.status < 307:
                    method, body, fields = "GET", None, ()
                continue
            form = answer.self_posting()
            if form:
                source, posted, method, fields = answer, True, "POST", form.fields
                url, body = urllib.parse.urljoin(answer.url, form.action), urllib.parse.urlencode(form.fields).encode()
            elif answer.parser.refresh:
                source, posted, method, body, fields = answer, False, "GET", None, ()
                url = urllib.parse.urljoin(answer.url, answer.parser.refresh)
            else:
                return answer
        raise Refused("more than %d steps, the last to %s" % (MAX_STEPS, url))

    def request(self, method, url, body, source):
        """One request, nothing followed."""
        place = urllib.parse.urlsplit(url)
        if place.scheme not in ("http", "https"):
            raise Refused("not a web address: " + url)
        secure = place.scheme == "https"
        connection = Connection(place.hostname, place.port or self.ports.get(place.hostname) or (443 if secure else 80), self.context if secure else None, self.timeout)
        try:
            connection.request(method, (place.path or "/") + ("?" + place.query if place.query else ""), body, self.headers(method, url, body, source))
            response = connection.getresponse()
            answer = Page(method, url, response.status, response.getheaders(), response.read())
        finally:
            connection.close()
        self.history.append(Step(method, url, answer.status))
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                self.set_cookie(url, value)
        return answer

    def headers(self, method, url, body, source):
        place = urllib.parse.urlsplit(url)
        cross = source is not None and site(source.url) != site(url)
        headers = {"Accept": "text/html,application/xhtml+xml", "Accept-Language": self.language, "User-Agent": "Mozilla/5.0 (stories)",
                   "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "cross-site" if cross else "none" if source is None else "same-origin"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            # A page with Referrer-Policy: no-referrer sends "null" (Fetch 3.2.5).
            policy = source.header("referrer-policy") if source is not None else "no-referrer"
            headers["Origin"] = "null" if "no-referrer" in policy.split(",")[-1].split() else "%s://%s" % urllib.parse.urlsplit(source.url)[:2]
        cookies = [c for c in self.cookies if c.fits(place._replace(path=place.path or "/"), method, cross)]
        if cookies:
            headers["Cookie"] = "; ".join("%s=%s" % (c.name, c.value) for c in sorted(cookies, key=lambda c: -len(c.path)))
        return headers


def check_form_action(page, url):
    sources = page.form_action()
    if sources is None:
        return
    own, to = urllib.parse.urlsplit(page.url), urllib.parse.urlsplit(url)
    for source in sources:
        if source == "'self'" and own[:2] == to[:2] or source == "*" or source.endswith(":") and to.scheme == source[:-1]:
            return
        place = urllib.parse.urlsplit(source if "://" in source else "%s://%s" % (to.scheme, source))
        if place.hostname and place[:2] == to[:2]:
            return
    raise Refused("form-action %s of %s forbids %s" % (" ".join(sources), page.url, url))
