"""The members of a layer: who they are, whether they answer, adding, promoting and removing them.

Translates between etcd's member list and the runbook's shapes (requirements D4 to D10). A member's
node id is its etcd name; a member that has not started yet has none, so the id is also kept in a
key of the cluster's own store.
"""

import http.client
import json
import socket
from dataclasses import dataclass
from threading import Thread

from .config import Config
from .etcd import Etcd, EtcdError

ASK_TIMEOUT_SECONDS = 10
# etcd refuses these for now, not for good: a learner is catching up, or a member is not yet seen by all.
PASSING = ("too many learner", "unhealthy cluster", "not enough started members", "no leader", "timed out")


class Refusal(Exception):
    """A request that is answered with an error. `retry_after` is set when it may succeed later."""

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Silent(Exception):
    """Nothing listens at the address, or no route leads there."""


@dataclass(frozen=True)
class Member:
    etcd_id: str
    node_id: str
    raft_addr: str
    learner: bool
    started: bool


def ask(config: Config, host: str, address: str, path: str) -> dict[str, object]:
    """GET `path` from the service named `host` at `address`, over TLS verified against the cluster CA.
    Raises Silent when nothing is there, and OSError or ValueError when something answers wrongly."""
    connection = http.client.HTTPSConnection(host, config.layer.api_port, timeout=ASK_TIMEOUT_SECONDS)
    try:
        sock = _connect(address, config.layer.api_port)
        connection.sock = config.client_tls.wrap_socket(sock, server_hostname=host)
        connection.request("GET", path)
        return json.loads(connection.getresponse().read(1 << 20))
    except http.client.HTTPException as error:
        raise OSError(f"{host} answers no HTTP: {error}") from error
    finally:
        connection.close()


def _connect(address: str, port: int) -> socket.socket:
    try:
        return socket.create_connection((address, port), timeout=ASK_TIMEOUT_SECONDS)
    except OSError as error:
        raise Silent(str(error)) from error


class Members:
    def __init__(self, config: Config, etcd: Etcd) -> None:
        self.config = config
        self.etcd = etcd

    def list(self) -> list[Member]:
        answer = self.etcd.call("cluster/member/list", {})
        return [self._member(entry) for entry in answer.get("members", [])]

    def _member(self, entry: dict[str, object]) -> Member:
        raft_addr = entry["peerURLs"][0].removeprefix("https://")
        name = entry.get("name") or ""
        node_id = name or self.etcd.get(f"members/{raft_addr}", serializable=True) or raft_addr
        return Member(entry["ID"], node_id, raft_addr, entry.get("isLearner", False), name != "")

    def roster(self) -> dict[str, object]:
        """The members without their health: what a node that waits to be added polls."""
        leader = self.etcd.call("maintenance/status", {}).get("leader")
        return {
            "members": [
                {
                    "id": member.node_id,
                    "raft_addr": member.raft_addr,
                    "role": _role(member, leader),
                    "started": member.started,
                }
                for member in self.list()
            ]
        }

    def describe(self) -> dict[str, object]:
        """The body of GET /admin/cluster/members. Each member is asked for its health now."""
        members = self.roster()["members"]
        threads = [Thread(target=self._ask_status, args=(member,)) for member in members]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"members": members}

    def _ask_status(self, member: dict[str, object]) -> None:
        host = f"{member['id']}.{self.config.domain}"
        address = str(member["raft_addr"]).rpartition(":")[0]
        try:
            member["status"] = ask(self.config, host, address, "/health").get("status", "unhealthy")
        except Silent:
            member["status"] = "unreachable"
        except (OSError, ValueError):
            member["status"] = "unhealthy"

    def progress(self) -> dict[str, int]:
        """The Raft term of this member, and the last log index whose effect it holds."""
        status = self.etcd.call("maintenance/status", {})
        return {"term": int(status["raftTerm"]), "index": int(status["raftAppliedIndex"])}

    def leader(self) -> dict[str, object]:
        """The body of GET /admin/cluster/leader, from the Raft state of this member."""
        leader = self.etcd.call("maintenance/status", {}).get("leader")
        for member in self.list():
            if member.etcd_id == leader:
                return {"id": member.node_id, "raft_addr": member.raft_addr, **self.progress()}
        raise Refusal(503, "this member knows no leader", retry_after=2)

    def transfer_leader(self, node_id: str) -> dict[str, object]:
        """Hands this member's lead to the voter `node_id`. etcd refuses where this member does not lead."""
        for member in self.list():
            if member.node_id == node_id and not member.learner:
                if self.etcd.call("maintenance/status", {}).get("leader") != member.etcd_id:
                    self.etcd.call("maintenance/transfer-leadership", {"targetID": member.etcd_id})
                return {"id": node_id}
        # Not 404: that says that there is no such call.
        raise Refusal(409, f"no voter is called {node_id}")

    def add(self, node_id: str, raft_addr: str) -> dict[str, object]:
        """Adds `node_id` as a learner; the leader makes it a voter once it has caught up."""
        members = self.list()
        for member in members:
            if (member.node_id, member.raft_addr) == (node_id, raft_addr):
                return {"id": node_id, "raft_addr": raft_addr, "added": False}
            if member.raft_addr == raft_addr:
                raise Refusal(409, f"{raft_addr} belongs to member {member.node_id}")
            if member.node_id == node_id:
                raise Refusal(409, f"{node_id} is a member at {member.raft_addr}: remove it first")
        pending = [member.node_id for member in members if member.learner]
        if pending:
            raise Refusal(503, f"{pending[0]} is still catching up", retry_after=2)
        try:
            self.etcd.put(f"members/{raft_addr}", node_id)
            self.etcd.call("cluster/member/add", {"peerURLs": [f"https://{raft_addr}"], "isLearner": True})
        except EtcdError as error:
            if any(words in str(error) for words in PASSING):
                raise Refusal(503, str(error), retry_after=2) from error
            raise
        return {"id": node_id, "raft_addr": raft_addr, "added": True}

    def remove(self, node_id: str) -> dict[str, object]:
        for member in self.list():
            if member.node_id == node_id:
                self.etcd.call("cluster/member/remove", {"ID": member.etcd_id})
                return {"id": node_id, "removed": True}
        raise Refusal(404, f"no member is called {node_id}")

    def promote_learners(self) -> None:
        """On the leader, makes voters of the learners that have caught up. etcd refuses the others; they wait."""
        status = self.etcd.call("maintenance/status", {})
        if status.get("leader") != status["header"]["member_id"]:
            return
        for member in self.list():
            if member.learner and member.started:
                try:
                    self.etcd.call("cluster/member/promote", {"ID": member.etcd_id})
                except EtcdError as error:
                    if "in sync" not in str(error):
                        raise


def _role(member: Member, leader: object) -> str:
    if member.learner:
        return "learner"
    return "leader" if member.etcd_id == leader else "follower"
