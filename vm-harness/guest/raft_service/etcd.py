"""The etcd child process and its JSON gateway on loopback (etcd 3.4, /v3/…).

Knows etcd's words only; the runbook's shapes are made elsewhere.
"""

import base64
import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .config import Config

# Under software emulation a busy node answers seldom; etcd's own 100 ms and 1 s lose leaders.
HEARTBEAT_MS = 1000
ELECTION_MS = 8000
TIMEOUT_SECONDS = 10
RESTORE_SECONDS = 600


class EtcdError(Exception):
    """etcd answered with an error, or not at all."""


class Etcd:
    def __init__(self, config: Config) -> None:
        self.config = config
        self.data = config.layer.data_directory / "etcd"

    @property
    def token(self) -> str:
        return f"{self.config.cluster_name}-{self.config.layer.name}"

    def has_data(self) -> bool:
        """Whether this disk holds the log of a member: then nothing is formed or joined any more."""
        return (self.data / "member" / "wal").is_dir()

    def start(self, state: str, members: dict[str, str]) -> subprocess.Popen[bytes]:
        """Starts etcd. `state` is new or existing, `members` maps node id to Raft address; both
        count only while the data directory is empty."""
        config = self.config
        peer_url = f"https://{config.raft_addr}"
        client_url = f"http://127.0.0.1:{config.layer.etcd_port}"
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = {
            "name": config.node_id,
            "data-dir": self.data,
            "listen-peer-urls": peer_url,
            "initial-advertise-peer-urls": peer_url,
            "listen-client-urls": client_url,
            "advertise-client-urls": client_url,
            "initial-cluster": ",".join(f"{name}=https://{addr}" for name, addr in members.items()),
            "initial-cluster-state": state,
            "initial-cluster-token": self.token,
            "peer-cert-file": config.certificate,
            "peer-key-file": config.key,
            "peer-trusted-ca-file": config.ca,
            "heartbeat-interval": HEARTBEAT_MS,
            "election-timeout": ELECTION_MS,
            "logger": "zap",
            "log-level": "warn",
        }
        argv = [f"--{name}={value}" for name, value in options.items()]
        return subprocess.Popen(["/usr/bin/etcd", "--peer-client-cert-auth", *argv])

    def call(self, path: str, body: dict[str, object]) -> dict[str, object]:
        """One request to the gateway; raises EtcdError with etcd's own sentence."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.config.layer.etcd_port, timeout=TIMEOUT_SECONDS
        )
        try:
            connection.request("POST", f"/v3/{path}", json.dumps(body))
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EtcdError(f"etcd does not answer: {error}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise EtcdError(str(answer.get("message") or answer.get("error") or response.status))
        return answer

    def snapshot(self) -> Iterator[bytes]:
        """The pieces of a snapshot of this member's database; etcd puts the SHA-256 of all before it last."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.config.layer.etcd_port, timeout=TIMEOUT_SECONDS
        )
        try:
            connection.request("POST", "/v3/maintenance/snapshot", "{}")
            for line in connection.getresponse():
                message = json.loads(line)
                if "result" not in message:
                    raise EtcdError(f"the snapshot broke off: {message.get('error')}")
                yield base64.b64decode(message["result"].get("blob", ""))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EtcdError(f"etcd gives no snapshot: {error}") from error
        finally:
            connection.close()

    def restore(self, snapshot: Path) -> None:
        """Makes this node's data of a snapshot, as the only member of a new cluster. All or nothing: a
        restore that is cut off begins anew. Raises EtcdError with etcdctl's own words."""
        config = self.config
        unfinished = self.data.with_name("etcd.restoring")
        shutil.rmtree(unfinished, ignore_errors=True)
        peer_url = f"https://{config.raft_addr}"
        options = {
            "data-dir": unfinished,
            "name": config.node_id,
            "initial-cluster": f"{config.node_id}={peer_url}",
            "initial-advertise-peer-urls": peer_url,
            "initial-cluster-token": self.token,
        }
        argv = [f"--{name}={value}" for name, value in options.items()]
        done = subprocess.run(
            ["/usr/bin/etcdctl", "snapshot", "restore", str(snapshot), *argv],
            env={"ETCDCTL_API": "3"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=RESTORE_SECONDS,
        )
        if done.returncode != 0:
            raise EtcdError(f"{snapshot} can't be restored: {done.stderr.strip()[-400:]}")
        unfinished.rename(self.data)

    def put(self, key: str, value: str) -> None:
        self.call("kv/put", {"key": _encode(key), "value": _encode(value)})

    def get(self, key: str, serializable: bool = False) -> str | None:
        """The value of `key`. `serializable` reads this member's own copy without asking the leader."""
        answer = self.call("kv/range", {"key": _encode(key), "serializable": serializable})
        kvs = answer.get("kvs", [])
        return base64.b64decode(kvs[0].get("value", "")).decode() if kvs else None


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
