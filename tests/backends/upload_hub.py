"""A Hub on loopback that takes uploads, for the tests of what is uploaded."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub(BaseHTTPRequestHandler):
    """Refuses some requests, then takes every file in the commit itself, as the Hub does with small ones."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.path, body))
        if self.server.refusals > 0:
            self.server.refusals -= 1
            return self._answer(400, {"error": f"{self.headers.get('Authorization')} may not write"})
        if self.path == "/api/repos/create":
            return self._answer(200, {"url": f"{self.server.url}/lab/student"})
        if self.path.endswith("/preupload/main"):
            files = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                for one in json.loads(body)["files"]
            ]
            return self._answer(200, {"files": files})
        if self.path.endswith("/commit/main"):
            return self._answer(
                200, {"commitOid": "c0ffee", "commitUrl": f"{self.server.url}/lab/student/commit/c0ffee"}
            )
        return self._answer(200, {})

    def do_GET(self):
        self._answer(200, {"id": "any", "sha": "0", "siblings": []})

    def _answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


@contextmanager
def upload_hub(refusals=0):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.seen, server.refusals, server.url = [], refusals, f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
