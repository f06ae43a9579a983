#!/usr/bin/env python3
"""An SMTP server on loopback for tests: aiosmtpd, with faults, and an HTTP side to steer it.

usage: smtp_sink.py [--tls CERT KEY] [--user NAME --password WORD] [--smtp-port N]
Needs python3-aiosmtpd. Prints "listening PORT" (of the HTTP side) when it is ready.

  GET  /control/port      {"port": N} of the SMTP side
  POST /control/faults    [{"at": "rcpt", "say": "451 busy", "times": 1}]   replaces the faults
       at: ehlo, mail, rcpt, data (instead of 354), text (the answer to the text)
       say: an answer, or "stall" (nothing comes), "hang_up" (the connection ends), "hang_up_after" (text: taken, then it ends without an answer)
  POST /control/tls       {"offered": false}   whether STARTTLS is offered
  GET  /control/mails     [{"from", "to", "tls", "raw", "subject", "headers": {...}, "text", "html", "defects"}] as Python's email library reads them
"""
import argparse
import asyncio
import email
import email.policy
import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

try:
    from aiosmtpd.smtp import AuthResult, SMTP
except ImportError:  # another python3 than Debian's is first in PATH
    sys.path.append("/usr/lib/python3/dist-packages")
    from aiosmtpd.smtp import AuthResult, SMTP


class Sink:
    def __init__(self):
        self.lock = threading.Lock()
        self.mails, self.faults, self.tls_offered, self.port = [], [], True, 0

    def fault(self, at):
        with self.lock:
            for fault in self.faults:
                if fault["at"] == at and fault.get("times", 1) > 0:
                    fault["times"] = fault.get("times", 1) - 1
                    return fault["say"]
        return None

    def take(self, envelope, tls):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        defects = [str(d) for part in message.walk() for d in part.defects] + [name + ": " + str(d) for name, value in message.items() for d in value.defects]
        body = {part.get_content_type(): part.get_content().replace("\r\n", "\n") for part in message.walk() if not part.is_multipart()}
        with self.lock:
            self.mails.append({"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": tls, "raw": envelope.content.decode("utf-8", "replace"), "subject": message["subject"],
                               "headers": {name.lower(): str(value) for name, value in message.items()}, "type": message.get_content_type(),
                               "text": body.get("text/plain"), "html": body.get("text/html"), "order": list(body), "defects": defects})


class Faulty(SMTP):
    sink = None

    async def misbehave(self, at):
        """True: the command was answered otherwise, or never will be."""
        say = self.sink.fault(at)
        if say is None:
            return False
        if say == "stall":
            await asyncio.sleep(3600)
        elif say == "hang_up":
            self.transport.abort()
        else:
            await self.push(say)
        return True

    async def smtp_EHLO(self, hostname):
        if not await self.misbehave("ehlo"):
            kept, self.tls_context = self.tls_context, self.tls_context if self.sink.tls_offered else None
            await super().smtp_EHLO(hostname)
            self.tls_context = kept

    async def smtp_MAIL(self, argument):
        if not await self.misbehave("mail"):
            await super().smtp_MAIL(argument)

    async def smtp_RCPT(self, argument):
        if not await self.misbehave("rcpt"):
            await super().smtp_RCPT(argument)

    async def smtp_DATA(self, argument):
        if not await self.misbehave("data"):
            await super().smtp_DATA(argument)


class Handler:
    def __init__(self, sink):
        self.sink = sink

    async def handle_DATA(self, server, session, envelope):
        say = self.sink.fault("text")
        if say == "stall":
            await asyncio.sleep(3600)
        if say == "hang_up":
            server.transport.abort()
            return "451 gone"
        if say is not None and say != "hang_up_after":
            return say
        self.sink.take(envelope, session.ssl is not None)
        if say == "hang_up_after":
            server.transport.abort()
        return "250 taken"


class Control(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        sink = self.server.sink
        with sink.lock:
            self.answer({"port": sink.port} if self.path == "/control/port" else sink.mails)

    def do_POST(self):
        sink = self.server.sink
        value = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
        with sink.lock:
            if self.path == "/control/faults":
                sink.faults = value
            elif self.path == "/control/tls":
                sink.tls_offered = value["offered"]
        self.answer({"ok": True})


def authenticator(options):
    def check(server, session, envelope, mechanism, data):
        good = data.login == options.user.encode() and data.password == options.password.encode()
        return AuthResult(success=good, handled=good)
    return check


async def serve(options, sink):
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
    login = {"authenticator": authenticator(options), "auth_required": True} if options.user else {}
    Faulty.sink = sink
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Faulty(Handler(sink), hostname="sink.example", tls_context=context, require_starttls=False, enable_SMTPUTF8=False,
                                                     auth_require_tls=context is not None, loop=loop, **login), "127.0.0.1", options.smtp_port)
    sink.port = server.sockets[0].getsockname()[1]
    control = ThreadingHTTPServer(("127.0.0.1", 0), Control)
    control.daemon_threads = True
    control.sink = sink
    threading.Thread(target=control.serve_forever, daemon=True).start()
    print("listening %d" % control.server_address[1], flush=True)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--smtp-port", type=int, default=0)
    try:
        asyncio.run(serve(parser.parse_args(), Sink()))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
