import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { OrderRequest } from "../../src/api/operation-shapes.ts";
import { planView } from "../api/fake-rackstrap.ts";
import { aBackup } from "../fakes/backup-folder.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";
import { startServer, type TestServer } from "./run.ts";

let server: TestServer;
const orders: OrderRequest[] = [];
const draft = async (order: OrderRequest) => {
  orders.push(order);
  return planView(order);
};
beforeAll(async () => {
  server = await startServer({ draft });
});
afterAll(async () => await server.close());

test("backups are listed newest first, each with what is wrong with it", async () => {
  const directory = temporaryDirectory();
  await aBackup(join(directory, "cluster-20260203-040506"));
  const damaged = join(directory, "cluster-20260204-040506");
  await aBackup(damaged);
  rmSync(join(damaged, "flaredb.snapshot"));
  const listed = await server.rackstrap("backup", "list", "--in", directory);
  expect(listed.stdout.split("\n")).toEqual([
    "BACKUP                   CLUSTER       COMPLETE              SIZE     VERDICT",
    "cluster-20260204-040506  prod-cluster  1970-01-01 00:16:40Z  4 bytes  not usable",
    "cluster-20260203-040506  prod-cluster  1970-01-01 00:16:40Z  4 bytes  whole",
    "cluster-20260204-040506: flaredb.snapshot is missing",
    "",
  ]);
  expect(listed.code).toBe(4);
  const verified = await server.rackstrap("backup", "verify", damaged, "--json");
  expect([verified.code, JSON.parse(verified.stdout).backups[0].faults]).toEqual([
    1,
    ["flaredb.snapshot is missing"],
  ]);
});

test("where no backup is, the list says so and fails, as JSON with an empty list", async () => {
  for (const directory of [temporaryDirectory(), join(temporaryDirectory(), "missing")]) {
    const asked = ["backup", "list", "--in", directory];
    expect(await server.rackstrap(...asked)).toEqual({
      code: 1,
      stdout: "",
      stderr: `rackstrap: no backup in ${directory}\n  next: make one: rackstrap backup --execute; or name the folder: --in DIR\n`,
    });
    const { code, stdout } = await server.rackstrap(...asked, "--json");
    expect([code, JSON.parse(stdout)]).toEqual([1, { backups: [] }]);
  }
});

test("without a folder and without an inventory both ways to name one are told", async () => {
  const { code, stderr } = await server.rackstrap("backup", "list");
  expect(code).toBe(2);
  expect(stderr).toContain("next: name the folder with --in DIR, or add --inventory FILE");
});

test("a restore says which backup, whose cluster and who is gone; the name has to be typed", async () => {
  const typed = ["--cluster", "prod", "--on", "node02", "--gone", "node01", "--gone", "node03"];
  expect((await server.rackstrap("restore", "/backups/one", ...typed)).code).toBe(0);
  const recover = ["disaster-recover", "--bootstrap", "--cluster", "prod", "--erase"];
  expect((await server.rackstrap(...recover)).code).toBe(0);
  expect(orders.map(({ verb, nodes, options }) => ({ verb, nodes, ...options }))).toEqual([
    {
      ...{ verb: "restore", nodes: [], cluster: "prod", directory: "/backups/one" },
      ...{ on: "node02", gone: ["node01", "node03"] },
    },
    {
      ...{ verb: "disaster-recover", nodes: [], cluster: "prod", gone: [] },
      ...{ bootstrap: true, erase: true, diskSerials: [] },
    },
  ]);
  const untyped = await server.rackstrap("restore", "/backups/one");
  expect([untyped.code, untyped.stderr]).toEqual([
    2,
    expect.stringContaining("required option '--cluster <name>'"),
  ]);
});
