"""Runs one Raft layer of a node: `python3 -m raft_service chainfire|flaredb`.

A stand-in for the product's own servers with their HTTP shapes, over real Raft: etcd does the
consensus, this program speaks for it.
"""

import sys
import threading

from .config import CONFIG_FILE, LAYERS, load
from .node import Node
from .server import serve


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in LAYERS:
        sys.exit("usage: python3 -m raft_service chainfire|flaredb")
    try:
        config = load(LAYERS[sys.argv[1]])
    except FileNotFoundError:
        sys.exit(f"configuration file not found: {CONFIG_FILE}")
    except (KeyError, ValueError) as error:
        sys.exit(f"{CONFIG_FILE} is not a cluster configuration: {error!r}")
    node = Node(config)
    threading.Thread(target=serve(node).serve_forever, daemon=True).start()
    node.run()


main()
