// What a diagnosis is made of in the running server: its store, its services, and looks over the network.

import type { Diagnosing } from "../api/diagnosis.ts";
import { type AssetManifest, assetProblems, loaderFaults } from "../boot/assets.ts";
import { decide } from "../boot/decide.ts";
import type { Identity } from "../cluster/client.ts";
import { type Diagnosis, diagnose } from "../diagnose/diagnose.ts";
import type { ServerLook } from "../diagnose/evidence.ts";
import { gather, type Looks } from "../diagnose/gather.ts";
import { lookAtBmc, lookAtInstall, lookAtInstaller, lookAtSystem } from "../diagnose/looks.ts";
import {
  layerLimits,
  lookAtHandshakes,
  lookAtLayers,
  lookAtPorts,
} from "../diagnose/outside-looks.ts";
import { diagnoseStranger } from "../diagnose/stranger.ts";
import { servedInterfaces, serverAddressFor } from "../inventory/networks.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { Mac } from "../net/mac.ts";
import { driversOf } from "../operations/cluster-access.ts";
import type { NodeShell } from "../operations/node-shell.ts";
import { checkFirewall } from "../preflight/firewall.ts";
import { checkInterfaces } from "../preflight/interfaces.ts";
import type { Surroundings } from "../preflight/surroundings.ts";
import { systemSurroundings } from "../preflight/system.ts";
import type { Store } from "../store/store.ts";
import { type CheckTools, probing } from "./checks.ts";
import { loadersOf } from "./self-check.ts";
import { clock } from "./wall-clock.ts";

interface DiagnosingTools extends CheckTools {
  readonly store: Store;
  /** The private SSH key that installers and nodes accept. */
  readonly sshKey: { readonly file: string };
  readonly shell: NodeShell;
  /** Who this server is to members that ask who calls. */
  readonly identity: () => Promise<Identity>;
}

export function createDiagnosing(tools: DiagnosingTools): Diagnosing {
  const inventory = tools.reload.inForce;
  const { nodes, operations, clusters, certificates } = tools.store;
  const gatherTools = { inventory, nodes, operations, clusters, certificates, clock };
  const looks = createLooks(tools);
  // Whoever asks while a node is looked at gets the same answer: a machine is not to be asked twice at once.
  const running = new Map<string, Promise<Diagnosis>>();
  const look = (node: Node): Promise<Diagnosis> => {
    const shared = running.get(node.name);
    if (shared !== undefined) return shared;
    const begun = gather({ ...gatherTools, looks }, node)
      .then(diagnose)
      .finally(() => running.delete(node.name));
    running.set(node.name, begun);
    return begun;
  };
  return {
    node: look,
    stranger: (mac) => strangerDiagnosis(tools, mac),
  };
}

function createLooks(tools: DiagnosingTools): Looks {
  const { controllers, sshKey, shell, identity } = tools;
  const sshKeyFile = sshKey.file;
  const inventory = tools.reload.inForce;
  // Asked for each time: a rotation changes what nodes trust while the server runs.
  const authority = () => tools.ca().certPem;
  const driver = driversOf({ inventory, ca: authority, identity }, layerLimits);
  const surroundings = systemSurroundings(probing(controllers));
  return {
    server: async (node) => await lookAtServer(tools, node),
    surroundings: async (node) => await lookAround(inventory(), surroundings, node),
    bmc: async (node, signal) => await lookAtBmc(controllers.find(node), signal),
    installer: async (node, operation, signal) =>
      await lookAtInstaller({ inventory: inventory(), sshKeyFile }, node, operation, signal),
    install: async (operation, nowMs) => await lookAtInstall(inventory(), operation, nowMs),
    system: async (node, signal) =>
      await lookAtSystem({ inventory: inventory(), shell, authority: authority() }, node, signal),
    ports: async (node, signal) => await lookAtPorts(inventory(), node, signal),
    handshakes: async (node, fingerprint, signal) =>
      await lookAtHandshakes(
        { inventory: inventory(), authority: authority() },
        node,
        fingerprint,
        signal,
      ),
    layers: async (signal) => await lookAtLayers(inventory(), driver, signal),
  };
}

/** Of the served interfaces the one that the node boots through: another may be down for good reason. */
async function lookAround(inventory: Inventory, surroundings: Surroundings, node: Node) {
  const address = serverAddressFor(inventory, node.provisioningAddress);
  const device = servedInterfaces(inventory).find((served) => served.address === address)?.name;
  const interfaces = checkInterfaces(inventory, surroundings);
  return [
    ...interfaces.filter(({ title }) => title === `interface ${device}`),
    ...(await checkFirewall(inventory, surroundings)),
  ];
}

/** The directory is read again: a file may have gone since. */
async function lookAtServer(
  { reload, assets, rendering, network }: DiagnosingTools,
  node: Node,
): Promise<ServerLook> {
  const manifest = await assets.reload();
  const { allowSecondServer } = reload.inForce().dhcp;
  const foreign = allowSecondServer ? [] : network.dhcp.foreignServers();
  const loaders = loadersOf(node, manifest);
  return {
    services: network.services(),
    loaderProblems: assetProblems(manifest, { profiles: [], loaders }, "needed"),
    // A name that the site gave says nothing of what is in the file.
    loaderFaults: node.loader === undefined ? faultsOf(manifest, loaders) : [],
    imageProblems: assetProblems(manifest, { profiles: [node.profile], loaders: [] }, "needed"),
    scriptFaults: rendering.scriptFaults(node),
    foreignServers: foreign.map(({ address, interface: device }) => `${address} on ${device}`),
  };
}

function faultsOf(manifest: AssetManifest, names: readonly string[]): string[] {
  const named = [...manifest.loaders].filter(([name]) => names.includes(name));
  return loaderFaults({ ...manifest, loaders: new Map(named) });
}

function strangerDiagnosis({ rendering, network, store, now }: DiagnosingTools, mac: Mac) {
  const subject = rendering.subject(mac);
  return diagnoseStranger({
    ...{ mac, nowMs: now() },
    found: store.nodes.discovered().find((machine) => machine.mac === mac),
    retired: subject.retired,
    cardOf: subject.cardOf?.name,
    dhcp: network.services().dhcp,
    reason: decide(subject, now()).reason,
  });
}
