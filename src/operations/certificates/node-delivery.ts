// What is done on an installed node when its certificates are replaced: files, and the services that read them. Each call may be repeated.

import type { Inventory, Node } from "../../inventory/schema.ts";
import { sha256 } from "../../pki/chain.ts";
import { shownCertificate } from "../../pki/handshake.ts";
import type { NodeShell, ShellAnswer } from "../node-shell.ts";
import { unitsOf } from "../steps/services.ts";
import {
  type DeliveredFile,
  deliveryInput,
  replaceScript,
  restoreScript,
  settleScript,
  sumsScript,
} from "./delivery-script.ts";
import { parseUnits, showing, type Unit, type UnitName, unitProperties } from "./services.ts";

export interface NodeDelivery {
  /** Replaces all of the files or none, and keeps what was there. */
  replace(files: readonly DeliveredFile[], signal: AbortSignal): Promise<ShellAnswer>;
  /** Puts back what was kept, if something is. */
  restore(files: readonly Named[], signal: AbortSignal): Promise<ShellAnswer>;
  /** Forgets what was kept. */
  settle(files: readonly Named[], signal: AbortSignal): Promise<ShellAnswer>;
  /** Whether the node has exactly these files. */
  has(files: readonly Summed[], signal: AbortSignal): Promise<Looked<boolean>>;
  /** The node's services in the order in which they start; those that it has no unit for are left out. */
  units(signal: AbortSignal): Promise<Looked<readonly Unit[]>>;
  /** Asks the service manager, and waits for nothing. */
  order(verb: "stop" | "start", service: UnitName, signal: AbortSignal): Promise<ShellAnswer>;
}

type Named = Pick<DeliveredFile, "name">;
type Summed = Named & { readonly sha256: string };
export type Looked<T> =
  | { readonly ok: true; readonly value: T }
  | Extract<ShellAnswer, { readonly ok: false }>;

const timeoutMs = 60_000;
const handshakeMs = 5000;

/** The files as `has` compares them. */
export function summed(files: readonly DeliveredFile[]): readonly Summed[] {
  return files.map(({ name, text }) => ({ name, sha256: sha256(text) }));
}

export function createNodeDelivery(
  shell: NodeShell,
  { inventory, ca }: { readonly inventory: Inventory; readonly ca: () => string },
  node: Node,
): NodeDelivery {
  const services = unitsOf(node, inventory).toReversed();
  const run = async (command: string, signal: AbortSignal, input = "") =>
    await shell.run(node, command, { timeoutMs, input }, signal);
  const answers = async (name: UnitName, signal: AbortSignal): Promise<boolean> => {
    const service = showing(node).find((each) => each === name);
    if (service === undefined) return true;
    const { port } = inventory.services[service];
    const { productionAddress: address, fqdn: servername } = node;
    const query = { address, port, servername, ca: ca(), timeoutMs: handshakeMs };
    return (await shownCertificate(query, signal)).kind === "shown";
  };
  return {
    replace: async (files, signal) => await run(replaceScript(files), signal, deliveryInput(files)),
    restore: async (files, signal) => await run(restoreScript(files), signal),
    settle: async (files, signal) => await run(settleScript(files), signal),
    has: async (files, signal) => {
      const answer = await run(sumsScript(files), signal);
      if (!answer.ok) return answer;
      const sums = answer.stdout.trim().split("\n");
      const same = files.every((file, index) => sums[index]?.split(" ")[0] === file.sha256);
      return { ok: true, value: same };
    },
    units: async (signal) => {
      const names = services.map((service) => `${service}.service`).join(" ");
      const answer = await run(`systemctl show -p ${unitProperties.join(",")} ${names}`, signal);
      if (!answer.ok) return answer;
      const found = parseUnits(services, answer.stdout).filter(({ state }) => state !== "absent");
      const value = found.map(async (unit) => ({
        ...unit,
        answers: unit.state === "active" && (await answers(unit.service, signal)),
      }));
      return { ok: true, value: await Promise.all(value) };
    },
    order: async (verb, service, signal) =>
      await run(`systemctl ${verb} --no-block ${service}.service`, signal),
  };
}
