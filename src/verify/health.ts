// What each service's /health must say (runbook §6.1), and what is wrong with what one said. Pure.

import type { ServiceName } from "../inventory/services.ts";

export interface HealthFinding {
  readonly level: "warning" | "error";
  readonly text: string;
}

export interface HealthView {
  /** The fields that were judged, for people. */
  readonly shown: string;
  readonly findings: readonly HealthFinding[];
}

/** What is known from elsewhere. */
export interface HealthFacts {
  /** How many members the cluster's own list has. */
  readonly members: number | undefined;
}

type Body = Readonly<Record<string, unknown>>;
interface Field {
  readonly name: string;
  readonly judge: (value: unknown, facts: HealthFacts) => HealthFinding | undefined;
  /** Nothing is said where it is absent. */
  readonly optional?: boolean;
}

const isWrong = (text: string): HealthFinding => ({ level: "error", text });
const isOdd = (text: string): HealthFinding => ({ level: "warning", text });

const exactly = (name: string, wanted: string): Field => ({
  name,
  judge: (value) => (value === wanted ? undefined : isWrong(inPlaceOf(name, value, `"${wanted}"`))),
});

const raft: Field = {
  name: "raft",
  judge: (value) => {
    if (value === "leader" || value === "follower") return undefined;
    if (value === "learner") return isOdd("raft is still a learner");
    return isWrong(inPlaceOf("raft", value, '"leader" or "follower"'));
  },
};

const clusterSize: Field = {
  name: "cluster_size",
  optional: true,
  judge: (value, { members }) =>
    members === undefined || value === members
      ? undefined
      : isWrong(`${inPlaceOf("cluster_size", value, `${members}`)}, which its members list`),
};

/** How many there are is nobody's fault; that it is not said is odd. */
const counted = (name: string): Field => ({
  name,
  judge: (value) =>
    typeof value === "number" && value >= 0 ? undefined : isOdd(inPlaceOf(name, value, "a number")),
});

const named = (name: string): Field => ({ name, optional: true, judge: () => undefined });

const status = exactly("status", "healthy");

/** K8sHost is asked in another way. */
type AskedService = Exclude<ServiceName, "k8shost">;

const fields: Readonly<Record<AskedService, readonly Field[]>> = {
  chainfire: [status, raft, clusterSize],
  flaredb: [status, raft, exactly("chainfire", "connected")],
  iam: [status, exactly("database", "connected"), named("version")],
  plasmavmc: [status, counted("vms_running")],
  prismnet: [status, counted("networks")],
  fiberlb: [status, counted("backends")],
  flashdns: [status],
};

/** Judges the answer to GET /health, field by field; `httpStatus` is that of the answer. */
export function judgeHealth(
  service: AskedService,
  httpStatus: number,
  body: unknown,
  facts: HealthFacts,
): HealthView {
  if (!isObject(body))
    return { shown: "", findings: [isWrong(`/health answers HTTP ${httpStatus} without JSON`)] };
  const judged = fields[service];
  const findings = judged.flatMap(({ name, judge, optional }) =>
    optional === true && body[name] === undefined ? [] : (judge(body[name], facts) ?? []),
  );
  const refused = httpStatus < 200 || httpStatus > 299;
  const shown = judged.flatMap(({ name }) => {
    if (body[name] === undefined) return [];
    return name === "status" ? [valueText(body[name])] : [`${name} ${valueText(body[name])}`];
  });
  return {
    shown: shown.join(", "),
    findings:
      refused && findings.length === 0 ? [isWrong(`/health answers HTTP ${httpStatus}`)] : findings,
  };
}

function inPlaceOf(name: string, value: unknown, wanted: string): string {
  if (value === undefined) return `${name} is missing`;
  const found = typeof value === "string" ? `"${valueText(value)}"` : valueText(value);
  return `${name} is ${found} in place of ${wanted}`;
}

export function isObject(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const longest = 60;

function valueText(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing");
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
