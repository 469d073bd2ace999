// Does each BMC answer, take its login, and keep strangers out?

import type { BmcProbe } from "../bmc/probe.ts";
import { createSlots } from "../bmc/slots.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import { type CheckLine, error, ok, warning } from "./line.ts";
import type { Surroundings } from "./surroundings.ts";

// Each waits for its own BMC most of the time.
const atATime = 64;

/** `tryDefaults`: also try well-known passwords, which BMCs count as failed logins. */
export async function checkBmcs(
  { nodes }: Inventory,
  { probeBmc }: Pick<Surroundings, "probeBmc">,
  tryDefaults: boolean,
): Promise<readonly CheckLine[]> {
  const slots = createSlots(() => atATime);
  const { signal } = new AbortController();
  const lines = await Promise.all(
    nodes.map((node) => slots(async () => judge(node, await probeBmc(node, tryDefaults)), signal)),
  );
  return lines.flat();
}

function judge(node: Node, probe: BmcProbe): readonly CheckLine[] {
  const subject = { area: "hardware" as const, title: `BMC of node ${node.name}` };
  if (!probe.reachable)
    return [
      error(
        subject,
        `${probe.address} does not answer`,
        `check its address, its cable and the management network; then run: rackstrap bmc probe ${node.name}`,
      ),
    ];
  const login = probe.login.works
    ? ok(subject, `${probe.address} answers and takes user ${probe.login.user}`)
    : error(
        subject,
        `${probe.address} refuses user ${probe.login.user}: ${probe.login.reason ?? "no reason"}`,
        `correct nodes.${node.name}.bmc or its password, then run: rackstrap bmc probe ${node.name}`,
      );
  return [
    login,
    ...probe.warnings.map((text) =>
      warning(subject, text, `see all of it: rackstrap bmc probe ${node.name}`),
    ),
  ];
}
