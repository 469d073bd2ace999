"""The HTTPS face of a layer: the paths and shapes of the runbook. TLS proves the server to the
client; callers present no certificate, as the runbook's curl lines do not. Holds no state.
"""

import hashlib
import json
import os
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from .etcd import EtcdError
from .members import Refusal
from .node import Node

MAX_BODY_BYTES = 1 << 20
CHUNK_BYTES = 1 << 16
IDLE_SECONDS = 30
NODE_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
RAFT_ADDR = re.compile(r"\d{1,3}(\.\d{1,3}){3}:\d{1,5}")


def serve(node: Node) -> ThreadingHTTPServer:
    """Binds the layer's port on every address. Handshakes run in each connection's own thread."""
    tls = node.config.server_tls()

    class LayerHandler(Handler):
        def setup(self) -> None:
            self.request.settimeout(IDLE_SECONDS)
            self.request = tls.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()

    LayerHandler.node = node
    server = QuietServer(("0.0.0.0", node.config.layer.api_port), LayerHandler)
    server.daemon_threads = True
    return server


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that break off a handshake or a request are not worth a traceback."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    node: Node

    def do_GET(self) -> None:
        members = self.node.members
        if self.path == "/health":
            health = self.node.health()
            self._answer(200 if health["status"] in ("healthy", "waiting") else 503, health)
        elif self.path == "/admin/cluster/members":
            self._try(members.describe)
        elif self.path == "/admin/snapshot":
            self._send_snapshot()
        elif self.path == "/internal/members":
            self._try(members.roster)
        elif self.path == "/admin/cluster/leader":
            self._try(members.leader)
        elif key := self._below("/v1/kv/"):
            self._try(lambda: self._read(key))
        else:
            self._answer(404, {"error": f"no such path: {self.path}"})

    def do_PUT(self) -> None:
        if key := self._below("/v1/kv/"):
            self._try(lambda: self._write(key, self._body("value")["value"]))
        else:
            self._answer(404, {"error": f"no such path: {self.path}"})

    def do_POST(self) -> None:
        if self.path == "/admin/member/add":
            self._try(self._add)
        elif self.path == "/admin/cluster/leader/transfer":
            self._try(lambda: self.node.members.transfer_leader(self._body("id")["id"]))
        else:
            self._answer(404, {"error": f"no such path: {self.path}"})

    def do_DELETE(self) -> None:
        if node_id := self._below("/admin/member/"):
            self._try(lambda: self.node.members.remove(node_id))
        else:
            self._answer(404, {"error": f"no such path: {self.path}"})

    def _read(self, key: str) -> dict[str, object]:
        value = self.node.etcd.get(f"kv/{key}")
        if value is None:
            raise Refusal(404, f"no key is called {key}")
        return {"key": key, "value": value}

    def _write(self, key: str, value: str) -> dict[str, object]:
        self.node.hold_writes()
        self.node.etcd.put(f"kv/{key}", value)
        return {"key": key, "value": value}

    def _add(self) -> dict[str, object]:
        body = self._body("id", "raft_addr")
        if not NODE_ID.fullmatch(body["id"]) or not RAFT_ADDR.fullmatch(body["raft_addr"]):
            raise Refusal(400, "id must be a host label and raft_addr ADDRESS:PORT")
        return self.node.members.add(body["id"], body["raft_addr"])

    def _send_snapshot(self) -> None:
        """A snapshot of this member with its length, hash, term and index in the head, so that a reader
        knows whether it is whole: it is written down, under no name, before the first octet leaves."""
        try:
            # Asked first: what is copied later holds at least that.
            progress = self.node.members.progress()
            directory = self.node.config.layer.data_directory
            with os.fdopen(os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o600), "w+b") as file:
                digest = hashlib.sha256()
                for piece in self.node.etcd.snapshot():
                    digest.update(piece)
                    file.write(piece)
                size = file.tell()
                file.seek(0)
                self.send_response(200)
                self.send_header("Content-Type", "application/octet-stream")
                self.send_header("Content-Length", str(size))
                self.send_header("X-Raft-Term", str(progress["term"]))
                self.send_header("X-Raft-Index", str(progress["index"]))
                self.send_header("X-Snapshot-Sha256", digest.hexdigest())
                self.end_headers()
                while piece := file.read(CHUNK_BYTES):
                    self.wfile.write(piece)
        except EtcdError as error:
            self._answer(503, {"error": str(error)}, 2)

    def _below(self, prefix: str) -> str:
        return unquote(self.path.removeprefix(prefix)) if self.path.startswith(prefix) else ""

    def _body(self, *keys: str) -> dict[str, str]:
        """The JSON object of the request, which must hold a string for each of `keys`."""
        size = int(self.headers.get("Content-Length") or 0)
        if size > MAX_BODY_BYTES:
            self.close_connection = True
            raise Refusal(413, f"the body may have {MAX_BODY_BYTES} bytes")
        try:
            body = json.loads(self.rfile.read(size))
        except ValueError as error:
            raise Refusal(400, f"the body is not JSON: {error}") from error
        if not isinstance(body, dict) or not all(isinstance(body.get(key), str) for key in keys):
            raise Refusal(400, f"the body must be an object with the strings {', '.join(keys)}")
        return body

    def _try(self, action) -> None:
        try:
            self._answer(200, action())
        except Refusal as refusal:
            self._answer(refusal.status, {"error": str(refusal)}, refusal.retry_after)
        except EtcdError as error:
            self._answer(503, {"error": str(error)}, 2)

    def _answer(self, status: int, body: dict[str, object], retry_after: int | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged: pollers would fill the journal."""
