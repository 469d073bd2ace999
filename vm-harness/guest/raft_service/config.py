"""What a layer's service is told: its ports and paths, and the node's cluster-config.json.

Reads files only; decides nothing about the cluster.
"""

import json
import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

CONFIG_FILE = Path("/etc/nixos/secrets/cluster-config.json")


@dataclass(frozen=True)
class Layer:
    """One of the two Raft layers of a node (runbook 5.3, ports 3.4)."""

    name: str
    api_port: int
    peers_key: str

    @property
    def data_directory(self) -> Path:
        return Path("/var/lib") / self.name

    @property
    def etcd_port(self) -> int:
        """Loopback port of the etcd child's client API."""
        return self.api_port + 10000


LAYERS = {
    "chainfire": Layer("chainfire", 2379, "initial_peers"),
    "flaredb": Layer("flaredb", 2479, "flaredb_peers"),
}


@dataclass(frozen=True)
class Config:
    layer: Layer
    node_id: str
    domain: str
    bootstrap: bool
    cluster_name: str
    leader_host: str
    raft_addr: str
    peer_hosts: tuple[str, ...]
    secrets: Path

    @property
    def fqdn(self) -> str:
        return f"{self.node_id}.{self.domain}"

    @property
    def certificate(self) -> Path:
        return self.secrets / f"{self.node_id}-cert.pem"

    @property
    def key(self) -> Path:
        return self.secrets / f"{self.node_id}-key.pem"

    @property
    def ca(self) -> Path:
        return self.secrets / "ca-cert.pem"

    @cached_property
    def client_tls(self) -> ssl.SSLContext:
        """TLS for asking other services: their certificate must be of the cluster CA and carry the right name."""
        return ssl.create_default_context(cafile=str(self.ca))

    def server_tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        return context


def load(layer: Layer, path: Path = CONFIG_FILE) -> Config:
    """The node's configuration as `layer` sees it. The file names chainfire's ports (requirements
    B3, B4); flaredb's Raft address and leader are the same hosts on its own ports."""
    file = json.loads(path.read_text())
    leader_host = file["leader_url"].removeprefix("https://").split(":")[0]
    node_id = file["node_id"]
    raft_host = file["raft_addr"].rpartition(":")[0]
    peers = [peer.rpartition(":")[0] for peer in file.get(layer.peers_key, [])]
    return Config(
        layer=layer,
        node_id=node_id,
        domain=leader_host.partition(".")[2],
        bootstrap=file["bootstrap"],
        cluster_name=file["cluster_name"],
        leader_host=leader_host,
        raft_addr=f"{raft_host}:{layer.api_port + 1}",
        peer_hosts=tuple(host for host in peers if host.partition(".")[0] != node_id),
        secrets=path.parent,
    )
