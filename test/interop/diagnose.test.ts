// Faults of real peers on loopback, one at a time, and what the diagnosis of a server says of each: BMC simulator, sshd, TLS members,
// asset directory. Needs the Debian packages openssh-client, openssh-server, util-linux.

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { machineTypes } from "../../src/boot/asset-store/portable-executable.ts";
import type { CauseId } from "../../src/diagnose/causes.ts";
import type { Diagnosis } from "../../src/diagnose/diagnose.ts";
import { pinHostKey } from "../../src/install/ssh.ts";
import { efiProgram } from "../fakes/loaders.ts";
import { openSite, type Site } from "./diagnose-site.ts";

const installerRelease = 'ID=nixos\nVARIANT_ID=installer\nPRETTY_NAME="NixOS installer"\n';

async function withSite<T>(use: (site: Site) => Promise<T>): Promise<T> {
  const site = await openSite();
  try {
    return await use(site);
  } finally {
    await site.close();
  }
}

/** The diagnosis of the site's node, which must be there within ten seconds. */
async function diagnosed(site: Site): Promise<Diagnosis> {
  const beganMs = performance.now();
  const diagnosis = await site.diagnosing.node(site.node);
  expect(performance.now() - beganMs).toBeLessThan(10_000);
  expect(JSON.stringify(diagnosis)).not.toMatch(/canary|PRIVATE KEY/);
  return diagnosis;
}

/** Every file of the server's state and when it was written, its database aside. */
function kept({ stateDirectory }: Site): string[] {
  return readdirSync(stateDirectory, { recursive: true, encoding: "utf8" })
    .filter((name) => !name.startsWith("rackstrap.db"))
    .map((name) => `${name} ${statSync(join(stateDirectory, name)).mtimeMs}`);
}

/** An install that waits for its installer, whose host key was pinned; who answers is the test's. */
async function installing(
  site: Site,
  hostKey: string,
  accepts: string,
  osRelease = installerRelease,
) {
  await site.stopSsh();
  await site.present(await site.issue("another"));
  for (const name of ["node01", "node02", "node03"]) {
    await site.stopMember(name, "chainfire");
    await site.stopMember(name, "flaredb");
  }
  const { id } = site.begin("installer");
  const directory = join(site.stateDirectory, "runs", id);
  mkdirSync(directory, { recursive: true });
  const target = { address: site.node.provisioningAddress, port: 22 };
  const knownHostsFile = join(directory, "known_hosts");
  await pinHostKey(
    { ...target, knownHostsFile },
    readFileSync(`${site.key("installer")}.pub`, "utf8"),
  );
  await site.startInstaller(site.key(hostKey), site.key(accepts), osRelease);
}

test("a node that is well lacks nothing, and looking at it changes nothing", async () => {
  await withSite(async (site) => {
    const before = kept(site);
    const { stages, verdict } = await diagnosed(site);
    expect(stages.filter(({ status }) => status !== "ok")).toEqual([]);
    expect(verdict).toBeUndefined();
    expect(kept(site)).toEqual(before);
  });
});

type Fault = readonly [string, (site: Site) => unknown, string, CauseId, RegExp?];

const faults: readonly Fault[] = [
  [
    "the BMC password is wrong",
    ({ machine }) =>
      machine.users.splice(0, 1, { ...machine.users[0], password: "another" } as never),
    "power",
    "bmc-login",
  ],
  ["the BMC is gone", (site) => site.stopBmc(), "power", "bmc-unreachable"],
  [
    "DHCP is stopped",
    ({ services }) => Object.assign(services, { dhcp: "stopped" }),
    "dhcp",
    "dhcp-down",
  ],
  [
    "TFTP has failed",
    ({ services }) => Object.assign(services, { tftp: "failed" }),
    "tftp",
    "tftp-down",
  ],
  [
    "the loader of its architecture is missing",
    ({ assets }) => ["ipxe.efi", "undionly.kpxe"].map((name) => rmSync(join(assets, name))),
    "tftp",
    "loader-missing",
    /ipxe|undionly/,
  ],
  [
    "the loader of its architecture is another's",
    ({ assets }) =>
      ["ipxe.efi", "undionly.kpxe"].map((name) =>
        writeFileSync(join(assets, name), efiProgram(machineTypes.arm64)),
      ),
    "tftp",
    "loader-of-another",
    /is for arm64|is an EFI program/,
  ],
  [
    "its image is missing",
    ({ assets }) => rmSync(join(assets, "nixos/control-plane/initrd")),
    "http",
    "image-missing",
    /initrd/,
  ],
  [
    "the installer refuses the provisioning key",
    (site) => installing(site, "installer", "stranger"),
    "installer",
    "installer-key",
  ],
  [
    "another host key answers for the installer",
    (site) => installing(site, "other", "user"),
    "installer",
    "installer-host-key",
  ],
  [
    "it is no installer",
    (site) => installing(site, "installer", "user", 'ID=debian\nPRETTY_NAME="Debian"\n'),
    "installer",
    "not-installer",
    /Debian/,
  ],
  [
    "its disk is absent",
    (site) => installing(site, "installer", "user"),
    "installer",
    "disk-absent",
    /no disk \/dev\/none/,
  ],
  ["its SSH is down", (site) => site.stopSsh(), "ssh", "sshd-down"],
  ["its SSH takes connections and says nothing", (site) => site.silenceSsh(), "ssh", "sshd-down"],
  [
    "another system has its address",
    async (site) => {
      await site.stopSsh();
      await site.startSsh(site.key("other"));
    },
    "ssh",
    "other-host-key",
  ],
  [
    "its clock is two days ahead",
    ({ say }) => say("skew", String(2 * 86_400)),
    "clock",
    "clock-off",
    /2\.0 days ahead/,
  ],
  [
    "its certificate has expired",
    async (site) => site.present(await site.issueExpired()),
    "certificate",
    "certificate-expired",
  ],
  [
    "its certificate is of another CA",
    async (site) => site.present(await site.issue("another")),
    "certificate",
    "certificate-other-ca",
  ],
  [
    "its certificate is gone",
    ({ say }) => say("secrets/node01-key.pem", ""),
    "certificate",
    "certificate-missing",
  ],
  [
    "its disk is full",
    ({ say }) => say("disk", "/dev/sda2 100 100 0 100% /\n"),
    "resources",
    "disk-full",
  ],
  [
    "its port is taken",
    (site) => {
      site.fail("iam.service", "iam: listen tcp 0.0.0.0:8080: bind: address already in use");
      site.say("listeners", 'LISTEN 0 128 0.0.0.0:8080 0.0.0.0:* users:(("nginx",pid=7,fd=3))\n');
    },
    "services",
    "port-taken",
    /nginx listens on port 8080/,
  ],
  [
    "it may not read its key",
    ({ fail }) =>
      fail("chainfire.service", "open /etc/nixos/secrets/node01-key.pem: permission denied"),
    "services",
    "permission-denied",
  ],
  [
    "nothing listens on a port",
    (site) => site.stopMember("node01", "flaredb"),
    "ports",
    "port-not-listening",
    /2479/,
  ],
  [
    "its cluster-config.json is gone",
    ({ say }) => say("secrets/cluster-config.json", ""),
    "first-boot",
    "config-missing",
  ],
  [
    "its bootstrap flag is wrong",
    ({ claim, say }) => {
      claim("node02");
      say(
        "secrets/cluster-config.json",
        '{"node_id":"node01","node_role":"control-plane","bootstrap":true,"cluster_name":"prod-cluster","leader_url":"https://node01.example.com:2379","raft_addr":"127.16.33.10:2380","initial_peers":["node01.example.com:2380"],"flaredb_peers":["node01.example.com:2480"]}',
      );
    },
    "first-boot",
    "bootstrap-flag",
  ],
  [
    "its leader can't be reached",
    (site) => {
      site.forget("node01");
      site.fail(
        "chainfire-cluster-join.service",
        '{"level":"ERROR","message":"Join request failed: https://node02.example.com:2379: Connection timed out (gave up after 300s)"}',
      );
    },
    "first-boot",
    "leader-unreachable",
  ],
  ["it is no member", (site) => site.forget("node01"), "cluster", "not-a-member"],
  [
    "chainfire is slow",
    ({ say }) => say("journal-chainfire.service", "WARN slow operation took 1.2s\n"),
    "load",
    "slow-operations",
  ],
];

for (const [what, inject, stage, cause, says = /./] of faults)
  test(what, async () => {
    await withSite(async (site) => {
      await inject(site);
      const { verdict, stages } = await diagnosed(site);
      expect({ verdict, stages }).toMatchObject({ verdict: { stage, cause } });
      expect(stages.find(({ name }) => name === stage)?.says).toMatch(says);
    });
  });
