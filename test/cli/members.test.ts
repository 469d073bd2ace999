import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { OrderRequest } from "../../src/api/operation-shapes.ts";
import { nodeView, operationView, planView } from "../api/fake-rackstrap.ts";
import { run, startServer, type TestServer } from "./run.ts";

const site = join(import.meta.dirname, "../../inventory/site.yaml");
let server: TestServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

describe("add, replace, reprovision and decommission without --execute", () => {
  it.each<[string[], Partial<OrderRequest>]>([
    [
      ["add", "node04", "node05", "--limit", "2"],
      { verb: "add", nodes: ["node04", "node05"], options: { limit: 2 } },
    ],
    [
      ["replace", "node02", "--gone", "node02", "--disk-serial", "S1", "--force", "node02"],
      {
        ...{ verb: "replace", nodes: ["node02"], force: ["node02"] },
        options: { gone: ["node02"], diskSerials: ["S1"] },
      },
    ],
    [
      ["reprovision", "node02", "--erase", "node02"],
      { verb: "reprovision", nodes: ["node02"], options: { erase: ["node02"] } },
    ],
    [
      ["decommission", "node02", "--generate", "/srv/site", "--inventory", site],
      { verb: "decommission", nodes: ["node02"], options: {} },
    ],
  ])("%j asks for the plan of what was typed", async (argv, expected) => {
    const asked: OrderRequest[] = [];
    server = await startServer({
      draft: async (order) => {
        asked.push(order);
        return planView(order, { notes: ["-  node02:"] });
      },
      order: () => Promise.reject(new Error("begun")),
    });
    const { code, stdout } = await server.rackstrap(...argv);
    expect(code).toBe(0);
    expect(asked).toEqual([{ options: {}, force: [], ...expected }]);
    expect(stdout).toContain("note: -  node02:");
    expect(stdout).toContain("nothing was changed: give --execute to do this");
  });

  it("a limit that is no number is refused before anybody is asked", async () => {
    const { code, stderr } = await run(["add", "node04", "--limit", "all"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--limit all is no number of nodes");
  });
});

describe("decommission --execute", () => {
  it("ends by naming the command that takes the node out of DNS and monitoring", async () => {
    const endedAtMs = Date.now();
    server = await startServer({
      order: async () => [operationView("node02")],
      operation: () => operationView("node02", { status: "done", endedAtMs }),
      nodes: () => [nodeView("node01", "active")],
    });
    const { code, stderr } = await server.rackstrap("decommission", "node02", "--execute");
    expect(code).toBe(0);
    expect(stderr).toContain(
      "DNS zones and monitoring targets still name node02: rackstrap generate --only dns prometheus --write --into DIR",
    );
  });

  it("with --detach and --generate is refused: the files would come too early", async () => {
    const argv = ["decommission", "node02", "--execute", "--detach", "--generate", "/srv/site"];
    const { code, stderr } = await run(argv);
    expect(code).toBe(2);
    expect(stderr).toContain("--generate and --detach do not go together");
  });

  it("with --generate and no inventory is refused before anything begins: the files are made from it", async () => {
    let asked = 0;
    server = await startServer({
      order: async () => {
        asked += 1;
        return [operationView("node02")];
      },
    });
    const argv = ["decommission", "node02", "--execute", "--generate", "/srv/site"];
    const { code, stderr } = await server.rackstrap(...argv);
    expect([code, asked]).toEqual([2, 0]);
    expect(stderr).toContain("no inventory is named\n  next: add --inventory FILE");
  });

  it("with --json and --generate is refused before anything begins: each would print a document", async () => {
    const argv = ["decommission", "node02", "--execute", "--json", "--generate", "/srv/site"];
    const { code, stdout } = await run(argv);
    expect(code).toBe(2);
    expect(JSON.parse(stdout).error.next).toContain(
      "rackstrap generate --only dns prometheus --write --into /srv/site --json",
    );
  });
});
