// The services that read a node's certificate: in which order they start, and what is next while they are started anew. Pure.

import type { Node } from "../../inventory/schema.ts";
import type { ServiceName } from "../../inventory/services.ts";

/** Those that show the node's certificate to whoever connects (runbook §5.3), in the order in which they come up. */
export function showing({ services }: Pick<Node, "services">) {
  return (["chainfire", "flaredb", "iam"] as const).filter((name) => services.includes(name));
}

/** A unit that reads the node's certificate: a service of the inventory, or the member of a layer that is none. */
export type UnitName = ServiceName | "etcd";

/** A service on its node, as the service manager there has it. */
export interface Unit {
  readonly service: UnitName;
  /** `absent`: no such unit there. `moving`: on its way up or down. */
  readonly state: "absent" | "active" | "inactive" | "moving";
  /** Another one with each start. */
  readonly invocation: string;
  /** It lets a client connect; true of services that show no certificate. */
  readonly answers: boolean;
}

/** What `systemctl show` tells of each unit. */
export const unitProperties = ["LoadState", "ActiveState", "InvocationID"] as const;

const unitStates: Readonly<Record<string, Unit["state"]>> = {
  active: "active",
  reloading: "active",
  refreshing: "active",
  inactive: "inactive",
  failed: "inactive",
  activating: "moving",
  deactivating: "moving",
};

/** The states of `services` from the answer of `systemctl show`, which has a paragraph for each in the order asked. */
export function parseUnits(
  services: readonly UnitName[],
  text: string,
): readonly Omit<Unit, "answers">[] {
  const paragraphs = text.split(/\n\s*\n/);
  return services.map((service, index) => {
    const of = (name: (typeof unitProperties)[number]) =>
      new RegExp(`^${name}=(.*)$`, "m").exec(paragraphs[index] ?? "")?.[1] ?? "";
    const state =
      of("LoadState") === "loaded" ? (unitStates[of("ActiveState")] ?? "moving") : "absent";
    return { service, state, invocation: of("InvocationID") };
  });
}

export type RestartMove =
  | { readonly kind: "stop" | "start"; readonly service: UnitName }
  | { readonly kind: "wait"; readonly service: UnitName; readonly why: string }
  | { readonly kind: "done" };

/**
 * What is next so that every service of `before` runs anew. `units` are those services in the order in which they start; `before` has the
 * invocation of each when its files had been replaced. What a service needs is stopped after it, and started before it (runbook
 * trap: Chainfire must not go while FlareDB runs).
 */
export function nextRestart(
  units: readonly Unit[],
  before: Readonly<Partial<Record<UnitName, string>>>,
): RestartMove {
  const moving = units.find(({ state }) => state === "moving");
  if (moving !== undefined)
    return { kind: "wait", service: moving.service, why: "is on its way up or down" };
  const stale = units.findIndex(
    ({ service, state, invocation }) => state === "active" && invocation === before[service],
  );
  if (stale !== -1) {
    const last = units.findLast(({ state }) => state === "active");
    if (last !== undefined) return { kind: "stop", service: last.service };
  }
  for (const { service, state, answers } of units) {
    if (state === "inactive") return { kind: "start", service };
    if (!answers) return { kind: "wait", service, why: "does not let a client connect yet" };
  }
  return { kind: "done" };
}
