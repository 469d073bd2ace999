// The composition root: configuration, store, policy, listeners, runner, in this order; closed in reverse.

import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { homedir, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Logger, pino } from "pino";
import { createApi } from "./api/app.ts";
import { certificatesView } from "./api/certificates.ts";
import { createRackstrap } from "./api/rackstrap.ts";
import { loadOrCreateToken } from "./api/token.ts";
import { loadAssetKey } from "./boot/asset-store/signature.ts";
import { type Assets, createAssets } from "./boot/assets.ts";
import { createDiscoveryBoots } from "./boot/discovery-boots.ts";
import { createImageCache, imageBudgetBytes } from "./boot/image-cache.ts";
import { loadLoaderConfigs } from "./boot/loader-config.ts";
import { loadScripts } from "./boot/script.ts";
import { type HostKey, loadOrCreateHostKey } from "./install/host-key.ts";
import { findNode } from "./inventory/find.ts";
import type { LiveInventory } from "./inventory/live.ts";
import type { Inventory } from "./inventory/schema.ts";
import { createSecretReader, type ReadSecret } from "./inventory/secret.ts";
import { createClusterAccess } from "./operations/cluster-access.ts";
import { createInstallation, installerHostKey } from "./operations/installation.ts";
import { newProvisions, type ProvisionTools, provisionPlan } from "./operations/provision.ts";
import { type Clock, createRunner, type Runner } from "./operations/runner.ts";
import type { Ca } from "./pki/ca.ts";
import { type AssetChecks, startAssetChecks } from "./serve/asset-checks.ts";
import { checkAll } from "./serve/checks.ts";
import { type Consoles, createConsoles } from "./serve/consoles.ts";
import { type Controllers, createControllers } from "./serve/controllers.ts";
import { followInventory } from "./serve/inventory-follow.ts";
import { tellInsecureBmcs } from "./serve/inventory-hooks.ts";
import { type InventoryReload, openInventory } from "./serve/inventory-reload.ts";
import { createInventoryService } from "./serve/inventory-service.ts";
import { startLoaderWatch } from "./serve/loader-watch.ts";
import { serverMetrics } from "./serve/metrics.ts";
import { type NetworkServices, startNetworkServices } from "./serve/network-services.ts";
import { startPower } from "./serve/power.ts";
import { createRendering, type Rendering } from "./serve/rendering.ts";
import { missingAssets } from "./serve/self-check.ts";
import { createServedScripts } from "./serve/served-scripts.ts";
import { loadSiteCa } from "./serve/site-ca.ts";
import { openStore, type Store } from "./store/store.ts";

type Closers = (() => void | Promise<void>)[];

const clock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    // An abort ends the sleep early; whoever slept looks at the signal.
    await delay(ms, undefined, { signal }).catch(() => undefined);
  },
};

/** Runs the server until SIGINT or SIGTERM. Throws one sentence with the remedy when it can't start. */
export async function serve(inventoryFile: string): Promise<void> {
  const output = pino.destination({ fd: 1 });
  // A log on a full disk is a log less; it must not end DHCP.
  output.on("error", () => undefined);
  const logger = pino({ level: process.env["RACKSTRAP_LOG_LEVEL"] ?? "info" }, output);
  const inventory = openInventory(inventoryFile, clock.now);
  const closers: Closers = [];
  const onHangup = () => void inventory.reload("signal");
  process.on("SIGHUP", onHangup);
  closers.push(() => void process.off("SIGHUP", onHangup));
  const stopped = stopRequest();
  const fault = Promise.withResolvers<never>();
  // Awaited only after the start; until then a fault must not count as unhandled.
  fault.promise.catch(() => undefined);
  try {
    await start(inventory, logger, closers, fault.reject);
    const { site, nodes } = inventory.inForce();
    logger.info({ site, nodes: nodes.length }, "server started");
    await Promise.race([stopped, fault.promise]);
    logger.info("server stopping");
  } finally {
    for (const close of closers.toReversed()) await closeOne(close, logger);
  }
}

/** One that fails to close must not leave the others open: a server that half runs still answers DHCP. */
async function closeOne(close: Closers[number], logger: Logger): Promise<void> {
  try {
    await close();
  } catch (error) {
    logger.error({ err: error }, "close failed");
    process.exitCode = 1;
  }
}

async function start(
  reload: InventoryReload,
  logger: Logger,
  closers: Closers,
  onFault: (error: Error) => void,
): Promise<void> {
  const inventory = reload.inForce;
  const { stateDirectory, api } = inventory().server;
  const { now } = clock;
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const store = openLoggedStore(stateDirectory, logger);
  closers.push(() => store.close());
  const boot = await loadBoot(inventory, store);
  const { assets, rendering } = boot;
  const sshKey = await loadSshKey(inventory());
  const readSecret = createSecretReader(process.env);
  const ca = await loadSiteCa(inventory(), readSecret, now());
  const controllers = openControllers(inventory, readSecret, logger);
  closers.push(() => controllers.close());
  const power = startPower({ inventory, store, controllers, logger });
  closers.push(() => power.close());
  const tools = {
    ...provisionTools(inventory, store, assets, rendering, sshKey.file, ca),
    ...{ bmc: power.bmc, startTurn: power.startTurn, powerAsked: power.asked, clock },
  };
  const servedScripts = openServedScripts(stateDirectory, logger);
  closers.push(() => servedScripts.close());
  const network = await startNetworkServices({
    ...{ inventory, store, ...boot, servedScripts, logger, now, onFault },
    isInventoryRefused: reload.isRefused,
    authorizedKeys: sshKey.publicKey,
    nonceKey: loadOrCreateToken(stateDirectory, randomBytes, "boot-nonce-key").reveal(),
    installerHostKey: (operation) => givenHostKey(inventory(), operation),
  });
  closers.push(() => network.close());
  const watch = startLoaderWatch({ assets, clock, dhcp: network.dhcp, onFault });
  closers.push(() => watch.close());
  const checks = checkAssetsRegularly(inventory(), assets, logger, onFault);
  closers.push(() => checks.close());
  const consoles = createConsoles({ inventory, store, bmc: tools.bmc, clock, logger });
  closers.push(() => consoles.close());
  const runner = startRunner(tools, store, consoles, logger);
  closers.push(() => runner.close());
  const followed = followInventory({
    ...{ reload, store, clock, controllers },
    ...{ cluster: tools.cluster, powerJobs: power.jobs, dhcp: network.dhcp },
    ...{ consoles: consoles.hub, logger: logger.child({ service: "inventory" }) },
  });
  closers.push(() => followed.close());
  const { nodes, operations, certificates } = store;
  const checked = { reload, assets, rendering, network, controllers, ca, certificates, now };
  const service = createRackstrap({
    ...{ inventory, nodes, operations, runner, clock },
    inventoryFiles: createInventoryService(reload),
    ...{ cluster: tools.cluster, clusters: store.clusters },
    ...{ powerJobs: power.jobs, powerWatch: power.watch },
    ...{ bmc: tools.bmc, probe: controllers.probe },
    ...{ consoles: consoles.hub, consoleLog: consoles.log },
    subject: rendering.subject,
    newProvisions: (chosen, confirmed) => newProvisions(tools, chosen, now(), confirmed),
    render: rendering.render,
    stages: rendering.stages,
    served: (node, stage) => servedScripts.find(node.name, stage),
    check: (request) => checkAll(checked, request),
    certificates: () => certificatesView(ca, certificates),
    leases: () => network.dhcp.leases(),
    metrics: async () =>
      serverMetrics({
        ...(await networkFigures(network)),
        damagedAssets: assets.current().damaged.length,
        assetsCheckedMs: checks.lastCheckMs(),
        inventory: reload.status(),
        power: inventory().nodes.map(({ name }) => ({ node: name, view: power.watch.view(name) })),
        nowMs: now(),
      }),
  });
  const token = loadOrCreateToken(stateDirectory, randomBytes);
  const app = createApi({ service, token, log: logger.child({ service: "api" }) });
  await app.listen({ host: api.address, port: api.port });
  closers.push(() => app.close());
}

function openLoggedStore(stateDirectory: string, logger: Logger): Store {
  return openStore(join(stateDirectory, "rackstrap.db"), clock.now, ({ kind, node, mac, detail }) =>
    logger.info({ event: kind, node, mac, detail }, "event"),
  );
}

function openServedScripts(stateDirectory: string, logger: Logger) {
  const onFailure = (node: string, error: unknown) =>
    logger.error({ err: error, node }, "the served script was not kept");
  return createServedScripts(join(stateDirectory, "served"), { now: clock.now, onFailure });
}

async function networkFigures({ services, dhcp }: NetworkServices) {
  return {
    services: services(),
    dhcpCounts: dhcp.counts(),
    pools: await dhcp.poolUse(),
    foreignServers: dhcp.foreignServers(),
  };
}

/** Throws where host keys are pinned and this operation's is gone: an installer with a key of its own could not be told from another's. */
async function givenHostKey(inventory: Inventory, operation: string): Promise<HostKey | undefined> {
  const key = await installerHostKey(inventory, operation);
  if (key !== undefined || inventory.install.hostKey === "first-use") return key;
  throw new Error(`the host key of operation ${operation} is gone: the operation is over`);
}

/** What machines are given, and what it is made of. */
async function loadBoot(inventory: LiveInventory, store: Store) {
  const { stateDirectory, assetDirectory, assetKey, imageMemoryMiB } = inventory().server;
  const assets = await createAssets(assetDirectory, {
    memoryFile: join(stateDirectory, "asset-sums.json"),
    key: assetKey === undefined ? undefined : loadAssetKey(assetKey),
  });
  const images = createImageCache(imageBudgetBytes(imageMemoryMiB, memoryBytes()));
  const templates = join(import.meta.dirname, "../templates");
  const ofSite = () => inventory().boot.templates;
  const scripts = loadScripts(templates, ofSite);
  const configs = loadLoaderConfigs(templates, ofSite);
  const discoveryBoots = createDiscoveryBoots();
  const { now } = clock;
  const boot = { assets, scripts, configs, discoveryBoots };
  const rendering = createRendering({ inventory, store, ...boot, now });
  return { assets, images, discoveryBoots, rendering };
}

/** Of the machine, or of the control group that the process is limited to. */
function memoryBytes(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}

function checkAssetsRegularly(
  inventory: Inventory,
  assets: Assets,
  logger: Logger,
  onFault: (error: Error) => void,
): AssetChecks {
  const everyMs = inventory.server.assetCheckMinutes * 60_000;
  const onChecked = (damaged: readonly string[]) => {
    for (const problem of damaged) logger.error({ problem }, "a boot asset is damaged");
  };
  return startAssetChecks({ assets, clock, everyMs, onChecked, onFault });
}

function provisionTools(
  inventory: LiveInventory,
  store: Store,
  assets: Assets,
  rendering: Rendering,
  sshKeyFile: string,
  ca: Ca,
): Omit<ProvisionTools, "bmc" | "startTurn" | "powerAsked" | "clock"> {
  const { now } = clock;
  const path = process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin";
  const { certificates } = store;
  const given = { ca, certificates, sshKeyFile, path, home: homedir(), now };
  return {
    inventory,
    nodes: store.nodes,
    operations: store.operations,
    clusters: store.clusters,
    cluster: createClusterAccess({ nodes: () => inventory().nodes, ca: ca.certPem, clock }),
    installation: (node, operationId) =>
      createInstallation({ ...given, inventory: inventory() }, node, operationId),
    // Read anew: an image may have been imported since.
    missingAssets: async (node) => [
      ...missingAssets(inventory(), await assets.reload(), [node]),
      ...rendering.scriptFaults(node),
    ],
    newId: randomUUID,
  };
}

function openControllers(
  inventory: LiveInventory,
  readSecret: ReadSecret,
  logger: Logger,
): Controllers {
  tellInsecureBmcs(inventory(), logger);
  return createControllers(readSecret, (name) => findNode(inventory(), name));
}

/** The key that opens the installer: the site's own, else one made at the first start. */
async function loadSshKey(
  inventory: Inventory,
): Promise<{ readonly file: string } & Pick<HostKey, "publicKey">> {
  const { sshKey } = inventory.install;
  if (sshKey !== undefined && !(existsSync(sshKey) && existsSync(`${sshKey}.pub`)))
    throw new Error(
      `install.sshKey ${sshKey} and ${sshKey}.pub must both exist: make them with ssh-keygen -t ed25519 -N "" -f ${sshKey}`,
    );
  const file = sshKey ?? join(inventory.server.stateDirectory, "ssh", "id_ed25519");
  const { signal } = new AbortController();
  const { publicKey } = await loadOrCreateHostKey(file, `rackstrap ${inventory.site}`, signal);
  return { file, publicKey };
}

function startRunner(
  tools: ProvisionTools,
  store: Store,
  { accompany }: Consoles,
  logger: Logger,
): Runner {
  const runner = createRunner({
    operations: store.operations,
    nodes: store.nodes,
    plan: (operation) => {
      const node = findNode(tools.inventory(), operation.node);
      if (node === undefined)
        throw new Error(
          `operation ${operation.id} is for node ${operation.node}, which the inventory no longer has: put it back, cancel the operation, then remove it`,
        );
      return provisionPlan(tools, operation, node);
    },
    basis: tools.inventory,
    atomically: store.atomically,
    clock,
    isStoreFull: store.isFull,
    startedAtMs: clock.now(),
    onFault: ({ id, node }, error) =>
      logger.error({ err: error, operation: id, node }, "operation fault"),
    accompany,
  });
  runner.resume();
  return runner;
}

function stopRequest(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}
