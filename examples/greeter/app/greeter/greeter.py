"""A small HTTP service to deploy: greets, tells its version, and leaves without dropping a request."""

import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = os.environ.get("GREETER_VERSION", "dev")
GREETING = os.environ.get("GREETING", "hello")
LEAVE_AFTER = float(os.environ.get("LEAVE_AFTER_SECONDS", "3"))
started = time.monotonic()
leaving = threading.Event()


class Greeter(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {"status": "ok", "uptime_seconds": round(time.monotonic() - started, 1)})
        elif self.path == "/ready":
            ready = not leaving.is_set()
            self.answer(200 if ready else 503, {"ready": ready})
        elif self.path == "/":
            self.answer(200, {"greeting": GREETING, "version": VERSION, "pod": os.environ.get("HOSTNAME", "")})
        else:
            self.answer(404, {"error": "there is nothing here", "path": self.path})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if leaving.is_set():
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *args):
        if self.path not in ("/health", "/ready"):
            print(f"{self.address_string()} {format % args}", flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128


def main():
    server = Server(("", int(os.environ.get("PORT", "8080"))), Greeter)

    def leave(signum, frame):
        # Not ready at once, but answering until the endpoint is gone everywhere.
        leaving.set()
        threading.Thread(target=lambda: (time.sleep(LEAVE_AFTER), server.shutdown()), daemon=True).start()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    print(f"greeter {VERSION} listens on port {server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.2)
    print("greeter is done", flush=True)


if __name__ == "__main__":
    main()
