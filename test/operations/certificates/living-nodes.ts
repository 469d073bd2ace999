// Three installed nodes whose files lie in folders here, whose commands run in this machine's shell, and whose services are TLS servers that
// read their files when they start, as the real ones do. Their service manager and their cluster are the fakes.

import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import type { Inventory, Node } from "../../../src/inventory/schema.ts";
import type { ServiceName } from "../../../src/inventory/services.ts";
import type { Ipv4 } from "../../../src/net/ipv4.ts";
import { certificateFiles } from "../../../src/operations/certificates/delivery-script.ts";
import { issueRecorded } from "../../../src/operations/certificates/issue-recorded.ts";
import type { NodeShell, ShellAnswer } from "../../../src/operations/node-shell.ts";
import { type OrderTools, startOrder } from "../../../src/operations/orders.ts";
import { createRunner, type Runner } from "../../../src/operations/runner.ts";
import type { Order } from "../../../src/operations/verb.ts";
import { verbs } from "../../../src/operations/verbs.ts";
import { readCertificates } from "../../../src/pki/chain.ts";
import { openSiteCa } from "../../../src/serve/site-ca.ts";
import { type FakeRack, fakeRack } from "../../fakes/rack.ts";

const founders = ["node01", "node02", "node03"];
const services = ["chainfire", "flaredb", "iam"] as const;
type Service = (typeof services)[number];

interface Unit {
  invocation: number;
  server: Server | undefined;
  /** What it read when it started. */
  loaded: { readonly cert: string; readonly ca: string } | undefined;
}

export interface LivingNode {
  readonly node: Node;
  readonly directory: string;
  readonly units: Readonly<Record<Service, Unit>>;
  /** A service that does not start any more. */
  broken: Service | undefined;
  /** Why nobody gets in. */
  unreachable: string | undefined;
}

export interface Living {
  readonly rack: FakeRack;
  readonly tools: OrderTools;
  readonly nodes: ReadonlyMap<string, LivingNode>;
  /** What was stopped and started, in order: `node02 stop iam`. */
  readonly log: string[];
  /** Called with each command that a node has carried out. */
  after: (command: string) => void;
  runner: Runner;
  /** The server is killed, and starts again from its store. */
  crash(): Promise<void>;
  order(order: Partial<Order>): ReturnType<typeof startOrder>;
  /** The last operation, once none runs any more. */
  settled(): Promise<ReturnType<OrderTools["operations"]["operation"]>>;
  close(): Promise<void>;
}

/** `root`: a folder of the test's own. */
export async function livingNodes(root: string): Promise<Living> {
  const rack = fakeRack();
  const ports = [await freePort(), await freePort(), await freePort()] as const;
  const inventory = onLoopback(rack.tools.inventory(), join(root, "state"), ports);
  const authority = await openSiteCa(
    inventory,
    async () => {
      throw new Error("no secret is named");
    },
    () => Date.now(),
    (error) => {
      throw error;
    },
  );
  const log: string[] = [];
  const nodes = new Map<string, LivingNode>();
  const shell: NodeShell = {
    run: async (node, command, { input }) => {
      const answer = await carryOut(living, node, command, input);
      living.after(command);
      return answer;
    },
  };
  const clock = { ...rack.clock, now: () => Date.now() };
  const tools: OrderTools = {
    ...{ ...rack.tools, inventory: () => inventory, authority, shell, clock },
    powerJobs: { runningFor: () => undefined },
  };
  const living: Living = {
    ...{ rack, tools, nodes, log, after: () => undefined, runner: startRunner(tools, rack) },
    crash: async () => {
      await living.runner.close();
      living.runner = startRunner(tools, rack);
      living.runner.resume();
    },
    order: async (order) =>
      await startOrder(tools, living.runner, {
        ...{ verb: "rotate-certificates", nodes: [], options: {}, force: [], ...order },
      }),
    settled: async () => {
      while (tools.operations.operations({ running: true }).length > 0)
        await new Promise((resolve) => setTimeout(resolve, 2));
      return tools.operations.operations({ running: false })[0];
    },
    close: async () => {
      await living.runner.close();
      for (const { units } of nodes.values())
        for (const { server } of Object.values(units)) server?.close();
    },
  };
  for (const node of inventory.nodes.filter(({ name }) => founders.includes(name)))
    nodes.set(node.name, await install(living, node, join(root, node.name)));
  return living;
}

function startRunner(tools: OrderTools, rack: FakeRack): Runner {
  return createRunner({
    ...{ operations: tools.operations, nodes: tools.nodes },
    // Deadlines are of the rack's time, which only waiting moves.
    clock: rack.clock,
    plan: (operation) => verbs[operation.kind].plan(tools, operation),
    basis: tools.inventory,
    atomically: (work) => rack.database.transaction(work)(),
    isDiskFull: () => false,
    elapsed: rack.clock.now,
    accompany: async () => undefined,
    stopAbandoned: async () => undefined,
    onFault: (_operation, error) => {
      throw error;
    },
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

function onLoopback(
  site: Inventory,
  stateDirectory: string,
  [chainfire, flaredb, iam]: readonly [number, number, number],
): Inventory {
  return {
    ...site,
    server: { ...site.server, stateDirectory },
    pki: { ...site.pki, keyOwner: `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}` },
    services: {
      ...site.services,
      chainfire: { ...site.services.chainfire, port: chainfire },
      flaredb: { ...site.services.flaredb, port: flaredb },
      iam: { port: iam },
    },
    nodes: site.nodes.map((node, index) => ({
      ...node,
      productionAddress: `127.0.1.${index + 1}` as Ipv4,
    })),
  };
}

/** An active node with a certificate, its services running. */
async function install(living: Living, node: Node, directory: string): Promise<LivingNode> {
  const { tools, rack } = living;
  mkdirSync(directory, { recursive: true });
  const { inventory, certificates, authority } = tools;
  const now = () => Date.now();
  const issuing = { inventory: inventory(), certificates, ca: () => authority.ca(), now };
  const { caCertPem, ...pair } = await issueRecorded(issuing, {
    ...{ node, operationId: `install-${node.name}` },
  });
  for (const { name, text } of certificateFiles(node.name, { caCertPem, pair, keyOwner: "0:0" }))
    writeFileSync(join(directory, name), text);
  const events = ["install-armed", "wipe-started", "install-finished", "disk-booted"] as const;
  for (const event of [...events, "cluster-joined", "health-soaked"] as const)
    tools.nodes.transition(node.name, event, {});
  const machine = rack.machines.get(node.name);
  if (machine !== undefined)
    Object.assign(machine, {
      ...{ disk: "installed", membership: { kind: node.name === "node01" ? "bootstrap" : "join" } },
    });
  const unit = (): Unit => ({ invocation: 0, server: undefined, loaded: undefined });
  const units = { chainfire: unit(), flaredb: unit(), iam: unit() };
  const made: LivingNode = { node, directory, units, broken: undefined, unreachable: undefined };
  for (const service of services) await start(living, made, service);
  return made;
}

async function start({ rack, tools }: Living, at: LivingNode, service: Service): Promise<void> {
  const { node, directory, units } = at;
  const unit = units[service];
  if (unit.server !== undefined) return;
  unit.invocation += 1;
  if (at.broken === service) return;
  const read = (name: string) => readFileSync(join(directory, name), "utf8");
  const [ca, cert, key] = ["ca-cert.pem", `${node.name}-cert.pem`, `${node.name}-key.pem`].map(
    read,
  );
  if (ca === undefined || cert === undefined) throw new Error("no files");
  unit.loaded = { cert, ca };
  unit.server = createServer({ ca, cert, key, requestCert: true }, (socket) =>
    socket.on("error", () => undefined).end(),
  ).on("tlsClientError", () => undefined);
  unit.server.listen(tools.inventory().services[service].port, node.productionAddress);
  await once(unit.server, "listening");
  rack.machines.get(node.name)?.stopped.delete(service);
}

async function stop({ rack }: Living, { node, units }: LivingNode, service: Service) {
  const unit = units[service];
  const closed = unit.server && once(unit.server, "close");
  unit.server?.close();
  await closed;
  unit.server = undefined;
  unit.loaded = undefined;
  rack.machines.get(node.name)?.stopped.add(service);
}

async function carryOut(
  living: Living,
  { name }: Node,
  command: string,
  input: string | Buffer | undefined,
): Promise<ShellAnswer> {
  const at = living.nodes.get(name);
  if (at === undefined || at.unreachable !== undefined)
    return { ok: false, kind: "unreachable", why: at?.unreachable ?? "no such machine" };
  if (command.startsWith("systemctl show"))
    return { ok: true, stdout: services.map((service) => paragraph(at.units[service])).join("\n") };
  const [, verb, service] =
    /^systemctl (stop|start) --no-block (\w+)\.service$/.exec(command) ?? [];
  if (verb !== undefined) {
    living.log.push(`${name} ${verb} ${service}`);
    await (verb === "stop" ? stop : start)(living, at, service as Service);
    return { ok: true, stdout: "" };
  }
  // What reaches the disk of the test machine doesn't matter, and takes its time.
  const local = command
    .replaceAll("/etc/nixos/secrets", at.directory)
    .replace("set -eu\n", "set -eu\nsync() { :; }\n");
  const { status, stdout, stderr } = spawnSync("sh", ["-c", local], { input, encoding: "utf8" });
  return status === 0 ? { ok: true, stdout } : { ok: false, kind: "command", why: stderr };
}

function paragraph({ server, invocation }: Unit): string {
  const state = server === undefined ? "inactive" : "active";
  return `LoadState=loaded\nActiveState=${state}\nInvocationID=i${invocation}\n`;
}

/** Pairs of running members of which one would not let the other in, by the files that each read when it started. */
export function strangers({ nodes }: Living, service: ServiceName & Service): string[] {
  const running = [...nodes.values()].flatMap(({ node, units }) => {
    const { loaded } = units[service];
    return loaded === undefined ? [] : [{ name: node.name, ...loaded }];
  });
  return running.flatMap((one) =>
    running
      .filter(({ ca }) => !trusts(ca, one.cert))
      .map((other) => `${other.name} does not trust ${one.name}`),
  );
}

function trusts(bundle: string, cert: string): boolean {
  const leaf = new X509Certificate(cert);
  return readCertificates(bundle).some((root) =>
    leaf.verify(new X509Certificate(root.toString("pem")).publicKey),
  );
}
