"""Socket Mode of the fake Slack: addresses with a ticket that is good once, WebSockets (by the library python3-websockets), envelopes that have to be acknowledged.

As Slack does: an event that is not acknowledged within 3 seconds, or whose connection ends before, is sent again, at most three times; a click or a command is
not. At most 10 connections an app. What a client may not do is noted as a violation and ends its connection.

  POST /control/socket_send   {"type": "events_api", "payload": {...}, "accepts_response_payload": false, "pieces": 1, "copies": 1}   -> {"envelope_id": "..."}
  POST /control/socket_fault  {"kind": "disconnect", "reason": "warning" | "refresh_requested" | "link_disabled"}, and of the kinds drop, close, masked, binary, not_utf8,
                              not_json, too_long, ping, unfinished (a message whose end never comes), no_hello, refuse_upgrade (the next connection), mute (acknowledgements are not heard, once)
  GET  /control/socket        {"open": 1, "opened": 3, "asked": 3, "pongs": 0, "closes": [1000], "violations": [], "envelopes": [{"envelope_id", "type", "sent": 1, "answers": [...], "after_s": 0.01}]}
"""
import asyncio
import collections
import http
import json
import secrets
import ssl
import sys
import threading
import time
import urllib.parse

try:
    import websockets
except ImportError:  # another python in front of Debian's
    sys.path.append("/usr/lib/python3/dist-packages")
    import websockets

CONNECTIONS_MOST, TICKET_S, ACK_S, COPIES_MOST, MESSAGE_MOST = 10, 30, 3.0, 3, 1024 * 1024


class Sockets:
    """Lives beside a Workspace: its HTTP threads call it, one thread of its own runs the loop."""

    def __init__(self, app_token, tls=None):
        """tls: certificate file, key file; None: plain, on this machine."""
        self.tls = tls
        self.app_token, self.tickets, self.used = app_token, {}, set()
        self.connections, self.envelopes, self.violations, self.closes = [], {}, [], []
        self.opened = self.asked = self.pongs = 0
        self.faults = []
        self.loop = asyncio.new_event_loop()
        self.port, ready = None, threading.Event()
        threading.Thread(target=self.run, args=(ready,), daemon=True).start()
        ready.wait(60)

    def run(self, ready):
        asyncio.set_event_loop(self.loop)

        async def start():
            context = None
            if self.tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*self.tls)
            self.server = await websockets.serve(self.serve, "127.0.0.1", 0, ssl=context, ping_interval=None, close_timeout=1, max_size=MESSAGE_MOST, process_request=self.judge_upgrade)
            self.port = self.server.sockets[0].getsockname()[1]
            ready.set()
        self.loop.run_until_complete(start())
        self.loop.run_forever()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    # -- apps.connections.open --

    def open(self):
        self.asked += 1
        ticket = secrets.token_hex(16)
        self.tickets[ticket] = time.time()
        return {"url": "%s://127.0.0.1:%d/link/?ticket=%s&app_id=A1" % ("wss" if self.tls else "ws", self.port, ticket)}

    async def judge_upgrade(self, path, headers):
        if self.take_fault("refuse_upgrade"):
            return http.HTTPStatus.SERVICE_UNAVAILABLE, [], b"busy"
        url = urllib.parse.urlsplit(path)
        ticket = dict(urllib.parse.parse_qsl(url.query)).get("ticket", "")
        if url.path != "/link/" or ticket in self.used or time.time() - self.tickets.get(ticket, 0) > TICKET_S:
            return http.HTTPStatus.FORBIDDEN, [], b"ticket"
        self.used.add(ticket)
        return None

    # -- a connection --

    async def serve(self, socket):
        if len(self.connections) >= CONNECTIONS_MOST:
            await socket.send(json.dumps({"type": "disconnect", "reason": "too_many_websockets"}))
            return
        socket.waiting, socket.owed = {}, collections.Counter()  # envelopes whose time still runs; how many acknowledgements of each may come
        self.connections.append(socket)
        self.opened += 1
        try:
            if not self.take_fault("no_hello"):
                await socket.send(json.dumps({"type": "hello", "num_connections": len(self.connections), "connection_info": {"app_id": "A1"},
                                              "debug_info": {"host": "applink-1", "build_number": 1, "approximate_connection_time": 18060}}))
                socket.greeted = True
            async for text in socket:
                if not self.take_fault("mute"):
                    self.take_answer(socket, text)
        except websockets.ConnectionClosed:
            pass
        finally:
            self.closes.append(socket.close_code)
            self.connections.remove(socket)
            for envelope in list(socket.waiting.values()):
                self.loop.create_task(self.again(envelope, "connection_closed"))

    def violate(self, socket, words):
        self.violations.append(words)
        self.loop.create_task(socket.close(1008, words[:100]))

    def take_answer(self, socket, text):
        try:
            answer = json.loads(text) if isinstance(text, str) else None
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not set(answer) <= {"envelope_id", "payload"} or not isinstance(answer.get("envelope_id"), str):
            self.violate(socket, "not an acknowledgement: %r" % text[:200])
            return
        socket.waiting.pop(answer["envelope_id"], None)
        socket.owed[answer["envelope_id"]] -= 1
        envelope = self.envelopes.get(answer["envelope_id"])
        if socket.owed[answer["envelope_id"]] < 0:
            self.violate(socket, "acknowledges what was not sent here, or twice: %s" % answer["envelope_id"])
        elif answer.get("payload") not in (None, {}) and not (envelope["accepts_response_payload"] and isinstance(answer["payload"], dict)):  # Slack's own client says {} each time
            self.violate(socket, "an answer where none is wanted: %s" % text[:200])
        else:
            envelope["answers"].append(answer.get("payload"))
            envelope["after_s"] = round(time.monotonic() - envelope["at"], 3)

    # -- envelopes --

    def ready(self):
        return [c for c in self.connections if getattr(c, "greeted", False) and c.open and not getattr(c, "leaving", False)]

    async def deliver(self, envelope):
        """To one of the connections, as soon as there is one."""
        while not self.ready():
            await asyncio.sleep(0.02)
        socket = secrets.choice(self.ready())
        body = {key: envelope[key] for key in ("envelope_id", "type", "payload", "accepts_response_payload")}
        if envelope["sent"] > 0:
            body.update(retry_attempt=envelope["sent"], retry_reason=envelope["reason"])
        else:
            body.update(retry_attempt=0, retry_reason="")
        envelope["sent"] += 1
        envelope["at"] = time.monotonic()
        socket.waiting[envelope["envelope_id"]] = envelope
        socket.owed[envelope["envelope_id"]] += 1  # one that comes too late is no offence: the next copy is on its way then
        text = json.dumps(body)
        size = max(1, -(-len(text) // envelope["pieces"]))
        try:
            await socket.send(text if envelope["pieces"] == 1 else [text[i:i + size] for i in range(0, len(text), size)])
        except websockets.ConnectionClosed:
            return  # `serve` sends it again
        self.loop.create_task(self.watch(socket, envelope, envelope["sent"]))

    async def watch(self, socket, envelope, sent):
        await asyncio.sleep(ACK_S)
        if envelope["sent"] == sent and socket.waiting.pop(envelope["envelope_id"], None) is not None:
            await self.again(envelope, "timeout")

    async def again(self, envelope, reason):
        envelope["reason"] = reason
        if envelope["type"] == "events_api" and envelope["sent"] <= COPIES_MOST:
            await self.deliver(envelope)

    def send(self, given):
        copies = given.get("copies", 1)
        first = None
        for _ in range(copies):
            envelope = {"envelope_id": "%s-%s" % (secrets.token_hex(4), secrets.token_hex(6)), "type": given["type"], "payload": given["payload"], "pieces": given.get("pieces", 1),
                        "accepts_response_payload": given.get("accepts_response_payload", given["type"] != "events_api"), "sent": 0, "answers": [], "reason": "", "after_s": None}
            self.envelopes[envelope["envelope_id"]] = envelope
            first = first or envelope["envelope_id"]
            asyncio.run_coroutine_threadsafe(self.deliver(envelope), self.loop)
        return {"envelope_id": first}

    # -- faults --

    def take_fault(self, kind):
        if kind in self.faults:
            self.faults.remove(kind)
            return True
        return False

    async def do_fault(self, given):
        raw = {"masked": b"\x81\x85\x00\x00\x00\x00hello", "binary": b"\x82\x01x", "not_utf8": b"\x81\x02\xc3\x28", "too_long": b"\x81\x7f\x00\x00\x00\x00\x00\x20\x00\x00", "unfinished": b"\x01\x02{\"",
               "not_json": b"\x81\x05hello", "ping": b"\x89\x05there"}
        for socket in list(self.connections):
            if given["kind"] == "disconnect":
                await socket.send(json.dumps({"type": "disconnect", "reason": given["reason"], "debug_info": {"host": "applink-1"}}))
                socket.leaving = given["reason"] == "link_disabled" or given.get("leaving", False)
            elif given["kind"] == "drop":
                socket.transport.abort()
            elif given["kind"] == "close":
                self.loop.create_task(socket.close(given.get("status", 1000)))
            elif given["kind"] == "ping":
                waiter = await socket.ping()
                waiter.add_done_callback(lambda _: setattr(self, "pongs", self.pongs + 1))
            else:
                socket.transport.write(raw[given["kind"]])

    def control(self, name, given):
        if name == "socket_send":
            return self.send(given)
        if name == "socket_fault":
            if given["kind"] in ("no_hello", "refuse_upgrade", "mute"):
                self.faults.append(given["kind"])
            else:
                self.call(self.do_fault(given))
            return {"ok": True}
        if name == "socket":
            told = [{key: e[key] for key in ("envelope_id", "type", "sent", "answers", "after_s")} for e in self.envelopes.values()]
            return {"open": len(self.connections), "opened": self.opened, "asked": self.asked, "pongs": self.pongs, "closes": self.closes, "violations": self.violations, "envelopes": told}
        return None
