// The causes that keep an installed node from being a healthy member, in the order of the stages. Data only: node-stages.ts finds
// which one it is, docs/diagnose.md is made of it.

import { type Causes, onNode } from "./cause.ts";

const watch = "rackstrap console {node} --read-only";
const readUnit = onNode("journalctl -u {unit} -n 100 --no-pager");

export const nodeCauses = {
  // system
  "disk-does-not-boot": {
    means: "the machine is on and its console shows that its disk does not boot",
    confidence: "certain",
    next: "rackstrap console {node} --log",
  },
  "other-host-key": {
    means: "another system than the installed one answers at the node's address",
    confidence: "certain",
    next: watch,
  },
  "sshd-down": {
    runbook: "E11",
    means:
      "the machine is on the network and its SSH does not answer: not started yet, stopped, or closed by its firewall",
    confidence: "likely",
    next: watch,
  },
  "system-unreachable": {
    runbook: "E11",
    means: "no way to the node's production address: its network settings, cable, VLAN or route",
    confidence: "possible",
    next: "ping -c 3 {address}",
  },
  // clock
  "clock-off": {
    means: "the node's clock is wrong: certificates count as expired or not yet valid there",
    confidence: "certain",
    next: onNode("timedatectl timesync-status"),
  },
  // certificates
  "certificate-missing": {
    runbook: "E10",
    means:
      "the node's certificate, its key or the CA's certificate is not where the services look for it",
    confidence: "certain",
    next: onNode("ls -l /etc/nixos/secrets"),
  },
  "certificate-expired": {
    runbook: "E10",
    means: "the node's certificate has expired",
    confidence: "certain",
    next: "rackstrap certs rotate {node}",
  },
  "certificate-not-yet-valid": {
    runbook: "E10",
    means:
      "the node's certificate is not valid yet: this server's clock was ahead when it was issued, or is behind now",
    confidence: "certain",
    next: "rackstrap check --only network",
  },
  "certificate-other-ca": {
    runbook: "E10",
    means: "the node's certificate, or the CA that it trusts, is not of this cluster's CA",
    confidence: "certain",
    next: "rackstrap certs rotate {node}",
  },
  "certificate-other-name": {
    runbook: "E10",
    means: "the node's certificate is for another name",
    confidence: "certain",
    next: "rackstrap certs rotate {node}",
  },
  "certificate-not-loaded": {
    runbook: "E10",
    means: "the service still shows another certificate than the one in its place",
    confidence: "likely",
    next: onNode("systemctl status {unit}"),
  },
  // resources
  "disk-full": {
    runbook: "E12",
    means: "a file system of the node is full",
    confidence: "certain",
    next: onNode("df -h"),
  },
  "disk-read-only": {
    runbook: "E12",
    means: "the node's root has become read-only: its disk fails, or the file system was damaged",
    confidence: "certain",
    next: onNode("dmesg --level=err"),
  },
  "memory-full": {
    runbook: "E12",
    means: "the node's memory is used up",
    confidence: "certain",
    next: onNode("ps aux --sort=-rss"),
  },
  // services
  "service-absent": {
    means: "the node's system has no such service: its configuration is not the generated one",
    confidence: "certain",
    next: "rackstrap generate",
  },
  "port-taken": {
    runbook: "E10",
    means: "another program holds the service's port (address in use)",
    confidence: "certain",
    next: onNode("ss -tlnp"),
  },
  "service-certificate": {
    runbook: "E10",
    means: "the service does not accept a certificate (certificate verify failed)",
    confidence: "certain",
    next: readUnit,
  },
  "permission-denied": {
    runbook: "E10",
    means: "the service may not read its key or write its data (permission denied)",
    confidence: "certain",
    next: onNode("ls -ln /etc/nixos/secrets"),
  },
  "service-stopped": {
    means: "the service was stopped and not started again",
    confidence: "certain",
    next: onNode("systemctl start {unit}"),
  },
  "service-failed": {
    runbook: "E10",
    means: "the service does not stay up, for a reason that its journal alone tells",
    confidence: "possible",
    next: readUnit,
  },
  // ports
  "port-not-listening": {
    runbook: "E10",
    means: "nothing listens on the service's port",
    confidence: "certain",
    next: onNode("ss -tlnp"),
  },
  "port-loopback": {
    runbook: "E11",
    means: "the service listens on the node's loopback alone",
    confidence: "certain",
    next: onNode("ss -tlnp"),
  },
  "port-filtered": {
    runbook: "E11",
    means: "the service's port does not answer from here: the node's firewall, or one on the way",
    confidence: "likely",
    next: onNode("nft list ruleset"),
  },
  // first boot
  "config-missing": {
    runbook: "D24",
    means: "cluster-config.json is not on the node",
    confidence: "certain",
    next: onNode("ls -l /etc/nixos/secrets"),
  },
  "config-wrong": {
    runbook: "D24",
    means: "cluster-config.json can't be used, or is another node's",
    confidence: "certain",
    next: onNode("cat /etc/nixos/secrets/cluster-config.json"),
  },
  "bootstrap-flag": {
    runbook: "D24",
    means:
      "the bootstrap flag of cluster-config.json is wrong: the node forms a cluster of its own, or waits for one that it should form",
    confidence: "certain",
    next: onNode("cat /etc/nixos/secrets/cluster-config.json"),
  },
  "name-unresolved": {
    runbook: "E11",
    means: "the node does not find a peer's name: no hosts entry, and its DNS does not know it",
    confidence: "certain",
    next: onNode("getent hosts {peer}"),
  },
  "leader-unreachable": {
    runbook: "D24",
    means: "the node does not reach the leader that it is to join through",
    confidence: "certain",
    next: onNode(
      "curl -sS --max-time 5 --cacert /etc/nixos/secrets/ca-cert.pem https://{peer}:{port}/health",
    ),
  },
  "join-certificate": {
    runbook: "D24",
    means: "the join fails over TLS: the certificate of the leader is not accepted",
    confidence: "certain",
    next: readUnit,
  },
  "join-refused": {
    runbook: "D24",
    means: "the leader refused to add the node",
    confidence: "certain",
    next: "rackstrap cluster status",
  },
  "main-service-down": {
    runbook: "D24",
    means: "the local service did not become healthy in time, so nothing was joined",
    confidence: "certain",
    next: onNode("journalctl -u {service} -n 100 --no-pager"),
  },
  "not-promoted": {
    means: "the leader added the node, and it did not become a voter in time",
    confidence: "likely",
    next: "rackstrap cluster status",
  },
  "join-under-way": {
    means: "the node has not joined yet",
    confidence: "possible",
    next: readUnit,
  },
  // cluster
  "no-cluster": {
    means: "no machine answers as a member of the cluster",
    confidence: "certain",
    next: "rackstrap cluster status",
  },
  "two-clusters": {
    means: "the nodes are in two clusters",
    confidence: "certain",
    next: "rackstrap cluster status",
  },
  "no-quorum": {
    means: "the cluster has no majority or no leader",
    confidence: "certain",
    next: "rackstrap cluster status",
  },
  "not-a-member": {
    means: "the cluster does not list the node",
    confidence: "certain",
    next: onNode("journalctl -u {unit} -n 100 --no-pager"),
  },
  "member-sick": {
    means: "the cluster lists the node and does not count it as healthy",
    confidence: "certain",
    next: "rackstrap cluster status",
  },
  // performance
  "slow-operations": {
    runbook: "E12",
    means: "the layer logs slow operations: its disk or its network is slow",
    confidence: "likely",
    next: onNode("iostat -x 1 3"),
  },
  overloaded: {
    runbook: "E12",
    means: "the node has more to do than its processors can",
    confidence: "certain",
    next: onNode("top -b -n 1"),
  },
} as const satisfies Causes;
