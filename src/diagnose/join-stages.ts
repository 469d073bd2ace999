// Has the first boot joined the node to its layers, and do these count it as a healthy voter? Pure.

import type { Judgement } from "../cluster/judge.ts";
import { type Evidence, reportOf } from "./evidence.ts";
import { type About, type Finding, missing, reached, type Sign, unknown } from "./finding.ts";
import type { NodeReport, UnitLook } from "./node-report.ts";

// What templates/first-boot/cluster-join says when it gives up, or what was asked of it does (runbook §8.3).
const signs: readonly Sign[] = [
  { says: /configuration file not found/i, cause: "config-missing" },
  { says: /cluster-config\.json: /, cause: "config-wrong" },
  {
    says: /could not resolve host|name or service not known|name resolution/i,
    cause: "name-unresolved",
  },
  {
    says: /join request failed: certificate|certificate verify failed|SSL certificate problem|CA certificate not found/i,
    cause: "join-certificate",
  },
  { says: /join request (?:was )?refused/i, cause: "join-refused" },
  { says: /join request failed/i, cause: "leader-unreachable" },
  { says: /health check timeout|Local \S+ refuses/i, cause: "main-service-down" },
  { says: /not a voter after/i, cause: "not-promoted" },
];

export function judgeFirstBoot(evidence: Evidence): Finding {
  const own = evidence.ownLayers;
  if (own.length === 0) return reached("it runs neither layer, and has nothing to join");
  const report = reportOf(evidence);
  if (report === undefined)
    return isVoter(evidence)
      ? reached("it is a voter")
      : unknown("the node could not be looked into");
  const file = judgeFile(evidence, report);
  if (file !== undefined) return file;
  const units = report.units.filter(({ unit }) => unit.endsWith("-cluster-join.service"));
  const bad = units.find(({ load, active }) => load !== "not-found" && active !== "active");
  if (bad !== undefined && !isVoter(evidence)) return judgeJoin(evidence, report, bad);
  if (isVoter(evidence)) return reached("it is a voter");
  const absent = units.find(({ load }) => load === "not-found");
  if (absent !== undefined)
    return missing("service-absent", `${absent.unit} is not on the node`, { unit: absent.unit });
  return units.length === 0
    ? unknown("systemd did not say how it ended")
    : reached("it has ended well");
}

/** The document that decides whether the node forms a cluster or joins one. */
function judgeFile(evidence: Evidence, { config }: NodeReport): Finding | undefined {
  const { node, founder, formed } = evidence;
  if (config.kind === "unread") return undefined;
  if (config.kind === "absent")
    return missing("config-missing", "/etc/nixos/secrets/cluster-config.json is absent");
  if (config.kind === "unreadable")
    return missing("config-wrong", `cluster-config.json is not understood: ${config.why}`);
  const { node_id, bootstrap } = config.config;
  if (node_id !== node.name)
    return missing("config-wrong", `cluster-config.json is that of ${node_id}`);
  if (bootstrap && founder !== undefined && founder !== node.name)
    return missing(
      "bootstrap-flag",
      `its cluster-config.json says bootstrap, and it is ${founder} that forms the cluster`,
    );
  // One that was formed before is not formed again by whoever did so: it may have joined it since.
  if (!bootstrap && founder === node.name && !formed && !hasCluster(evidence))
    return missing(
      "bootstrap-flag",
      "it is the node that forms the cluster, and its cluster-config.json says join",
    );
  return undefined;
}

function judgeJoin(
  { ports }: Evidence,
  report: NodeReport,
  { unit, active, sub }: UnitLook,
): Finding {
  const lines = report.journal[unit] ?? [];
  const { hostname: leader, port } = leaderOf(report);
  const layer = unit.replace("-cluster-join.service", "");
  const own = ports.known ? ports.value.find(({ service }) => service === layer) : undefined;
  const about: About = {
    ...{ unit, service: layer, layer, peer: leader },
    // Every member of a layer listens on the same one.
    port: `${own?.port ?? port}`,
  };
  const stands = `${unit} is ${active} (${sub})`;
  // The newest word counts: an earlier try may have failed for another reason.
  for (const line of lines.toReversed()) {
    const sign = signs.find(({ says }) => says.test(line));
    if (sign !== undefined)
      return missing(sign.cause, `${stands}: ${messageIn(line)}`, about, lines);
  }
  const peer = report.peers.find(({ name }) => name === leader);
  if (peer?.state === "unresolved")
    return missing(
      "name-unresolved",
      `${stands}; the node does not find the name ${peer.name}`,
      about,
      lines,
    );
  if (peer !== undefined)
    return missing(
      "leader-unreachable",
      `${stands}; ${peer.name} does not answer the node`,
      about,
      lines,
    );
  const last = lines.at(-1);
  return missing(
    "join-under-way",
    last === undefined ? stands : `${stands}: ${messageIn(last)}`,
    about,
    lines,
  );
}

/** The member that the node joins through, on Chainfire. */
function leaderOf({ config }: NodeReport): Pick<URL, "hostname" | "port"> {
  if (config.kind === "read") return new URL(config.config.leader_url);
  return { hostname: "unknown", port: "2379" };
}

/** Lines of the join are objects with a message. */
function messageIn(line: string): string {
  return /"message":"(.*)"\}\s*$/.exec(line)?.[1] ?? line.trim();
}

function hasCluster({ layers }: Evidence): boolean {
  return !layers.known || layers.value.some(({ verdict }) => verdict !== "no-cluster");
}

function isVoter(evidence: Evidence): boolean {
  const { layers, node } = evidence;
  const own = evidence.ownLayers;
  if (!layers.known) return false;
  const views = layers.value.filter(({ layer }) => own.includes(layer));
  return (
    views.length === own.length &&
    views.every(({ healthyVoters }) => healthyVoters.includes(node.name))
  );
}

export function judgeCluster(evidence: Evidence): Finding {
  const { layers } = evidence;
  const own = evidence.ownLayers;
  if (own.length === 0) return reached("it runs neither layer");
  if (!layers.known) return unknown(layers.why);
  for (const view of layers.value) {
    const found = own.includes(view.layer) ? judgeLayer(evidence, view) : undefined;
    if (found !== undefined) return found;
  }
  return reached(`healthy voter of ${own.join(" and ")}`);
}

function judgeLayer({ node }: Evidence, view: Judgement): Finding | undefined {
  const { layer, verdict, members, healthyVoters, reasons, disagreement } = view;
  // etcd's members are added from here, and nothing on the node asks for it.
  const unit = layer === "etcd" ? "etcd.service" : `${layer}-cluster-join.service`;
  const about: About = { layer, unit };
  const [first = verdict] = reasons;
  if (verdict === "no-cluster") return missing("no-cluster", `${layer}: ${first}`, about);
  if (disagreement?.kind === "two-clusters")
    return missing("two-clusters", `${layer}: ${disagreement.detail}`, about);
  if (verdict === "no-quorum") return missing("no-quorum", `${layer}: ${first}`, about);
  const member = members.find(({ id }) => id === node.name);
  if (member === undefined) {
    const names = members
      .map(({ id }) => id)
      .toSorted()
      .join(", ");
    return missing("not-a-member", `${layer} lists ${names}`, about);
  }
  if (member.role === "learner")
    return missing("not-promoted", `${layer} lists it as a learner`, about);
  if (healthyVoters.includes(node.name)) return undefined;
  const why = reasons.find((reason) => reason.startsWith(`${node.name} `)) ?? first;
  return missing("member-sick", `${layer}: ${why}`, about);
}
