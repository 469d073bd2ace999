import { expect, test } from "vitest";
import type { ServiceName } from "../../src/inventory/services.ts";
import { Secret } from "../../src/net/secret.ts";
import type { Probes, ServiceRequest } from "../../src/verify/probes.ts";
import { checkServices } from "../../src/verify/services.ts";
import { answered, never, probes, scope, shown, site } from "./fake-probes.ts";

/** The lines about node01, which runs `services`. */
async function lines(services: readonly ServiceName[], changes: Partial<Probes> = {}) {
  const found = await checkServices(scope(site(services)), probes(changes), never);
  return found.filter(({ title }) => /^(node01|iam)/.test(title));
}

test("each service of each node that was installed is asked, and no other", async () => {
  const found = await checkServices(scope(site(["chainfire", "fiberlb"])), probes(), never);
  const titles = ["node01", "node02", "node03"].flatMap((node) => [
    `${node} chainfire`,
    `${node} fiberlb`,
  ]);
  expect(found.map(({ title }) => title)).toEqual(titles);
});

test.each<[ServiceName, string[]]>([
  ["chainfire", ["ok node01 chainfire: healthy, raft follower, cluster_size 3"]],
  ["flaredb", ["ok node01 flaredb: healthy, raft follower, chainfire connected"]],
  ["iam", ["ok node01 iam: healthy, database connected, version 1.0.0"]],
  ["plasmavmc", ["ok node01 plasmavmc: healthy, vms_running 0", "ok node01 plasmavmc VMs: 0 vms"]],
  ["prismnet", ["ok node01 prismnet: healthy, networks 0"]],
  ["fiberlb", ["ok node01 fiberlb: healthy, backends 0"]],
  [
    "flashdns",
    ["ok node01 flashdns: healthy", "ok node01 flashdns query: node01.example.com is 10.0.200.10"],
  ],
])("%s that is well is one of the lines that are ok", async (service, expected) => {
  expect(shown(await lines([service]))).toEqual(expected);
});

test("FlashDNS is asked for its health at 853 and for the node's name at its own port", async () => {
  const ports: number[] = [];
  await lines(["flashdns"], {
    ask: async (_node, { port }) => {
      ports.push(port);
      return answered({ status: "healthy" });
    },
    addressesOf: async (node, port) => {
      ports.push(port);
      return [node.productionAddress];
    },
  });
  expect([...new Set(ports)].toSorted()).toEqual([53, 853]);
});

test("a service that says nothing is an error with where to read on", async () => {
  const ask: Probes["ask"] = async () => ({
    kind: "failed",
    why: "10.0.200.10:2379 cut the connection",
  });
  expect(await lines(["chainfire"], { ask })).toEqual([
    {
      ...{ area: "services", title: "node01 chainfire", level: "error" },
      detail: "10.0.200.10:2379 cut the connection",
      next: "on node01: systemctl status chainfire; journalctl -u chainfire -n 100",
    },
  ]);
});

test("what is grave stands before what is odd", async () => {
  const ask: Probes["ask"] = async () => answered({ status: "degraded", raft: "learner" });
  expect(shown(await lines(["chainfire"], { ask }))).toEqual([
    'error node01 chainfire: status is "degraded" in place of "healthy"',
  ]);
});

test.each<[string, Probes["addressesOf"], RegExp]>([
  [
    "has another address",
    async () => ["10.0.200.99"],
    /^error .*says node01.example.com is 10.0.200.99, and the inventory says 10.0.200.10$/,
  ],
  [
    "has no record",
    async () => Promise.reject(withCode("ENOTFOUND")),
    /^error .* has no record of node01.example.com$/,
  ],
  [
    "is silent",
    async () => Promise.reject(withCode("ETIMEOUT")),
    /^error .* did not answer a query over UDP \(ETIMEOUT\)$/,
  ],
])("a name server that %s is an error", async (_, addressesOf, expected) => {
  const [, query] = shown(await lines(["flashdns"], { addressesOf }));
  expect(query).toMatch(expected);
});

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}

test.each<[unknown, number, string]>([
  [[{ id: 1 }, { id: 2 }], 200, "ok node01 plasmavmc VMs: 2 vms"],
  [{ vms: [] }, 200, "ok node01 plasmavmc VMs: 0 vms"],
  [
    { error: "no" },
    401,
    "warning node01 plasmavmc VMs: GET /api/vms is not allowed without a login",
  ],
  [{ machines: [] }, 200, "error node01 plasmavmc VMs: GET /api/vms answers no list of vms"],
  [undefined, 500, "error node01 plasmavmc VMs: GET /api/vms answers HTTP 500"],
])("PlasmaVMC's list %j with HTTP %i is: %s", async (body, status, expected) => {
  const ask: Probes["ask"] = async (_node, { path }) =>
    path === "/health" ? answered({ status: "healthy", vms_running: 2 }) : answered(body, status);
  expect(shown(await lines(["plasmavmc"], { ask }))[1]).toBe(expected);
});

test("IAM's users are asked for with the token of the inventory, and the token is in no line", async () => {
  const requests: ServiceRequest[] = [];
  const iamToken = async () => new Secret("opensesame");
  const ask: Probes["ask"] = async (_node, request) => {
    requests.push(request);
    if (request.path === "/health") return answered({ status: "healthy", database: "connected" });
    return answered([{ name: "root" }]);
  };
  const found = await lines(["iam"], { ask, iamToken });
  expect(shown(found)).toEqual([
    "ok node01 iam: healthy, database connected",
    "ok node01 iam users: 1 users",
  ]);
  const [health, users] = ["/health", "/api/users"].map((path) =>
    requests.find((one) => one.path === path),
  );
  expect(health?.bearer).toBeUndefined();
  expect(users?.bearer?.reveal()).toBe("opensesame");
  expect(JSON.stringify(found)).not.toContain("opensesame");
});

test("a token that IAM does not take, or that can't be read, is an error", async () => {
  const denied = await lines(["iam"], {
    iamToken: async () => new Secret("wrong"),
    ask: async (_node, { path }) =>
      path === "/health"
        ? answered({ status: "healthy", database: "connected" })
        : answered(undefined, 403),
  });
  expect(shown(denied)[1]).toBe(
    "error node01 iam users: IAM does not accept the token of verify.iamToken",
  );
  const unread = await lines(["iam"], {
    iamToken: async () => Promise.reject(new Error("the secret file /x is empty")),
  });
  expect(shown(unread)[1]).toBe("error iam token: the secret file /x is empty");
});

const table = (state: string) =>
  `node01   ${state}   <none>   3d   v1.29\nnode02 Ready <none> 3d v1.29\n`;

test.each<[string, string]>([
  [table("Ready"), "ok node01 k8shost: Ready, one of 2"],
  [
    table("Ready,SchedulingDisabled"),
    "warning node01 k8shost: Kubernetes calls it Ready,SchedulingDisabled",
  ],
  [table("NotReady"), "error node01 k8shost: Kubernetes calls it NotReady"],
  [table("Ready").replace("node01 ", "node01.example.com "), "ok node01 k8shost: Ready, one of 2"],
  [
    "node02 Ready <none> 3d v1.29",
    "error node01 k8shost: kubectl get nodes does not list it (listed: node02)",
  ],
  ["", "error node01 k8shost: kubectl get nodes does not list it (listed: none)"],
])("of kubectl's table %j is told: %s", async (stdout, expected) => {
  const shell: Probes["shell"] = { run: async () => ({ ok: true, stdout }) };
  expect(shown(await lines(["k8shost"], { shell }))).toEqual([expected]);
});

test.each([
  ["command", "exit code 1: connection refused", "error"],
  ["unknown-key", "the SSH host key of node node01 is not known here", "warning"],
])("kubectl that could not be run (%s) is told", async (kind, why, level) => {
  const shell: Probes["shell"] = { run: async () => ({ ok: false, kind, why }) };
  expect(await lines(["k8shost"], { shell })).toMatchObject([{ level, next: expect.any(String) }]);
});
