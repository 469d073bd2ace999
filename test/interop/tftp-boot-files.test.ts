// What machines fetch by TFTP before they run a script, by Debian's clients and GRUB's own parser. Traffic on loopback only.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grubFault } from "../../src/boot/loader-config-check.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { createTftpServer, type TftpServer } from "../../src/tftp/server.ts";
import { mac, set, type TestTftpFiles, testTftpFiles } from "../fakes/tftp-files.ts";
import { requireTools } from "./host.ts";

const run = promisify(execFile);
const host = "127.0.0.1" as Ipv4;
const packages = {
  ...{ tftp: "tftp-hpa", atftp: "atftp", curl: "curl", busybox: "busybox" },
  "grub-script-check": "grub-common",
} as const;

let files: TestTftpFiles;
let server: TftpServer;
let port: string;
let directory: string;

beforeAll(async () => {
  await requireTools(packages);
  directory = await mkdtemp(join(tmpdir(), "rackstrap-tftp-boot-"));
  files = testTftpFiles({ armed: true, address: host });
  server = createTftpServer({
    ...{ address: host, port: 0, files: (name, client) => files.get(name, client) },
    ...{ onEvent: () => undefined, onFault: () => undefined, now: () => performance.now() },
    logger: pino({ level: "silent" }),
  });
  port = String(await server.start());
});

afterAll(async () => {
  await server?.close();
  if (directory !== undefined) await rm(directory, { recursive: true });
});

const clients: Readonly<Record<string, (name: string, local: string) => readonly string[]>> = {
  tftp: (name, local) => [host, port, "-m", "binary", "-c", "get", name, local],
  atftp: (name, local) => ["--option", "tsize", "--get", "-r", name, "-l", local, host, port],
  curl: (name, local) => ["-sS", "-o", local, `tftp://${host}:${port}/${name}`],
  busybox: (name, local) => ["tftp", "-g", "-r", name, "-l", local, host, port],
};

let serial = 0;
async function fetched(client: string, name: string): Promise<string> {
  const local = join(directory, `fetched-${serial++}`);
  await run(client, [...(clients[client]?.(name, local) ?? [])], { timeout: 20_000 });
  return await readFile(local, "latin1");
}

describe.each(Object.keys(clients))("%s", (client) => {
  it("gets autoexec.ipxe, as an iPXE does that came over TFTP", async () => {
    const script = await fetched(client, "autoexec.ipxe");
    expect(script).toMatch(/^#!ipxe\n/);
    expect(script).toContain(
      "chain --replace --autofree http://10.0.100.10:8080/boot/ipxe/boot.ipxe || goto leave\n",
    );
    expect(script).toMatch(/\|\| exit 1\n$/);
  });

  it("gets the configuration of the machine that has its address", async () => {
    expect(await fetched(client, "grub/grub.cfg")).toContain(
      `linux '/nixos/${set.profile}/${set.version}/bzImage' 'init=/x'`,
    );
    const named = `pxelinux.cfg/01-${mac.replaceAll(":", "-")}`;
    expect(await fetched(client, named)).toMatch(/^DEFAULT installer\n/);
  });
});

describe("GRUB's own parser", () => {
  const parses = (file: string) => run("grub-script-check", [file]);

  it.each([true, false])("takes what a node is given, armed: %s", async (armed) => {
    files = testTftpFiles({ armed, address: host });
    await fetched("curl", "grub/grub.cfg");
    await parses(join(directory, `fetched-${serial - 1}`));
  });

  it("takes what a machine is given that nobody knows", async () => {
    files = testTftpFiles({ address: "10.0.100.50" as Ipv4 });
    expect(await fetched("curl", "grub/grub.cfg")).toContain("$net_default_mac");
    await parses(join(directory, `fetched-${serial - 1}`));
  });

  it.each([
    "if true; then\n  echo if fi done\nfi\n",
    "if [ a = b ]; then c; elif d; then e; else f; fi\n",
    "for i in 1 2; do echo $i; done\n",
    "menuentry 'it is' {\n  echo x\n}\n",
    "# it's a comment, if any {\necho a#b\n",
    "echo 'two\nlines'\n",
    "if true; then\n  echo x\n",
    "echo x\nfi\n",
    "if true; then\n  echo x\ndone\n",
    "menuentry x {\n  echo x\n",
    "echo 'y\n",
    'echo "y\n',
  ])("says of %j what the check of a site's templates says", async (text) => {
    const file = join(directory, "grub.cfg");
    await writeFile(file, text);
    const refused = await parses(file).then(
      () => false,
      () => true,
    );
    expect(refused).toBe(grubFault(text) !== undefined);
  });
});
