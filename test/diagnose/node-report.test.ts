import { spawnSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseReport, reportCommand, unitsOf } from "../../src/diagnose/node-report.ts";
import { createAuthority } from "../cluster/authority.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";
import { node01 } from "./evidence.ts";

const node = node01();
const peers = [{ fqdn: "node02.example.com", port: 2379 }];
const own = ["chainfire", "flaredb"] as const;
const section = (name: string, text: string) => `\n@@rackstrap ${name}\n${text}\n`;

test("the units are those of the node's services, then those that join its layers", () => {
  expect(unitsOf(node, own)).toEqual(
    ["chainfire", "flaredb", "iam", "chainfire-cluster-join", "flaredb-cluster-join"].map(
      (name) => `${name}.service`,
    ),
  );
});

test("on a layer etcd its unit is one of them, and nothing joins it", () => {
  expect(unitsOf({ services: ["iam"] }, ["etcd"])).toEqual(["etcd.service", "iam.service"]);
});

test("the command is one that a POSIX shell takes, and that names no program which writes", () => {
  const command = reportCommand(node, own, peers);
  expect(spawnSync("sh", ["-n", "-c", command]).status).toBe(0);
  expect(command).not.toMatch(
    /\b(?:rm|mv|cp|tee|mkdir|touch|chmod|kill|restart|start|stop|reset-failed|set-\w+)\b/,
  );
  expect(command.replaceAll(/2?>\/dev\/null|exec 3<>\/dev\/tcp/g, "")).not.toContain(">");
});

test("the command runs here and its answer is read, whatever this machine has", () => {
  const { stdout, status } = spawnSync("sh", ["-c", reportCommand(node, own, peers)], {
    encoding: "utf8",
  });
  expect(status).toBe(0);
  const report = parseReport(stdout, node, "");
  expect(Math.abs((report.clockMs ?? 0) - Date.now())).toBeLessThan(20_000);
  expect(report.memory?.totalKb).toBeGreaterThan(0);
  expect(report.fileSystems).toContainEqual(expect.objectContaining({ mount: "/" }));
  expect(report.config).toEqual({ kind: "absent" });
  expect(report.certificate).toBe("absent");
  expect(report.keyPresent).toBe(false);
  expect(report.peers.map(({ name }) => name)).toEqual(["node02.example.com"]);
});

test("an answer of nothing is a report of nothing: what was not read is not absent", () => {
  expect(parseReport("", node, "")).toMatchObject({
    ...{ clockMs: undefined, load: undefined, memory: undefined, units: [], listeners: [] },
    ...{ config: { kind: "unread" }, certificate: "unread", authority: "unread" },
  });
});

test("units, journals and listeners are read in the words of systemd, ss and netstat", () => {
  const text = [
    section(
      "units",
      "Id=chainfire.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\nNRestarts=5\n\nId=iam.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nResult=success\nNRestarts=0",
    ),
    section("journal", "@unit chainfire.service\nfirst\nsecond\n@unit iam.service"),
    section(
      "listeners",
      'LISTEN 0 128 0.0.0.0:2379 0.0.0.0:* users:(("nginx",pid=7,fd=3))\nLISTEN 0 128 [::1]:8080 [::]:*\ntcp 0 0 127.0.0.1:22 0.0.0.0:* LISTEN 812/sshd',
    ),
    section("mounts", "/dev/sda2 / ext4 ro,relatime 0 0"),
    section(
      "disk",
      "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda2 100 99 1 99% /\n/dev/sda2 100 99 1 99% /",
    ),
    section("slow", "7"),
    section("peers", "node02.example.com unresolved\nnode03.example.com unreachable"),
    section("config", '{"node_id":"node01","key":"x"}'),
  ].join("");
  expect(parseReport(text, node, "")).toMatchObject({
    units: [
      { unit: "chainfire.service", active: "failed", result: "exit-code", restarts: 5 },
      { unit: "iam.service", load: "not-found" },
    ],
    journal: { "chainfire.service": ["first", "second"], "iam.service": [] },
    listeners: [
      { address: "0.0.0.0", port: 2379, program: "nginx" },
      { address: "[::1]", port: 8080, program: undefined },
      { address: "127.0.0.1", port: 22, program: "sshd" },
    ],
    ...{ rootReadOnly: true, fileSystems: [{ mount: "/", usedPercent: 99 }], slowOperations: 7 },
    peers: [
      { name: "node02.example.com", state: "unresolved" },
      { name: "node03.example.com", state: "unreachable" },
    ],
    config: { kind: "unreadable" },
  });
});

test("a certificate is judged by name, dates and who signed it", async () => {
  const [ca, other] = [await createAuthority("CA"), await createAuthority("other")];
  const { cert } = await ca.issue(node.fqdn);
  const read = (pem: string, trusted: string, authority = ca.ca) =>
    parseReport(section("certificate", pem) + section("authority", trusted), node, authority);
  const der = new X509Certificate(cert).raw;
  expect(read(cert, ca.ca)).toMatchObject({
    ...{ authority: "same" },
    certificate: {
      ...{ byAuthority: true, namesNode: true },
      fingerprint: createHash("sha256").update(der).digest("hex"),
    },
  });
  expect(read(cert, other.ca)).toMatchObject({ authority: "other" });
  expect(read(cert, "absent", other.ca)).toMatchObject({
    authority: "absent",
    certificate: { byAuthority: false },
  });
  const { cert: foreign } = await ca.issue("node09.example.com");
  expect(read(foreign, ca.ca)).toMatchObject({ certificate: { namesNode: false } });
  expect(read(cert.slice(0, 200), ca.ca)).toMatchObject({ certificate: "unreadable" });
});

test("a name of a peer is a word to the shell, whatever is in it", () => {
  const file = join(temporaryDirectory(), "made");
  writeFileSync(`${file}.list`, "");
  const fqdn = `$(touch ${file})'; touch ${file}; '`;
  spawnSync("sh", ["-c", reportCommand(node, own, [{ fqdn, port: 1 }])]);
  expect(spawnSync("ls", [file]).status).not.toBe(0);
});
