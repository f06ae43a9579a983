#!/usr/bin/env python3
"""A web server of documents on loopback, for tests that need somebody's metadata or keys: what was put at a path is what a GET there gets.

usage: fake_documents.py [--port N]
Prints "listening PORT".

  POST /control/put     {"path": "/jwks", "body": "...", "status": 200, "seconds": 0}     `seconds`: how long it takes to answer
  GET  /control/gets    [path]           every GET of a document, in order
"""
import argparse
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_MOST = 1024 * 1024


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def say(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        state = self.server.state
        with state["lock"]:
            if self.path == "/control/gets":
                self.say(200, json.dumps(state["gets"]).encode())
                return
            state["gets"].append(self.path)
            document = state["documents"].get(self.path, {"status": 404})
        time.sleep(document.get("seconds", 0))
        try:
            self.say(document.get("status", 200), document.get("body", "").encode())
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def do_POST(self):
        state = self.server.state
        body = json.loads(self.rfile.read(min(int(self.headers.get("Content-Length") or 0), BODY_MOST)))
        with state["lock"]:
            state["documents"][body["path"]] = body
        self.say(200)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a peer that hangs up is part of the story


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    server = Server(("127.0.0.1", options.port), Handler)
    server.state = {"lock": threading.Lock(), "documents": {}, "gets": []}
    print("listening %d" % server.server_address[1], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
