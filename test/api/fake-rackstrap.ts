// A scripted `Rackstrap` for the tests of the API and the command line: fixed answers, one refusal of
// each kind, and any method replaced at will.

import type { BmcService } from "../../src/api/bmc-service.ts";
import type { ProbeView } from "../../src/api/bmc-shapes.ts";
import type { CertificateStatusView, CertificatesView } from "../../src/api/certificate-shapes.ts";
import type { ConsoleService } from "../../src/api/console-service.ts";
import type { DiagnosisView } from "../../src/api/diagnosis-shapes.ts";
import type { GenerationsView } from "../../src/api/generations.ts";
import type { InventoryService } from "../../src/api/inventory-routes.ts";
import type { Metric } from "../../src/api/metrics.ts";
import type { OperationView, OrderRequest, PlanView } from "../../src/api/operation-shapes.ts";
import type { PowerJobView, PowerTaskView } from "../../src/api/power-shapes.ts";
import { type PowerService, type Rackstrap, Refusal } from "../../src/api/service.ts";
import type { EventView, LayerView, NodeView } from "../../src/api/shapes.ts";
import type { VerifyRequest } from "../../src/api/verify-shapes.ts";
import { machineReport } from "../../src/nodes/machine-report.ts";
import { type AreaReport, areas } from "../../src/verify/line.ts";
import { reportJson } from "../fakes/machine-report.ts";

export const discoveredMac = "52:54:00:aa:bb:cc";
export const startMs = Date.UTC(2026, 0, 2, 3, 4, 5);

export function nodeView(name: string, state = "active"): NodeView {
  const number = Number(name.slice(-2));
  return {
    name,
    fqdn: `${name}.example.com`,
    mac: `52:54:00:12:34:${55 + number}`,
    profile: "control-plane",
    role: "control-plane",
    firmware: "uefi",
    provisioningAddress: `10.0.100.${49 + number}`,
    productionAddress: `10.0.200.${9 + number}`,
    disk: "/dev/sda",
    state,
    sinceMs: startMs,
    power: { state: "on", last: "on", readAtMs: startMs, asked: "on", differs: false },
  };
}

/** A node with two generations, which runs the first and starts with the second. */
function generationsView(node: string): GenerationsView {
  const path = (number: number) => `/nix/store/${"0".repeat(32)}-nixos-system-${node}-${number}`;
  return {
    ...{ node, lasting: 2, running: path(1), booted: path(2) },
    generations: [1, 2].map((number) => ({ number, createdAtMs: startMs, path: path(number) })),
  };
}

/** A job of which every machine has ended as asked. */
export function powerJobView(
  action: PowerJobView["action"],
  nodes: readonly string[],
  changes: Partial<PowerTaskView> = {},
): PowerJobView {
  const state = action === "off" || action === "soft" ? "off" : "on";
  return {
    ...{ id: "job-1", action, createdAtMs: startMs, endedAtMs: startMs + 4000 },
    tasks: nodes.map((node) => ({
      ...{
        node,
        status: "done",
        startAtMs: startMs,
        askedAtMs: startMs,
        endedAtMs: startMs + 4000,
      },
      power: { state, last: state, readAtMs: startMs + 4000, differs: false },
      ...changes,
    })),
  };
}

export function operationView(node: string, changes: Partial<OperationView> = {}): OperationView {
  return {
    id: `op-${node}`,
    kind: "provision",
    node,
    nodes: [node],
    status: "running",
    createdAtMs: startMs,
    steps: [
      {
        id: "arm",
        kind: "arm",
        title: "Arm the install",
        status: "done",
        startedAtMs: startMs,
        endedAtMs: startMs + 1000,
      },
      {
        id: "install",
        kind: "install",
        title: "Install",
        status: "running",
        startedAtMs: startMs + 1000,
        lastLine: "disko",
      },
      { id: "verify", kind: "verify", title: "Verify the cluster", status: "pending" },
    ],
    ...changes,
  };
}

export function planView(
  { verb, nodes }: Pick<OrderRequest, "verb" | "nodes">,
  changes: Partial<PlanView> = {},
): PlanView {
  return {
    operations: nodes.map((node) => ({
      ...{ node, nodes: [node] },
      steps: [
        { id: "arm", kind: "arm", title: `arm the ${verb}` },
        { id: "install", kind: "install", title: "install" },
      ],
    })),
    destroys: nodes.map((node) => `everything on /dev/sda of node ${node}`),
    quorum: [],
    notes: [],
    refusals: [],
    ...changes,
  };
}

export function layerView(layer: LayerView["layer"], changes: Partial<LayerView> = {}): LayerView {
  return {
    layer,
    verdict: "healthy",
    voters: ["node01"],
    healthyVoters: ["node01"],
    leader: "node01",
    reasons: [],
    members: [{ id: "node01", raftAddress: "10.0.200.10:2380", status: "healthy", role: "leader" }],
    ...changes,
  };
}

/** A node that is well, with a verdict only where one is given. */
export function diagnosisView(subject: string, verdict?: DiagnosisView["verdict"]): DiagnosisView {
  const stages = ["power", "dhcp", "ssh", "services"].map((name) => ({
    ...{ name, title: name, says: `${name} is well` },
    status: name === verdict?.stage ? ("missing" as const) : ("ok" as const),
  }));
  const base = { subject, mac: "52:54:00:12:34:56", node: "node01", state: "active", stages };
  return verdict === undefined ? base : { ...base, verdict };
}

const event: EventView = {
  id: 7,
  atMs: startMs,
  node: "node01",
  kind: "powered-on",
  detail: { by: "operator" },
};

const drift: ReturnType<Rackstrap["drift"]> = [
  { node: "node01", seenMs: 1_700_000_000_000, differences: [] },
  {
    node: "node02",
    seenMs: 1_700_000_000_000,
    differences: [{ kind: "differs", setting: "serial", declared: "A", found: "B" }],
  },
];

const dhcpEvents: Metric = {
  name: "rackstrap_dhcp_events_total",
  type: "counter",
  help: "What became of DHCP messages.",
  samples: [{ labels: { kind: "dhcp-offered" }, value: 3 }],
};

const fakeDiscovery: Pick<Rackstrap, "discovered" | "discovery"> = {
  discovered: () => [
    {
      mac: discoveredMac,
      firstSeenMs: startMs,
      lastSeenMs: startMs + 60_000,
      address: "10.0.100.100",
      facts: { architecture: "7" },
    },
  ],
  discovery: (mac) => {
    if (mac !== discoveredMac) throw new Refusal("unknown", `no machine ${mac} was discovered`);
    const machine = machineReport.parse(reportJson());
    const reports = [{ atMs: startMs, address: "10.0.100.100", machine }];
    return { mac, firstSeenMs: startMs, lastSeenMs: startMs, facts: {}, reports };
  },
};

/** The default answers, with the given methods instead. */
export function fakeRackstrap(changes: Partial<Rackstrap> = {}): Rackstrap {
  const known = (node: string) => {
    if (!/^node0[123]$/.test(node))
      throw new Refusal("unknown", `no node ${node}`, "rackstrap nodes lists them");
  };
  const find = (id: string) => {
    known(id.replace(/^op-/, ""));
    return operationView(id.slice(3));
  };
  return {
    nodes: () => [nodeView("node01"), nodeView("node02", "registered"), nodeView("node03")],
    nodeEvents: (node) => {
      known(node);
      return [event];
    },
    generations: async (node) => {
      known(node);
      return generationsView(node);
    },
    ...fakeDiscovery,
    explain: (subject) => ({
      subject,
      mac: "52:54:00:12:34:56",
      node: "node01",
      state: "active",
      boot: "local-disk",
      reason: "node node01 is active, not armed",
      events: [event],
    }),
    diagnose: async (subject) => diagnosisView(subject),
    events: ({ afterId = 0 }) => (afterId < event.id ? [event] : []),
    ...fakePower(known),
    drift: () => drift,
    draft: async (order) => planView(order),
    order: async ({ nodes }) => {
      for (const node of nodes) known(node);
      if (nodes.includes("node03"))
        throw new Refusal("conflict", "node node03 is busy", "wait for op-node03");
      return nodes.map((node) => operationView(node));
    },
    operations: () => [operationView("node01")],
    ...{ operation: find, cancel: find, resume: find },
    cluster: async () => [layerView("chainfire"), layerView("flaredb")],
    formation: async () => ({
      cluster: "prod-cluster",
      state: "formed",
      through: ["node01.example.com", "node02.example.com"],
    }),
    render: (node, stage) => {
      known(node);
      const served = { text: "#!ipxe\nexit 1\n", atMs: startMs };
      return { node, stage, text: "#!ipxe\nexit\n", ...(stage === "boot" && { served }) };
    },
    leases: async () => [
      {
        address: "10.0.100.50",
        mac: "52:54:00:12:34:56",
        node: "node01",
        state: "bound",
        expiresAtMs: 4_000_000_000_000,
        lastSeenMs: 1_750_000_000_000,
      },
      {
        address: "10.0.100.101",
        mac: discoveredMac,
        hostName: "lab7",
        state: "released",
        expiresAtMs: 1_750_000_000_000,
        lastSeenMs: 1_750_000_000_000,
      },
    ],
    metrics: async () => [dhcpEvents],
    certificates: () => certificatesView,
    certificateStatus: async ({ node, within }) => {
      node?.forEach(known);
      return { ...certificateStatusView, withinDays: within };
    },
    check: async () => [
      { area: "boot-server", title: "service dhcp", level: "ok", detail: "running" },
    ],
    ...fakeInventory(),
    verify: fakeVerify,
    ...fakeConsole(known),
    ...fakeBmcs(known),
    ...changes,
  };
}

const certificate = {
  ...{ node: "node01", operation: "op-1", issuedAtMs: 1_700_000_000_000 },
  ...{ notBeforeMs: 1_700_000_000_000, notAfterMs: 4_102_444_800_000 },
  ...{ fingerprint: "ab".repeat(32), keySha256: "cd".repeat(32), byAuthority: true },
};

export const certificatesView: CertificatesView = {
  authority: {
    ...{ subject: "CN=PlasmaCloud CA", source: "made", key: "EC prime256v1", encrypted: true },
    ...{ notBeforeMs: 0, notAfterMs: 4_102_444_800_000, fingerprint: "ef".repeat(32) },
  },
  certificates: [
    { ...certificate, serial: "4a02", latest: true, verified: { atMs: 1, by: "files" } },
    { ...certificate, serial: "4a01", latest: false },
  ],
};

const dates = {
  ...{ serial: "4a02", notBeforeMs: 0, notAfterMs: 4_102_444_800_000 },
  fingerprint: "ab".repeat(32),
};
const shown = { ...dates, names: ["node01"], signer: "signing" as const };

export const certificateStatusView: CertificateStatusView = {
  withinDays: 30,
  authority: { ...certificatesView.authority, stage: "one", alsoTrusted: [], problems: [] },
  nodes: [
    {
      node: "node01",
      issued: { ...dates, issuedAtMs: 0 },
      services: [
        { service: "chainfire", port: 2379, shown },
        { service: "flaredb", port: 2479, shown },
      ],
      problems: [],
    },
  ],
};
/** Its file is in force, and other texts lack node03. */
function fakeInventory(): InventoryService {
  const sound = { problems: [], refused: [], needsRestart: [], warnings: [] };
  const none = { added: [], removed: [], changed: [], settings: [] };
  return {
    inventoryStatus: () => ({
      ...{ site: "lab", nodes: 3, files: ["/etc/rackstrap/site.yaml"], valid: true },
      ...{ loadedAtMs: startMs, readAtMs: startMs, ...sound },
    }),
    reloadInventory: async () => ({ ...sound, diff: none }),
    compareInventory: async () => ({ ...sound, diff: { ...none, removed: ["node03"] } }),
  };
}

/** All is well, but for what each test says. */
async function* fakeVerify({ only }: VerifyRequest): AsyncGenerator<AreaReport, void> {
  for (const area of areas.filter((each) => only === undefined || each === only))
    yield { area, lines: [{ area, title: "node01", level: "ok", detail: "well" }], tookMs: 12 };
}

type Known = (node: string) => void;

/** A console that gives back what is typed, and has printed "last words" before. */
function fakeConsole(known: Known): ConsoleService {
  const viewers = new Set<Parameters<ConsoleService["joinConsole"]>[2]>();
  const print = (text: string) => {
    for (const viewer of viewers) viewer.printed(Buffer.from(text, "latin1"));
  };
  return {
    joinConsole: (node, _take, viewer) => {
      known(node);
      viewers.add(viewer);
      return {
        recent: Buffer.from("last words\r\n"),
        state: { kind: "open" },
        leave: () => viewers.delete(viewer),
      };
    },
    typeConsole: async (node, input) => {
      known(node);
      const data =
        "break" in input ? "<break>" : Buffer.from(input.data, "base64").toString("latin1");
      print(data);
      return "break" in input ? 0 : data.length;
    },
    consoleLog: async (node) => {
      known(node);
      const printed = "\x1b[2J\x1b[1;1HSeaBIOS\r\n\x1b]0;evil\x07Linux version 6\r\n";
      return { node, operation: `op-${node}`, data: Buffer.from(printed).toString("base64") };
    },
  };
}

export const probeView: ProbeView = {
  node: "node01",
  address: "10.0.10.50",
  reachable: true,
  ipmi: {
    ...{ ipmi20: true, needsBmcKey: false, anonymousLogin: false },
    ...{ nullUser: false, noneAccepted: false },
  },
  suites: [0, 3, 17],
  login: { user: "admin", works: true },
  description: { protocol: "IPMI 2.0", manufacturer: "Supermicro", model: "X11", firmware: "1.02" },
  verbs: [
    { verb: "power", works: true },
    { verb: "console", works: false, reason: "it is switched off" },
  ],
  defaults: [],
  warnings: ["cipher suite 0 is offered"],
};

function fakeBmcs(known: Known): BmcService {
  const checked = <T>(node: string, value: T): Promise<T> => {
    known(node);
    return Promise.resolve(value);
  };
  const description = { protocol: "IPMI 2.0", manufacturer: "Supermicro", serial: "S1" };
  return {
    bmc: (node) =>
      checked(node, {
        ...{ node, address: "10.0.10.50", description },
        firmware: [{ name: "BMC", version: "1.02" }],
      }),
    bmcSensors: (node) =>
      checked(node, [{ name: "Fan 1", value: 5400, unit: "RPM", health: "ok" as const }]),
    bmcEvents: (node) =>
      checked(node, [{ id: "1", severity: "critical" as const, message: "Fan 1 failed" }]),
    clearBmcEvents: (node) => checked(node, undefined),
    identify: (node) => checked(node, undefined),
    bmcBoot: (node) => checked(node, { device: "none", persistent: false, uefi: false }),
    setBmcBoot: (node, { device, uefi }) =>
      checked(node, { device, persistent: false, uefi: uefi ?? true }),
    bmcMedia: (node) => checked(node, undefined),
    setBmcMedia: (node) => checked(node, undefined),
    setBmcPassword: (node) =>
      checked(node, { node, user: "admin", reference: "the environment variable BMC_PASSWORD" }),
    probeBmcs: async ({ target }) => [{ ...probeView, node: target }],
  };
}

function fakePower(known: (node: string) => void): PowerService {
  return {
    power: async ({ action, nodes }) => {
      for (const node of nodes) known(node);
      return powerJobView(action, nodes);
    },
    powerPlan: ({ action, nodes }) => powerJobView(action, nodes, { status: "waiting" }),
    powerJob: (id) => {
      if (id !== "job-1") throw new Refusal("unknown", `no power job ${id}`, "power status all");
      return powerJobView("on", ["node01"]);
    },
    powerJobs: () => [powerJobView("on", ["node01"])],
    cancelPower: () => powerJobView("on", ["node01"]),
  };
}
