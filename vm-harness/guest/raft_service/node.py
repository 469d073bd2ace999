"""The life of one node's layer: forms a cluster, waits to be added to one, or goes on with its data.

Keeps etcd running and says what the node is. The decision is made once per disk: where a Raft log
exists it is never made again.
"""

import subprocess
import sys
import threading
import time
from typing import NoReturn

from .config import LAYERS, Config, load
from .etcd import Etcd, EtcdError
from .members import Members, Silent, ask

POLL_SECONDS = 3
PEER_TRIES = 20
RESTART_SECONDS = 5


class Node:
    def __init__(self, config: Config) -> None:
        self.config = config
        self.etcd = Etcd(config)
        self.members = Members(config, self.etcd)
        self.refusal_file = config.layer.data_directory / "bootstrap-refused"
        self.restore_file = config.layer.data_directory / "restore.snapshot"
        self.stuck_file = config.layer.data_directory / "stuck"
        self.reason = "starting"
        self.refused = False
        self.child: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Never returns: starts etcd when it may, and again when it ends."""
        threading.Thread(target=self._promote_forever, daemon=True).start()
        state, members = self._become_member()
        while True:
            self.child = self.etcd.start(state, members)
            self.reason = "etcd is starting"
            code = self.child.wait()
            self.child = None
            self._explain(f"etcd ended with {code}; it is started again in {RESTART_SECONDS} s")
            time.sleep(RESTART_SECONDS)

    def health(self) -> dict[str, object]:
        """The body of GET /health. `waiting` is a service that is up and not yet a member."""
        if self.child is None:
            status = "refused" if self.refused else "waiting"
            return self._health(status, "none", 0, self.reason)
        try:
            status = self.etcd.call("maintenance/status", {})
            own_id, leader = status["header"]["member_id"], status.get("leader")
            if status.get("isLearner"):
                return self._health("healthy", "learner", 0, None)
            size = sum(not member.learner for member in self.members.list())
        except EtcdError as error:
            return self._health("unhealthy", "none", 0, str(error))
        if leader is None or status.get("errors"):
            return self._health("unhealthy", "follower", size, "this member knows no leader")
        return self._health("healthy", "leader" if leader == own_id else "follower", size, None)

    def hold_writes(self) -> None:
        """A fault that is made on purpose: while the file names the leader nothing is committed, whoever is asked,
        and its heartbeats go on."""
        while self.stuck_file.exists() and self.members.leader()["id"] == self.stuck_file.read_text().strip():
            time.sleep(1)

    def _health(self, status: str, raft: str, size: int, reason: str | None) -> dict[str, object]:
        health: dict[str, object] = {"status": status, "raft": raft}
        if self.config.layer.name == "chainfire":
            health["cluster_size"] = size
        else:
            health["chainfire"] = self._chainfire()
        return health if reason is None else {**health, "reason": reason}

    def _chainfire(self) -> str:
        """Whether this node's chainfire has a leader, asked of its etcd: a TLS handshake for each health check costs too much here."""
        try:
            status = Etcd(load(LAYERS["chainfire"])).call("maintenance/status", {})
        except EtcdError:
            return "disconnected"
        return "connected" if "leader" in status else "disconnected"

    def _become_member(self) -> tuple[str, dict[str, str]]:
        """Waits until this node may run etcd, and says with which initial members."""
        own = {self.config.node_id: self.config.raft_addr}
        if self.etcd.has_data():
            return "existing", own
        if not self.config.bootstrap:
            return "existing", self._wait_to_be_added()
        refusal = self._bootstrap_refusal()
        if refusal is None:
            self._restore()
            return "new", own
        # Kept on disk: a later start, when the peers happen to be off, must not form a second cluster.
        self.refusal_file.write_text(refusal)
        self._refuse(refusal)

    def _restore(self) -> None:
        """Begins with the data of a snapshot where one was laid down. A cluster without that data is not formed in its stead."""
        if not self.restore_file.exists():
            return
        self._explain(f"restoring {self.restore_file}")
        try:
            self.etcd.restore(self.restore_file)
        except (EtcdError, OSError, subprocess.TimeoutExpired) as error:
            self._refuse(str(error))
        self.restore_file.unlink()

    def _refuse(self, reason: str) -> NoReturn:
        """Stays up to say why it is no member."""
        self.refused = True
        self._explain(reason)
        while True:
            time.sleep(3600)

    def _bootstrap_refusal(self) -> str | None:
        """Why this node must not form a cluster, or None. A peer that is there must say that it is in none."""
        if self.refusal_file.exists():
            return self.refusal_file.read_text()
        for host in self.config.peer_hosts:
            raft = self._ask_raft(host)
            if raft != "none":
                return f"bootstrap refused: {host} says raft {raft}; this node must join that cluster (bootstrap: false)"
        return None

    def _ask_raft(self, host: str) -> str:
        """The peer's role; none when nothing is at its address. Booting peers are slow: they get time."""
        for _ in range(PEER_TRIES):
            try:
                return str(ask(self.config, host, host, "/health").get("raft"))
            except Silent:
                return "none"
            except (OSError, ValueError) as error:
                self._explain(f"{host} is there and does not answer: {error}")
                time.sleep(POLL_SECONDS)
        return f"nothing intelligible ({self.reason})"

    def _wait_to_be_added(self) -> dict[str, str]:
        """Polls the leader's member list until it holds this node as a learner that never ran."""
        host, own_id = self.config.leader_host, self.config.node_id
        while True:
            try:
                listed = ask(self.config, host, host, "/internal/members").get("members", [])
            except (Silent, OSError, ValueError) as error:
                listed = []
                self._explain(f"cannot read the member list of {host}: {error}")
            else:
                self._explain(f"waiting to be added by {host}")
            own = next((member for member in listed if member["id"] == own_id), None)
            self.refused = own is not None and (own["role"] != "learner" or own["started"])
            if self.refused:
                # An old member's id with an empty log could vote twice in one term.
                self._explain(
                    f"{own_id} has been a member before and this disk holds none of its data: "
                    f"remove the old member first (DELETE /admin/member/{own_id})"
                )
            elif own is not None:
                return {member["id"]: member["raft_addr"] for member in listed}
            time.sleep(POLL_SECONDS)

    def _promote_forever(self) -> None:
        while True:
            time.sleep(POLL_SECONDS)
            if self.child is not None:
                try:
                    self.members.promote_learners()
                except EtcdError as error:
                    self._explain(f"no promotion now: {error}")

    def _explain(self, reason: str) -> None:
        """Says a change once, in the journal and in /health."""
        if reason != self.reason:
            self.reason = reason
            print(reason, file=sys.stderr, flush=True)
