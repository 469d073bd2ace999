// The product without root: with sockets that systemd has bound for it, with one capability, and with nothing at all.

import { execFile } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { createMachines, machine } from "./dhcp-faults/machines.ts";
import {
  createNetwork,
  fetchByTftp,
  health,
  inServerSpace,
  openRelay,
  type Relay,
  removeNetwork,
  serverDevice,
} from "./dhcp-faults/network.ts";
import {
  productArgv,
  reserved,
  type ServerUnderTest,
  watch,
  writeInventory,
} from "./dhcp-faults/server-under-test.ts";
import { requireTools } from "./host.ts";

const nobody = 65534;
const python = "/usr/bin/python3";
const repository = join(import.meta.dirname, "../..");

let directory: string;
let relay: Relay;
let server: ServerUnderTest | undefined;

beforeAll(async () => {
  const tools = { ip: "iproute2", setpriv: "util-linux", curl: "curl", [python]: "python3" };
  await requireTools({ ...tools, "ssh-keygen": "openssh-client", "systemd-analyze": "systemd" });
  await createNetwork();
  relay = await openRelay();
});

afterAll(async () => {
  await relay?.close();
  await removeNetwork();
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-nobody-"));
  writeInventory(join(directory, "site.json"), directory, { conflictProbe: true });
  writeFileSync(join(directory, "assets/ipxe.efi"), "a loader");
  chmodSync(directory, 0o755);
  chownSync(directory, nobody, nobody);
});

afterEach(async () => {
  await server?.kill();
  rmSync(directory, { recursive: true });
});

/** `wrapper` becomes nobody and starts the product. The sources may lie where only root can read: they are mounted elsewhere. */
async function startAsNobody(wrapper: readonly string[]): Promise<ServerUnderTest> {
  const mounted = join(directory, "rackstrap");
  const script = 'mkdir "$1" && mount --bind "$2" "$1" && cd "$1" && shift 2 && exec "$@"';
  const argv = [...wrapper, ...productArgv(join(directory, "site.json"), mounted)];
  server = watch(
    inServerSpace([
      "env",
      `HOME=${directory}`,
      "sh",
      "-c",
      script,
      "sh",
      mounted,
      repository,
      ...argv,
    ]),
    "server started",
  );
  await server.settled;
  return server;
}

const launcher = (...sockets: string[]) => {
  const script = join(import.meta.dirname, "dhcp-faults/inherited-sockets.py");
  return [python, script, "nobody", ...sockets, "--"];
};
const dhcpSocket = `dhcp=0.0.0.0:67%${serverDevice}`;
const tftpSocket = "tftp=10.77.0.1:69";
const withCapability = [
  ...[
    "setpriv",
    "--reuid=nobody",
    "--regid=nogroup",
    "--clear-groups",
    "--bounding-set=-all,+net_bind_service",
  ],
  ...["--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"],
];

async function expectService(running: ServerUnderTest): Promise<void> {
  expect(running.pid(), running.output.join("\n")).toBeDefined();
  expect(statSync(`/proc/${running.pid()}`).uid).toBe(nobody);
  expect(await fetchByTftp("ipxe.efi")).toBe("a loader");
  const machines = createMachines(relay);
  expect(await machines.lease(machine(0), AbortSignal.timeout(5_000))).toBeDefined();
  expect(await machines.lease(reserved.mac, AbortSignal.timeout(5_000))).toBe(reserved.address);
  expect(JSON.parse((await health()).body)).toEqual({
    status: "healthy",
    services: { dhcp: "running", tftp: "running", http: "running" },
  });
}

it("serves DHCP and TFTP on sockets that were passed in, and warns of what it goes without", async () => {
  const running = await startAsNobody(launcher(dhcpSocket, tftpSocket));
  await expectService(running);
  const output = running.output.join("\n");
  expect(output).toMatch(/other DHCP servers on rsf-s0 can't be noticed.*CAP_NET_BIND_SERVICE/);
  expect(output).toMatch(/addresses are offered without a probe: give the process CAP_NET_RAW/);
});

it("opens its ports itself with CAP_NET_BIND_SERVICE alone", async () => {
  const running = await startAsNobody(withCapability);
  await expectService(running);
  const output = running.output.join("\n");
  expect(output).not.toContain("can't be noticed");
  expect(output).toMatch(/addresses are offered without a probe: give the process CAP_NET_RAW/);
});

it.each([
  ["DHCP", [tftpSocket], /0\.0\.0\.0:67 on rsf-s0.*CAP_NET_BIND_SERVICE/],
  ["TFTP", [dhcpSocket], /port 69.*CAP_NET_BIND_SERVICE/],
] as const)(
  "says what is needed when it has no right to the port of %s",
  async (_, sockets, said) => {
    const refused = await startAsNobody(launcher(...sockets));
    expect(await refused.ended).toBe(1);
    expect(refused.output.join("\n")).toMatch(said);
  },
);

it("has units that systemd accepts", async () => {
  const documented = join(repository, "docs/systemd");
  const units = readdirSync(documented).filter((file) => /\.(service|socket)$/.test(file));
  expect(units).toHaveLength(3);
  for (const unit of units) {
    const text = readFileSync(join(documented, unit), "utf8");
    // Where the program is installed is nowhere on this machine.
    writeFileSync(join(directory, unit), text.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"));
  }
  const files = units.map((unit) => join(directory, unit));
  const verified = await promisify(execFile)("systemd-analyze", ["verify", "--man=no", ...files]);
  // What it does not know it names here, and accepts.
  expect(verified.stderr).toBe("");
});
