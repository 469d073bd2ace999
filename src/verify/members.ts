// Who is in each layer, and on whom it agrees as its leader (runbook §6.2, §6.3, requirements D4 to D6, D21). Pure.

import { error, ok, warning } from "../preflight/line.ts";
import type { Area, VerifyLine } from "./line.ts";
import type { LayerView, Scope } from "./scope.ts";

const clusterNext = "rackstrap cluster status shows what each member says";

export function checkMembers({ views, nodes, leftOut }: Scope): readonly VerifyLine[] {
  return [...views.map(memberLine), ...nodesLines(nodes.length, leftOut)];
}

function memberLine({ layer, judgement, expected }: LayerView): VerifyLine {
  const subject = { area: "members", title: layer } as const;
  const { verdict, members, reasons, voters, healthyVoters, disagreement } = judgement;
  const roles = members.map(({ id, role }) => `${id} ${role}`).join(", ");
  if (verdict === "healthy")
    return ok(subject, `${members.length} members, ${voters.length} voters: ${roles}`);
  const learners = members.filter(({ id, role }) => role === "learner" && expected.includes(id));
  // Nothing else is wrong: they catch up, and a majority does not depend on them.
  const catchingUp =
    verdict === "degraded" && disagreement === undefined && learners.length === reasons.length;
  if (catchingUp)
    return warning(subject, reasons.join("; "), "wait for it to be promoted, then verify again");
  const counts =
    members.length === 0 ? "" : ` (voters ${voters.length}, healthy ${healthyVoters.length})`;
  return error(subject, `${verdict}${counts}: ${listed(reasons)}`, clusterNext);
}

/** The gravest come first. */
const mostReasons = 4;

function listed(reasons: readonly string[]): string {
  const more = reasons.length - mostReasons;
  return reasons.slice(0, mostReasons).join("; ") + (more > 0 ? `; and ${more} more` : "");
}

/** The line of an area that looks at nodes, where there are none: a report about nothing must not look like a healthy one. */
export function noNodes(area: Area, leftOut: readonly string[]): VerifyLine {
  return error(
    { area, title: "nodes" },
    `none of ${leftOut.length} declared nodes was installed from here or is a member`,
    "rackstrap provision NODE… installs them",
  );
}

function nodesLines(lookedAt: number, leftOut: readonly string[]): VerifyLine[] {
  const subject = { area: "members", title: "nodes" } as const;
  if (lookedAt === 0) return [noNodes("members", leftOut)];
  if (leftOut.length === 0) return [ok(subject, `all ${lookedAt} declared nodes are looked at`)];
  const names = leftOut.slice(0, 5).join(", ") + (leftOut.length > 5 ? " …" : "");
  return [
    ok(subject, `${lookedAt} looked at; neither installed nor a member, so left out: ${names}`),
  ];
}

export function checkLeaders({ views }: Scope): readonly VerifyLine[] {
  return views.map(leaderLine);
}

function leaderLine({ layer, observations, judgement }: LayerView): VerifyLine {
  const subject = { area: "leader", title: layer } as const;
  const asked = judgement.members.map(({ id }) => id).filter((id) => observations.has(id));
  const said = asked.flatMap((node) => {
    const leader = observations.get(node)?.leader;
    return leader === undefined ? [] : [{ node, ...leader }];
  });
  const silent = asked.filter((node) => !said.some((each) => each.node === node));
  if (said.length === 0) return error(subject, "no member says who leads", clusterNext);
  const named = new Set(said.map(({ id }) => id));
  const [leader] = named;
  if (named.size > 1 || leader === undefined) {
    const words = said.map(({ node, id }) => `${node} says ${id ?? "nobody"}`).join(", ");
    return error(
      subject,
      words,
      "wait for the election to end, then verify again; if it does not end, look at clocks, links and certificates",
    );
  }
  const by = said.map(({ node }) => node).join(", ");
  if (silent.length > 0)
    return warning(
      subject,
      `${leader}, say ${by}; no answer from ${silent.join(", ")}`,
      clusterNext,
    );
  const terms = [...new Set(said.flatMap(({ term }) => term ?? []))];
  return ok(subject, `${leader}, say ${by}${terms.length === 1 ? ` (term ${terms[0]})` : ""}`);
}
