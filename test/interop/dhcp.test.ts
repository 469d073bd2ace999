// The DHCP server against the clients that Debian has, in two network namespaces joined by two wires:
// one on the interface it serves, one on an interface it must not be heard on.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ip, removeNamespaces, requireTools } from "./host.ts";

const run = promisify(execFile);

const packages = {
  ip: "iproute2",
  udhcpc: "udhcpc",
  dhclient: "isc-dhcp-client",
  perfdhcp: "kea-admin",
} as const;

const serverSpace = "rsdhcp-server";
const clientSpace = "rsdhcp-client";
const servedWire = "rsd-c0";
const otherWire = "rsd-c1";

interface Line {
  readonly kind?: string;
  readonly mac?: string;
  readonly address?: string;
  readonly bootFile?: string;
}

const lines: Line[] = [];
let wakeUp = () => {};
let server: ChildProcess | undefined;
let directory: string;

const inClient = (...argv: string[]) => run("ip", ["netns", "exec", clientSpace, ...argv]);

/** The first line the server prints, from `since` on, that fits. The test's own timeout is the limit. */
async function printed(fits: (line: Line) => boolean, since = 0): Promise<Line> {
  for (;;) {
    const line = lines.slice(since).find(fits);
    if (line !== undefined) return line;
    await new Promise<void>((resolve) => {
      wakeUp = resolve;
    });
  }
}

async function createNamespaces(): Promise<void> {
  const commands = [
    `netns add ${serverSpace}`,
    `netns add ${clientSpace}`,
    `-n ${serverSpace} link add rsd-s0 type veth peer name ${servedWire} netns ${clientSpace}`,
    `-n ${serverSpace} link add rsd-s1 type veth peer name ${otherWire} netns ${clientSpace}`,
    `-n ${serverSpace} addr add 10.77.0.1/24 dev rsd-s0`,
    `-n ${serverSpace} addr add 10.78.0.1/24 dev rsd-s1`,
    `-n ${serverSpace} link set lo up`,
    `-n ${serverSpace} link set rsd-s0 up`,
    `-n ${serverSpace} link set rsd-s1 up`,
    // The network behind the relay that perfdhcp plays.
    `-n ${serverSpace} route add 10.77.1.0/24 dev rsd-s0`,
    `-n ${clientSpace} link set lo up`,
    `-n ${clientSpace} link set ${servedWire} up`,
    `-n ${clientSpace} link set ${otherWire} up`,
  ];
  await ip(...commands);
}

/** Gives the client a MAC and takes its addresses away. */
async function becomeMachine(mac: string): Promise<void> {
  const change = (...argv: string[]) => run("ip", ["-n", clientSpace, ...argv]);
  await change("addr", "flush", "dev", servedWire);
  await change("link", "set", servedWire, "down");
  await change("link", "set", servedWire, "address", mac);
  await change("link", "set", servedWire, "up");
}

beforeAll(async () => {
  await requireTools(packages);
  directory = await mkdtemp(join(tmpdir(), "rackstrap-dhcp-"));
  await removeNamespaces(serverSpace, clientSpace);
  await createNamespaces();
  const script = fileURLToPath(new URL("./dhcp-process.ts", import.meta.url));
  server = spawn("ip", ["netns", "exec", serverSpace, process.execPath, script, "rsd-s0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (server.stdout === null) throw new Error("the server has no standard output");
  createInterface(server.stdout).on("line", (text) => {
    lines.push(JSON.parse(text) as Line);
    wakeUp();
  });
  await printed(({ kind }) => kind === "running");
});

afterAll(async () => {
  if (server?.exitCode === null) {
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    await ended;
  }
  await removeNamespaces(serverSpace, clientSpace);
  if (directory !== undefined) await rm(directory, { recursive: true });
});

/** Runs udhcpc once and returns what it hands to its script. */
async function udhcpc(...options: string[]): Promise<Record<string, string>> {
  const file = join(directory, "udhcpc.env");
  const script = join(directory, "udhcpc.script");
  await writeFile(script, `#!/bin/sh\n[ "$1" = bound ] && env > ${file}\nexit 0\n`);
  await chmod(script, 0o755);
  await inClient("udhcpc", "-f", "-q", "-n", "-i", servedWire, "-s", script, ...options);
  const text = await readFile(file, "utf8");
  return Object.fromEntries(text.split("\n").map((line) => line.split(/=(.*)/s, 2)));
}

const pxe = (arch: number) => [
  "-V",
  `PXEClient:Arch:${String(arch).padStart(5, "0")}`,
  "-x",
  `0x5d:${arch.toString(16).padStart(4, "0")}`,
];

describe("udhcpc", () => {
  it("gets the reserved address and every parameter of the runbook", async () => {
    await becomeMachine("02:77:00:00:00:50");
    expect(await udhcpc("-O", "hostname", "-O", "broadcast")).toMatchObject({
      ip: "10.77.0.50",
      subnet: "255.255.255.0",
      broadcast: "10.77.0.255",
      router: "10.77.0.1",
      dns: "10.77.0.1 8.8.8.8",
      domain: "prov.example.com",
      hostname: "node01",
      lease: "600",
      serverid: "10.77.0.1",
      siaddr: "10.77.0.1",
    });
  });

  it.each([
    ["a BIOS", pxe(0), "undionly.kpxe"],
    ["an x86-64 EFI (7)", pxe(7), "ipxe.efi"],
    ["an x86-64 EFI (9)", pxe(9), "ipxe.efi"],
    [
      "an EFI iPXE",
      [...pxe(7), "-x", "0x4d:69505845"],
      "http://10.77.0.1:8080/boot/ipxe/boot.ipxe",
    ],
    ["an ARM EFI", pxe(11), undefined],
  ])("sees the boot file for %s", async (_, options, bootFile) => {
    await becomeMachine("02:77:00:00:00:51");
    const seen = await udhcpc(...options, "-O", "bootfile", "-O", "tftp");
    expect([seen["boot_file"], seen["bootfile"]]).toEqual([bootFile, bootFile]);
    expect(seen["tftp"]).toBe(bootFile && "10.77.0.1");
  });

  it("gets a lease of the length it asks for, within the maximum", async () => {
    await becomeMachine("02:77:00:00:00:51");
    expect((await udhcpc("-x", "lease:1800"))["lease"]).toBe("1800");
    expect((await udhcpc("-x", "lease:999999"))["lease"]).toBe("7200");
  });

  it("is not heard on an interface that is not served", async () => {
    const before = lines.length;
    const asked = inClient(
      "udhcpc",
      "-f",
      "-q",
      "-n",
      "-i",
      otherWire,
      "-t",
      "2",
      "-T",
      "1",
      "-s",
      "/bin/true",
    );
    await expect(asked).rejects.toThrow();
    expect(lines.slice(before)).toEqual([]);
  });
});

describe("dhclient", () => {
  it("takes a lease with its boot file, and gives it back", async () => {
    const mac = "02:77:00:00:00:52";
    await becomeMachine(mac);
    const files = ["conf", "leases", "pid", "script"].map((name) =>
      join(directory, `dhclient.${name}`),
    );
    const [conf = "", leases = "", pid = "", script = ""] = files;
    await writeFile(
      conf,
      `option arch code 93 = unsigned integer 16;
send vendor-class-identifier "PXEClient:Arch:00007";
send arch 7;
request subnet-mask, routers, bootfile-name, tftp-server-name;
`,
    );
    await writeFile(
      script,
      '#!/bin/sh\n[ "$reason" = BOUND ] && ip addr add "$new_ip_address/24" dev "$interface"\nexit 0\n',
    );
    await chmod(script, 0o755);
    const dhclient = (...options: string[]) =>
      inClient(
        "dhclient",
        ...options,
        "-cf",
        conf,
        "-lf",
        leases,
        "-pf",
        pid,
        "-sf",
        script,
        servedWire,
      );
    const of = (kind: string) => (line: Line) => line.mac === mac && line.kind === kind;

    await dhclient("-1");
    const { address } = await printed(of("dhcp-acknowledged"));
    const text = await readFile(leases, "utf8");
    expect(text).toContain(`fixed-address ${address};`);
    expect(text).toContain('filename "ipxe.efi";');
    expect(text).toContain('option bootfile-name "ipxe.efi";');
    await dhclient("-r");
    expect(await printed(of("dhcp-released"))).toMatchObject({ address });
  });
});

it("udhcpc renews by unicast from its own address", async () => {
  const mac = "02:77:00:00:00:53";
  await becomeMachine(mac);
  const script = join(directory, "renew.script");
  await writeFile(
    script,
    '#!/bin/sh\n[ "$1" = bound ] && ip addr add "$ip/24" dev "$interface"\nexit 0\n',
  );
  await chmod(script, 0o755);
  const argv = ["netns", "exec", clientSpace, "udhcpc", "-f", "-i", servedWire, "-s", script];
  const client = spawn("ip", argv, { stdio: ["ignore", "ignore", "pipe"] });
  if (client.stderr === null) throw new Error("udhcpc has no standard error");
  const spoken = createInterface(client.stderr);
  const renewed: string[] = [];
  for await (const line of spoken) {
    if (!line.includes("lease of")) continue;
    renewed.push(/lease of (\S+) obtained/.exec(line)?.[1] ?? line);
    client.kill(renewed.length === 1 ? "SIGUSR1" : "SIGTERM");
  }
  expect(renewed).toHaveLength(2);
  expect(renewed[1]).toBe(renewed[0]);
  const kinds = lines.filter((line) => line.mac === mac).map(({ kind }) => kind);
  expect(kinds).toEqual(["dhcp-offered", "dhcp-acknowledged", "dhcp-acknowledged"]);
});

it.each([
  ["10.77.0.2", "10.77.0."],
  ["10.77.1.2", "10.77.1."],
])(
  "perfdhcp, as a relay at %s, leases 400 times in its network without a loss",
  async (relay, network) => {
    await becomeMachine("02:77:00:00:00:54");
    await run("ip", ["-n", clientSpace, "addr", "add", "10.77.0.2/24", "dev", servedWire]);
    if (relay !== "10.77.0.2")
      await run("ip", ["-n", clientSpace, "addr", "add", `${relay}/24`, "dev", servedWire]);
    const before = lines.length;
    const { stdout } = await inClient(
      "perfdhcp",
      "-4",
      "-l",
      relay,
      "-r",
      "200",
      "-R",
      "40",
      "-n",
      "400",
      "-n",
      "400",
      "-W",
      "500000",
      "10.77.0.1",
    );
    expect(stdout.match(/drops: .*/g)).toEqual(["drops: 0", "drops: 0"]);
    const acknowledged = lines.slice(before).filter(({ kind }) => kind === "dhcp-acknowledged");
    expect(acknowledged).toHaveLength(400);
    expect(acknowledged.every(({ address }) => address?.startsWith(network))).toBe(true);
    expect(new Set(acknowledged.map(({ address }) => address)).size).toBe(40);
  },
);
