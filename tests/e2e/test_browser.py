"""The stories' browser keeps a real one's rules: a story that passes because its browser is lax proves nothing."""
import http.server
import threading

import harness
from browser import Browser, Refused
from harness import expect

PAGES = {
    "/set": (200, [("Set-Cookie", "lax=1; Path=/; SameSite=Lax"), ("Set-Cookie", "strict=1; Path=/; SameSite=Strict"), ("Set-Cookie", "deep=1; Path=/deep"),
                   ("Set-Cookie", "secret=1; Path=/; Secure"), ("Set-Cookie", "__Host-x=1; Path=/")], ""),
    "/unset": (200, [("Set-Cookie", "lax=; Path=/; Max-Age=0")], ""),
    "/hop": (302, [("Location", "/echo")], ""),
    "/loop": (302, [("Location", "/loop")], ""),
    "/auto": (200, [], "<form method=post action='http://two.example:%(port)d/echo'><input type=hidden name=SAMLResponse value='a&amp;b'><input type=submit></form>"),
    "/ask": (200, [], "<form method=post action=/echo><input type=hidden name=code value=1><input name=user></form>"),
    "/only-self": (200, [("Content-Security-Policy", "default-src 'none'; form-action 'self'")], "<form method=post action=/away><button>Go on</button></form>"),
    "/both": (200, [("Content-Security-Policy", "form-action 'self' http://two.example:%(port)d")], "<form method=post action=/away><button>Go on</button></form>"),
    "/away": (303, [("Location", "http://two.example:%(port)d/echo")], ""),
    "/buttons": (200, [], "<form method=post action=/echo><input name=a value=1><button name=which value=yes>Yes please</button><button name=which value=no>No</button></form>"
                          "<a href=hop>Hop <b>here</b></a>"),
}


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        path = self.path.partition("?")[0]
        status, headers, text = PAGES.get(path, (200, [], "%s|%s|%s" % (self.command, self.headers.get("cookie", ""), body)))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value.replace("%(port)d", str(self.server.server_port)))
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(text.replace("%(port)d", str(self.server.server_port)).encode())

    do_GET = do_POST = answer

    def log_message(self, *args):
        pass


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, "http://one.example:%d" % server.server_port, "http://two.example:%d" % server.server_port


def refused(call):
    try:
        call()
    except Refused:
        return True
    return False


def story_cookies_go_where_a_browser_lets_them(world):
    server, one, two = serve()
    browser = Browser()
    browser.go(one + "/set")
    page = browser.go(one + "/echo")
    rows = [
        ("typed: all that fit", page, "lax=1; strict=1"),
        ("under the path", browser.go(one + "/deep/er"), "deep=1; lax=1; strict=1"),
        ("another host", browser.go(two + "/echo"), ""),
        ("a form of another site", browser.post(one + "/echo", {"a": 1}, page=browser.go(two + "/echo")), ""),
        ("a form of the same site", browser.post(one + "/echo", {"a": 1}, page=page), "lax=1; strict=1"),
    ]
    for name, got, cookies in rows:
        expect(got.text.split("|")[1] == cookies, "%s: %s" % (name, got.text))
    browser.go(one + "/unset")
    expect(browser.cookie("lax") is None and browser.cookie("strict") == "1", "Max-Age=0 deletes")
    server.shutdown()


def story_pages_lead_where_a_browser_lets_them(world):
    server, one, two = serve()
    browser = Browser()
    expect(browser.go(one + "/hop").text == "GET||", "a redirect is followed")
    expect(browser.go(one + "/auto").text == "POST||SAMLResponse=a%26b", "a form posts itself")
    held = browser.go(one + "/auto", hold=lambda method, url, fields: "SAMLResponse" in fields)
    expect(held == ("POST", two + "/echo", {"SAMLResponse": "a&b"}), "held: %r" % (held,))
    asks = browser.go(one + "/ask")
    expect(asks.url.endswith("/ask"), "a form with something to fill in stays")
    expect(browser.submit(asks, fields={"user": "ana"}).text == "POST||code=1&user=ana", "filled in")
    buttons = browser.go(one + "/buttons")
    expect(browser.submit(buttons, button="No").text == "POST||a=1&which=no", "the pressed button is sent")
    expect(browser.follow(buttons, "Hop here").url == one + "/echo", "a link is followed")
    expect(refused(lambda: browser.go(one + "/loop")), "a loop ends")
    only_self, both = browser.go(one + "/only-self"), browser.go(one + "/both")
    expect(refused(lambda: browser.submit(only_self, button="Go on")), "form-action holds for the redirect after the form")
    expect(browser.submit(both, button="Go on").url == two + "/echo", "and lets through what it names")
    server.shutdown()


if __name__ == "__main__":
    harness.main(globals())
