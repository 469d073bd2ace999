import { expect, test } from "vitest";
import { type CauseId, causes } from "../../src/diagnose/causes.ts";
import { diagnose } from "../../src/diagnose/diagnose.ts";
import type { Evidence } from "../../src/diagnose/evidence.ts";
import type { InstallFault } from "../../src/install/explain.ts";
import type { Operation } from "../../src/operations/operation.ts";
import { someFacts } from "../fakes/machine-facts.ts";
import {
  aLayer,
  anOperation,
  aUnit,
  booting,
  healthy,
  healthyReport,
  known,
  node01,
  type Told,
  unasked,
  withReport,
  withServer,
} from "./evidence.ts";

test("a healthy node lacks nothing", () => {
  const { stages, verdict } = diagnose(healthy());
  expect(stages.filter(({ status }) => status !== "ok")).toEqual([]);
  expect(verdict).toBeUndefined();
});

test("a voter of etcd is healthy by its layer, and one that its layer does not list is not", () => {
  const own = { ownLayers: ["etcd" as const] };
  expect(diagnose(healthy({ ...own, layers: known([aLayer("etcd")]) })).verdict).toBeUndefined();
  const alone = { ...aLayer("etcd"), members: [], voters: [], healthyVoters: [] };
  const { verdict } = diagnose(healthy({ ...own, layers: known([alone]) }));
  expect(verdict).toMatchObject({ stage: "cluster", cause: "not-a-member" });
  expect(verdict?.next).toContain("journalctl -u etcd.service");
});

test("what could not be asked is unknown, and not missing", () => {
  const nothing = {
    server: unasked,
    bmc: unasked,
    system: unasked,
    ports: unasked,
    handshakes: unasked,
  };
  const { stages, verdict } = diagnose(
    healthy({ ...nothing, layers: unasked, surroundings: unasked }),
  );
  expect(verdict).toBeUndefined();
  expect(stages.filter(({ status }) => status === "unknown").map(({ name }) => name)).toEqual([
    ...["power", "ssh", "clock", "certificate", "resources", "services", "ports", "first-boot"],
    ...["cluster", "load"],
  ]);
});

const pxe: Told = ["dhcp-acknowledged", { bootFile: "ipxe.efi" }];
const loader: Told = ["tftp-transferred", { file: "ipxe.efi", outcome: "completed" }];
const menu: Told = ["boot-menu-served"];
const script: Told = ["boot-script-served", { plan: "installer" }];
const image: Told = ["image-served", { file: "initrd", outcome: "complete" }];
const keys: Told = ["keys-served"];
const installerUp: Told = ["dhcp-acknowledged", {}];
const toKeys = [pxe, loader, menu, script, image, keys];

const line = (title: string, level: "warning" | "error", detail: string) =>
  known([{ area: "network", title, level, detail, next: "" } as const]);
const bmcFails = (failure: "authentication" | "unreachable" | "timeout") =>
  known({ kind: "failed", failure, why: `BMC 10.0.10.50: ${failure}` } as const);
const facts = someFacts(node01().mac);
const installer = (
  identification: Extract<Evidence["installer"], { known: true }>["value"]["identification"],
  diskProblem?: string,
) => known({ identification, diskProblem });
const answering = (kind: "no-access" | "host-key-changed" | "not-installer", why: string) =>
  booting(toKeys, { installer: installer({ kind, why }) });
/** An operation whose installer was up, and had no such disk. */
function withoutItsDisk(): Operation {
  const operation = failedAt("installer");
  const steps = operation.steps.map((step) =>
    step.id === "installer" ? { ...step, evidence: { problem: "disk" } } : step,
  );
  return { ...operation, steps };
}

const failedAt = (stage: string) =>
  anOperation(stage, { status: "failed", failure: { stage, reason: "so it says", next: "see" } });
const run = (fault: InstallFault, reason: string): Evidence =>
  booting(toKeys, {
    state: "failed",
    operation: failedAt("install"),
    install: known({ kind: "failed", fault, reason, next: "" }),
  });
const failedUnit = (unit: string, ...lines: string[]) => {
  const units = healthyReport().units.map((look) =>
    look.unit === unit
      ? aUnit(unit, { active: "failed", sub: "failed", result: "exit-code" })
      : look,
  );
  return { units, journal: { [unit]: lines } };
};
const away = {
  healthyVoters: ["node02", "node03"],
  reasons: ["node01 gives no full answer: nobody"],
};
const withoutIt = [aLayer("chainfire", away), aLayer("flaredb", away)];
const joinFails = (message: string, report: object = {}) =>
  withReport(
    {
      ...failedUnit("chainfire-cluster-join.service", `{"level":"ERROR","message":"${message}"}`),
      ...report,
    },
    { layers: known(withoutIt) },
  );
const shows = (why: string) =>
  healthy({
    system: known({ kind: "authentication", why: "Permission denied (publickey)" }),
    handshakes: known([{ service: "chainfire", presented: { kind: "other", why } }]),
  });
const config = (changes: object) =>
  ({
    kind: "read",
    config: { ...(healthyReport().config as { config: object }).config, ...changes },
  }) as never;
const forming = config({ bootstrap: true, initial_peers: ["a:1"], flaredb_peers: ["a:1"] });
const certificate = (changes: object) => ({
  certificate: { ...(healthyReport().certificate as object), ...changes } as never,
});
const port = (state: "refused" | "silent") =>
  known([
    { service: "chainfire", port: 2379, state } as const,
    { service: "iam", port: 8080, state: "open" } as const,
  ]);
const unreached = {
  ...{ handshakes: unasked, ports: unasked, layers: known(withoutIt) },
  system: known({ kind: "timeout", why: "ssh: no end in time" } as const),
};

// What is wrong, the evidence of it, the first missing stage, its cause, and what the one command has in it.
const faults: readonly (readonly [string, Evidence, string, CauseId, string])[] = [
  [
    "the BMC password is wrong",
    booting([], { bmc: bmcFails("authentication") }),
    "power",
    "bmc-login",
    "rackstrap bmc probe node01",
  ],
  [
    "the BMC is away",
    booting([], { bmc: bmcFails("unreachable") }),
    "power",
    "bmc-unreachable",
    "ping -c 3 10.0.10.50",
  ],
  [
    "the machine is off",
    booting([], { bmc: known({ kind: "answers", power: "off" }) }),
    "power",
    "powered-off",
    "rackstrap power on node01",
  ],
  [
    "nobody ever provisioned it",
    booting([], {
      operation: undefined,
      state: "registered",
      bmc: known({ kind: "answers", power: "off" }),
    }),
    "power",
    "never-provisioned",
    "rackstrap provision node01",
  ],
  [
    "DHCP is off",
    withServer({ services: { dhcp: "stopped", tftp: "running", http: "running" } }),
    "dhcp",
    "dhcp-down",
    "journalctl -u rackstrap",
  ],
  [
    "the served interface has no link",
    booting([], { surroundings: line("interface eth0", "warning", "has no link") }),
    "dhcp",
    "server-interface",
    "rackstrap check --only network",
  ],
  [
    "the firewall keeps DHCP out",
    booting([], { surroundings: line("firewall", "error", "no rule lets in udp 67") }),
    "dhcp",
    "server-firewall",
    "rackstrap check --only network",
  ],
  [
    "another DHCP server answers",
    withServer({ foreignServers: ["10.0.100.9 on eth0"] } as never),
    "dhcp",
    "second-dhcp-server",
    "check",
  ],
  [
    "the firmware finds nothing to boot",
    booting([["no-bootable-device", { line: "No bootable device." }]]),
    "dhcp",
    "pxe-off",
    "rackstrap bmc boot node01",
  ],
  [
    "the firmware starts and is silent",
    booting([["console-stage-reached", { stage: "firmware" }]]),
    "dhcp",
    "pxe-off",
    "bmc boot",
  ],
  ["the cable is out", booting([]), "dhcp", "not-heard", "rackstrap console node01 --read-only"],
  [
    "the operation stopped before it began",
    booting([], { operation: failedAt("check") }),
    "dhcp",
    "operation-failed",
    "rackstrap operations show op-1",
  ],
  [
    "another machine has its address",
    booting([], { declined: "10.0.100.50" }),
    "dhcp",
    "address-taken",
    "ping -c 3 10.0.100.50",
  ],
  [
    "no address is free",
    booting([["dhcp-ignored", { reason: "the pool is exhausted" }]]),
    "dhcp",
    "dhcp-refused",
    "rackstrap events node01",
  ],
  [
    "TFTP is off",
    withServer(
      { services: { dhcp: "running", tftp: "failed", http: "running" } },
      { boot: booting([pxe]).boot },
    ),
    "tftp",
    "tftp-down",
    "journalctl",
  ],
  [
    "the loader is missing",
    withServer({ loaderProblems: ["loader ipxe.efi: is missing"] } as never, {
      boot: booting([pxe]).boot,
    }),
    "tftp",
    "loader-missing",
    "rackstrap assets loaders",
  ],
  [
    "the loader is that of another architecture",
    withServer(
      { loaderFaults: ["loader ipxe.efi: is for arm64, and its name says x64"] } as never,
      {
        boot: booting([pxe]).boot,
      },
    ),
    "tftp",
    "loader-of-another",
    "rackstrap assets loaders",
  ],
  [
    "no loader fits the architecture",
    booting([["dhcp-acknowledged", { reason: "no loader for client architecture 27" }]]),
    "tftp",
    "no-loader",
    "rackstrap explain node01",
  ],
  ["TFTP is blocked on the way", booting([pxe]), "tftp", "loader-not-fetched", "check"],
  [
    "the loader's transfer broke off",
    booting([pxe, ["tftp-transferred", { file: "ipxe.efi", outcome: "timed-out" }]]),
    "tftp",
    "transfer-broken",
    "events",
  ],
  [
    "the boot plane is off",
    withServer(
      { services: { dhcp: "running", tftp: "running", http: "stopped" } },
      { boot: booting([pxe, loader]).boot },
    ),
    "http",
    "http-down",
    "journalctl",
  ],
  [
    "the image is missing",
    withServer({ imageProblems: ["profile control-plane: is missing"] } as never, {
      boot: booting([pxe, loader]).boot,
    }),
    "http",
    "image-missing",
    "rackstrap assets verify",
  ],
  [
    "the boot script can't be made",
    withServer({ scriptFaults: ["no kernel arguments"] } as never, {
      boot: booting([pxe, loader]).boot,
    }),
    "http",
    "script-fault",
    "check",
  ],
  [
    "the loader is for another architecture",
    booting([pxe, loader]),
    "http",
    "loader-does-not-run",
    "console",
  ],
  [
    "Secure Boot refuses the loader",
    booting([pxe, loader, ["secure-boot-violated", { line: "Secure Boot Violation" }]]),
    "http",
    "secure-boot",
    "bmc boot",
  ],
  [
    "iPXE stands in its menu",
    booting([pxe, loader, menu]),
    "http",
    "script-not-fetched",
    "console",
  ],
  [
    "it is sent to its own disk",
    booting([
      pxe,
      loader,
      menu,
      ["boot-script-served", { plan: "local-disk", reason: "not armed" }],
    ]),
    "http",
    "sent-to-disk",
    "explain",
  ],
  [
    "it asks by another's address",
    booting([pxe, loader, ["boot-refused", { asked: "boot.ipxe", reason: "not its own" }]]),
    "http",
    "boot-refused",
    "events",
  ],
  [
    "the image is cut",
    booting([
      pxe,
      loader,
      menu,
      script,
      ["image-served", { file: "initrd", outcome: "cut", bytes: 7 }],
    ]),
    "http",
    "image-not-fetched",
    "events",
  ],
  [
    "it does not come for its keys",
    booting([pxe, loader, menu, script, image]),
    "http",
    "keys-not-fetched",
    "console",
  ],
  [
    "the kernel panics",
    booting([...toKeys, ["kernel-panicked", { line: "Kernel panic - not syncing" }]]),
    "installer",
    "kernel-panicked",
    "--log",
  ],
  ["the kernel has no driver for the card", booting(toKeys), "installer", "kernel-silent", "--log"],
  [
    "the installer has no sshd",
    booting([...toKeys, installerUp]),
    "installer",
    "installer-silent",
    "console",
  ],
  [
    "the installer refuses the key",
    answering("no-access", "does not accept the provisioning key"),
    "installer",
    "installer-key",
    "rackstrap check --only workstation",
  ],
  [
    "an earlier system answers",
    answering("host-key-changed", "another SSH host key"),
    "installer",
    "installer-host-key",
    "console",
  ],
  [
    "it is no installer",
    answering("not-installer", "runs Debian"),
    "installer",
    "not-installer",
    "explain",
  ],
  [
    "another machine has its address",
    booting(toKeys, { installer: installer({ kind: "other-machine", why: "not 52:54", facts }) }),
    "installer",
    "other-machine",
    "drift",
  ],
  [
    "its disk is absent",
    booting(toKeys, {
      installer: installer({ kind: "installer", facts }, "the machine has no disk /dev/sdz"),
    }),
    "installer",
    "disk-absent",
    "rackstrap drift node01",
  ],
  [
    "it booted by the other firmware mode",
    booting(toKeys, {
      installer: installer({ kind: "installer", facts: { ...facts, firmware: "bios" } }),
    }),
    "installer",
    "firmware-differs",
    "drift",
  ],
  [
    "the disk guard refused it",
    booting([...toKeys, installerUp], { operation: failedAt("installer") }),
    "installer",
    "operation-failed",
    "operations show op-1",
  ],
  [
    "disko names another disk",
    run("wrong-disk", "names the disk /dev/sdz"),
    "install",
    "install-wrong-disk",
    "drift",
  ],
  [
    "an old partition table holds the disk",
    run("old-partition-table", "something holds the disk"),
    "install",
    "install-old-partitions",
    "ssh root@10.0.100.50 lsblk -f",
  ],
  [
    "no space is left",
    run("no-space", "the RAM disk is full"),
    "install",
    "install-no-space",
    "df -h",
  ],
  [
    "there is no binary cache",
    run("no-cache", "a download failed"),
    "install",
    "install-no-cache",
    "check --only nodes",
  ],
  [
    "its operation found no such disk and switched it off again",
    booting([["dhcp-acknowledged", { bootFile: "undionly.kpxe" }], ["keys-served"]], {
      bmc: known({ kind: "answers", power: "off" }),
      operation: withoutItsDisk(),
    }),
    "installer",
    "disk-absent",
    "drift",
  ],
  [
    "the install is under way",
    booting(toKeys, {
      operation: anOperation("install"),
      install: known({ kind: "running", line: "copying" }),
    }),
    "install",
    "install-under-way",
    "operations show op-1",
  ],
  [
    "its disk does not boot",
    healthy({ ...unreached, consoleFault: "its console says: No bootable device." }),
    "ssh",
    "disk-does-not-boot",
    "--log",
  ],
  [
    "its production network is cut",
    healthy(unreached),
    "ssh",
    "system-unreachable",
    "ping -c 3 10.0.200.10",
  ],
  [
    "its production network is cut, and what only a network boot needs is missing as well",
    healthy({
      ...unreached,
      server: known({
        ...{ services: { dhcp: "failed", tftp: "stopped", http: "running" } },
        ...{ loaderProblems: ["loader ipxe.efi: is missing"], loaderFaults: [] },
        ...{ imageProblems: ["initrd is missing"], scriptFaults: [], foreignServers: [] },
      }),
    }),
    "ssh",
    "system-unreachable",
    "ping -c 3 10.0.200.10",
  ],
  [
    "its sshd is down",
    healthy({ system: known({ kind: "refused", why: "Connection refused" }) }),
    "ssh",
    "sshd-down",
    "console",
  ],
  [
    "another system has its address",
    healthy({
      ...unreached,
      system: known({ kind: "host-key-changed", why: "No ED25519 host key is known" }),
    }),
    "ssh",
    "other-host-key",
    "console",
  ],
  [
    "its clock is two days off",
    withReport({
      clockMs: healthy().nowMs + 2 * 86_400_000,
      ...failedUnit("chainfire.service", "certificate verify failed"),
    }),
    "clock",
    "clock-off",
    "timedatectl",
  ],
  [
    "its certificate has expired",
    withReport({
      ...certificate({ notAfterMs: 1 }),
      ...failedUnit("chainfire.service", "certificate has expired"),
    }),
    "certificate",
    "certificate-expired",
    "rackstrap certs rotate node01",
  ],
  [
    "its certificate is not valid yet",
    withReport(certificate({ notBeforeMs: healthy().nowMs + 1000 })),
    "certificate",
    "certificate-not-yet-valid",
    "check",
  ],
  [
    "its certificate is of another CA",
    withReport(certificate({ byAuthority: false })),
    "certificate",
    "certificate-other-ca",
    "certs",
  ],
  [
    "its certificate is for another name",
    withReport(certificate({ namesNode: false })),
    "certificate",
    "certificate-other-name",
    "certs",
  ],
  [
    "its key is gone",
    withReport({ keyPresent: false }),
    "certificate",
    "certificate-missing",
    "ls -l /etc/nixos/secrets",
  ],
  [
    "a service shows an expired certificate",
    shows(
      "10.0.200.10:2379 shows the certificate that was issued, and it does not chain to the CA (CERT_HAS_EXPIRED)",
    ),
    "certificate",
    "certificate-expired",
    "certs",
  ],
  [
    "a service was not restarted after a rotation",
    shows("10.0.200.10:2379 shows another certificate (SHA-256 aa) than the one issued (bb)"),
    "certificate",
    "certificate-not-loaded",
    "systemctl status chainfire.service",
  ],
  [
    "its disk is full",
    withReport({
      fileSystems: [{ mount: "/var", usedPercent: 100 }],
      ...failedUnit("chainfire.service", "No space left on device"),
    }),
    "resources",
    "disk-full",
    "df -h",
  ],
  [
    "its root went read-only",
    withReport({ rootReadOnly: true }),
    "resources",
    "disk-read-only",
    "dmesg",
  ],
  [
    "its memory is used up",
    withReport({ memory: { totalKb: 1000, availableKb: 10 } }),
    "resources",
    "memory-full",
    "ps aux",
  ],
  [
    "a port is taken",
    withReport({
      ...failedUnit("iam.service", "listen tcp :8080: bind: address already in use"),
      listeners: [{ address: "0.0.0.0", port: 8080, program: "nginx" }],
    }),
    "services",
    "port-taken",
    "ss -tlnp",
  ],
  [
    "a service does not trust a certificate",
    withReport(failedUnit("flaredb.service", "certificate verify failed")),
    "services",
    "service-certificate",
    "journalctl -u flaredb.service",
  ],
  [
    "a key can't be read",
    withReport(
      failedUnit("chainfire.service", "open /etc/nixos/secrets/node01-key.pem: permission denied"),
    ),
    "services",
    "permission-denied",
    "ls -ln",
  ],
  [
    "a service has no configuration",
    withReport(
      failedUnit(
        "chainfire.service",
        "configuration file not found: /etc/nixos/secrets/cluster-config.json",
      ),
    ),
    "services",
    "config-missing",
    "ls -l",
  ],
  [
    "a service fails for another reason than at its start before",
    withReport({
      units: [aUnit("chainfire.service", { active: "activating", sub: "auto-restart" })],
      journal: {
        "chainfire.service": [
          "Started Chainfire.",
          "bind: address already in use",
          "Started Chainfire.",
          "configuration file not found: /etc/nixos/secrets/cluster-config.json",
          "Started Chainfire.",
        ],
      },
    }),
    "services",
    "config-missing",
    "ls -l",
  ],
  [
    "its certificate is of another CA, and it is too busy for SSH",
    healthy({
      ...unreached,
      handshakes: known([
        { service: "chainfire", presented: { kind: "other", why: "it does not chain to the CA" } },
      ]),
    }),
    "certificate",
    "certificate-other-ca",
    "certs rotate node01",
  ],
  [
    "a service was stopped that had failed at an earlier start",
    withReport({
      units: [aUnit("chainfire.service", { active: "inactive", sub: "dead" })],
      journal: { "chainfire.service": ["bind: address already in use", "Stopped Chainfire."] },
    }),
    "services",
    "service-stopped",
    "systemctl start chainfire.service",
  ],
  [
    "a service was stopped by hand",
    withReport({ units: [aUnit("chainfire.service", { active: "inactive", sub: "dead" })] }),
    "services",
    "service-stopped",
    "systemctl start chainfire.service",
  ],
  [
    "a service is not there",
    withReport({ units: [aUnit("iam.service", { load: "not-found", active: "inactive" })] }),
    "services",
    "service-absent",
    "rackstrap generate",
  ],
  [
    "a service crashes",
    withReport(failedUnit("chainfire.service", "panicked at src/main.rs")),
    "services",
    "service-failed",
    "journalctl -u chainfire.service -n 100",
  ],
  [
    "nothing listens on a port",
    withReport({ listeners: [] }, { ports: port("refused") }),
    "ports",
    "port-not-listening",
    "ss -tlnp",
  ],
  [
    "a service listens on loopback",
    withReport(
      { listeners: [{ address: "127.0.0.1", port: 2379, program: "chainfire" }] },
      { ports: port("refused") },
    ),
    "ports",
    "port-loopback",
    "ss",
  ],
  [
    "the node's firewall closes a port",
    healthy({ ports: port("silent") }),
    "ports",
    "port-filtered",
    "nft list ruleset",
  ],
  [
    "cluster-config.json is gone",
    withReport({ config: { kind: "absent" } }),
    "first-boot",
    "config-missing",
    "ls -l",
  ],
  [
    "cluster-config.json is another node's",
    withReport({ config: config({ node_id: "node09" }) }),
    "first-boot",
    "config-wrong",
    "cat",
  ],
  [
    "the bootstrap flag is wrong",
    withReport({ config: forming }, { founder: "node02" }),
    "first-boot",
    "bootstrap-flag",
    "cat /etc/nixos/secrets/cluster-config.json",
  ],
  [
    "the leader can't be reached",
    joinFails(
      "Join request failed: https://node02.example.com:2379: connect timed out (gave up after 300s)",
    ),
    "first-boot",
    "leader-unreachable",
    "https://node02.example.com:2379/health",
  ],
  [
    "the leader's name is not known",
    joinFails(
      "Join request failed: https://node02.example.com:2379: Could not resolve host: node02.example.com (gave up after 300s)",
    ),
    "first-boot",
    "name-unresolved",
    "getent hosts node02.example.com",
  ],
  [
    "the leader is silent while the join goes on",
    joinFails("Asking https://node02.example.com:2379 to add node01", {
      peers: [{ name: "node02.example.com", state: "unreachable" }],
    }),
    "first-boot",
    "leader-unreachable",
    "curl",
  ],
  [
    "the leader refuses the join",
    joinFails("Join request refused by https://node02.example.com:2379: HTTP 409"),
    "first-boot",
    "join-refused",
    "rackstrap cluster status",
  ],
  [
    "the leader's certificate is not accepted",
    joinFails("Join request failed: certificate of https://node02.example.com:2379 not accepted"),
    "first-boot",
    "join-certificate",
    "journalctl -u chainfire-cluster-join.service",
  ],
  [
    "the local service is not healthy in time",
    joinFails("Health check timeout after 120s: local chainfire: refused"),
    "first-boot",
    "main-service-down",
    "journalctl -u chainfire -n 100",
  ],
  [
    "the cluster has no majority",
    healthy({
      layers: known([
        aLayer("chainfire", {
          verdict: "no-quorum",
          reasons: ["no majority: voters 3, healthy 1 < 2"],
        }),
      ]),
    }),
    "cluster",
    "no-quorum",
    "cluster status",
  ],
  [
    "there are two clusters",
    healthy({
      layers: known([
        aLayer("chainfire", { disagreement: { kind: "two-clusters", detail: "node01 is alone" } }),
      ]),
    }),
    "cluster",
    "two-clusters",
    "cluster status",
  ],
  [
    "it is no member",
    healthy({
      layers: known([
        aLayer("chainfire"),
        aLayer("flaredb", { members: aLayer("flaredb").members.slice(1), healthyVoters: [] }),
      ]),
    }),
    "cluster",
    "not-a-member",
    "journalctl -u flaredb-cluster-join",
  ],
  [
    "the chainfire log says slow operation",
    withReport({ slowOperations: 12 }),
    "load",
    "slow-operations",
    "iostat",
  ],
  [
    "it has too much to do",
    withReport({ load: { average: 90, processors: 8 } }),
    "load",
    "overloaded",
    "top",
  ],
];

test("a member that says bootstrap is well in a cluster of which nobody knows who formed it", () => {
  expect(diagnose(withReport({ config: forming })).verdict).toBeUndefined();
});

test("a member that formed the cluster once may have joined it since", () => {
  const joined = withReport({ config: config({ bootstrap: false }) }, { founder: "node01" });
  const dark = { layers: known([aLayer("chainfire", { verdict: "no-cluster" })]) };
  const flag = { stage: "first-boot", cause: "bootstrap-flag" };
  expect(diagnose({ ...joined, ...dark }).verdict).toMatchObject(flag);
  expect(diagnose({ ...joined, ...dark, formed: true }).verdict).not.toMatchObject(flag);
});

test.each(faults)("%s", (_what, evidence, stage, cause, next) => {
  const { verdict } = diagnose(evidence);
  expect(verdict).toMatchObject({ stage, cause, means: causes[cause].means });
  expect(verdict?.next).toContain(next);
  expect(verdict?.next).not.toMatch(/[{}]/);
});

const shownByChainfire = (fingerprint: string) => ({
  handshakes: known([
    {
      service: "chainfire",
      presented: { kind: "other", why: "another certificate than the one issued", fingerprint },
    } as const,
  ]),
});

test("a service that shows the certificate in its place has it loaded, whichever was issued last", () => {
  const report = certificate({ fingerprint: "aa" });
  expect(diagnose(withReport(report, shownByChainfire("aa"))).verdict).toBeUndefined();
  const { verdict } = diagnose(withReport(report, shownByChainfire("bb")));
  expect(verdict?.cause).toBe("certificate-not-loaded");
});

test("a BMC that can't be asked is the verdict only while nothing of the running system is missing", () => {
  const bmc = bmcFails("authentication");
  expect(diagnose(healthy({ bmc })).verdict?.cause).toBe("bmc-login");
  const stopped = { ...failedUnit("chainfire.service", "address already in use") };
  expect(diagnose(withReport(stopped, { bmc })).verdict?.cause).toBe("port-taken");
});

test("what the last operation got through is no proof of today: a node that is off now is off", () => {
  const off = known({ kind: "answers", power: "off" } as const);
  expect(diagnose(healthy({ ...unreached, bmc: off })).verdict?.cause).toBe("powered-off");
  const sshd = known({ kind: "refused", why: "Connection refused" } as const);
  const bmc = bmcFails("authentication");
  expect(diagnose(healthy({ system: sshd, bmc })).verdict?.cause).toBe("sshd-down");
});

test("what the machine wrote stands in the verdict without its secrets", () => {
  const lines = [
    "token=abc123 address already in use",
    "-----BEGIN PRIVATE KEY-----",
    "MIIE",
    "-----END PRIVATE KEY-----",
    "end",
  ];
  const { verdict, stages } = diagnose(withReport(failedUnit("chainfire.service", ...lines)));
  expect(verdict?.lines).toEqual(["token=*** address already in use", "***", "end"]);
  expect(JSON.stringify(stages)).not.toMatch(/abc123|MIIE/);
});
