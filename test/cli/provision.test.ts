import { afterEach, describe, expect, it } from "vitest";
import type { OperationView } from "../../src/api/operation-shapes.ts";
import type { Rackstrap } from "../../src/api/service.ts";
import { layerView, nodeView, operationView, planView, startMs } from "../api/fake-rackstrap.ts";
import { run, startServer, type TestServer } from "./run.ts";

let server: TestServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

const ended = (node: string, status: "done" | "failed"): OperationView =>
  operationView(node, {
    status,
    endedAtMs: startMs + 100_000,
    steps: operationView(node).steps.map((step) => ({ ...step, status: "done" })),
    ...(status === "done"
      ? {}
      : {
          failure: {
            ...{ stage: "install", reason: "the disk is gone", next: "look at the disk" },
            carryOn: "retry",
          },
        }),
  });

/** Ends each node's operation as `outcomes` says at the first look; an active state follows only from `active`. */
function outcomes(results: Readonly<Record<string, "done" | "failed">>, active: readonly string[]) {
  return {
    operation: (id: string) => ended(id.slice(3), results[id.slice(3)] ?? "failed"),
    nodes: () =>
      Object.keys(results).map((name) =>
        nodeView(name, active.includes(name) ? "active" : "failed"),
      ),
  } satisfies Partial<Rackstrap>;
}

describe("provision without --execute", () => {
  it("prints the plan, begins nothing, and ends with 0", async () => {
    server = await startServer({ order: () => Promise.reject(new Error("begun")) });
    const { code, stdout } = await server.rackstrap("provision", "node01");
    expect(code).toBe(0);
    expect(stdout.split("\n")).toEqual([
      "provision node01:",
      "   STEP",
      "1  arm the provision",
      "2  install",
      "",
      "destroys: everything on /dev/sda of node node01",
      "nothing was changed: give --execute to do this",
      "",
    ]);
  });

  it("tells every reason why the plan would be refused, and ends with 1", async () => {
    const refusals = [
      { reason: "node node01 is active", next: "look at it" },
      { reason: "the power job 7 is at work", next: "wait for it" },
    ];
    server = await startServer({ draft: async (order) => planView(order, { refusals }) });
    const { code, stdout } = await server.rackstrap("provision", "node01");
    expect(code).toBe(1);
    expect(stdout.split("\n").slice(-6)).toEqual([
      "refused: node node01 is active",
      "  next: look at it",
      "refused: the power job 7 is at work",
      "  next: wait for it",
      "nothing was changed",
      "",
    ]);
  });
});

describe("provision", () => {
  it("prints a line for each change, then the table, and ends with 0 when all are active", async () => {
    server = await startServer(outcomes({ node01: "done", node02: "done" }, ["node01", "node02"]));
    const { code, stdout, stderr } = await server.rackstrap(
      "provision",
      "--execute",
      "node01",
      "node02",
    );
    const lines = stdout.split("\n");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(lines[0]).toMatch(/^node01 \S+ \[2\/3\] Install: disko$/);
    expect(lines[2]).toBe("node01 1m40s done");
    expect(lines.slice(4)).toEqual([
      "",
      "NODE    RESULT  STATE   STEPS  TOOK   OPERATION",
      "node01  done    active  3/3    1m40s  op-node01",
      "node02  done    active  3/3    1m40s  op-node02",
      "",
    ]);
  });

  it.each<[string, Partial<Rackstrap>, number]>([
    ["1 when none made it", outcomes({ node01: "failed", node02: "failed" }, []), 1],
    ["4 when some made it", outcomes({ node01: "done", node02: "failed" }, ["node01"]), 4],
    ["1 when all are done and none is active", outcomes({ node01: "done", node02: "done" }, []), 1],
  ])("ends with %s", async (_, changes, code) => {
    server = await startServer(changes);
    const outcome = await server.rackstrap("provision", "--execute", "node01", "node02");
    expect(outcome.code).toBe(code);
  });

  it("names stage, reason and next step of a node that failed", async () => {
    server = await startServer(outcomes({ node01: "failed" }, []));
    const { stdout } = await server.rackstrap("provision", "--execute", "node01");
    expect(stdout).toContain(
      "node01 failed at install: the disk is gone\n  next: look at the disk\n",
    );
  });

  it("with --json prints one JSON value at the end and its progress on stderr", async () => {
    server = await startServer(outcomes({ node01: "done" }, ["node01"]));
    const { code, stdout, stderr } = await server.rackstrap(
      "provision",
      "--execute",
      "node01",
      "--json",
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ operations: [ended("node01", "done")] });
    expect(stderr).toMatch(/^node01 \S+ \[2\/3\] Install: disko\nnode01 1m40s done\n$/);
  });
});

describe("watching", () => {
  it("returns at once with --detach", async () => {
    server = await startServer();
    const { code, stdout } = await server.rackstrap("provision", "--execute", "node01", "--detach");
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: "NODE    OPERATION\nnode01  op-node01\n",
    });
  });

  it("stops watching at SIGINT with 130 and leaves the operations alone", async () => {
    const cancelled: string[] = [];
    server = await startServer({
      cancel: (id) => {
        cancelled.push(id);
        return operationView("node01");
      },
    });
    const args = [
      "provision",
      "--execute",
      "node01",
      "--api",
      server.url,
      "--token-file",
      server.tokenFile,
    ];
    let interrupted = false;
    const { code, stderr } = await run(args, {}, (text, interrupt) => {
      // Once: a second SIGINT ends the process at once, as people expect.
      if (!interrupted && text.includes("Install")) interrupt();
      interrupted = true;
    });
    expect(code).toBe(130);
    expect(stderr).toContain("the operations go on in the server");
    expect(cancelled).toEqual([]);
  });
});

describe("what is typed beyond the names", () => {
  it("sends what was typed beyond the names, once for each", async () => {
    const asked: unknown[] = [];
    server = await startServer({
      order: async (request) => {
        asked.push(request);
        return request.nodes.map((node) => operationView(node));
      },
    });
    const typed = ["--execute", "--erase", "node02", "--erase", "node02", "--limit", "2"];
    await server.rackstrap("provision", ...typed, "node01", "node02", "--detach");
    await server.rackstrap("provision", "--execute", "node01", "--disk-serial", "S6PT", "--detach");
    expect(asked).toEqual([
      {
        ...{ verb: "provision", nodes: ["node01", "node02"], force: [] },
        options: { erase: ["node02"], limit: 2 },
      },
      { verb: "provision", nodes: ["node01"], options: { diskSerials: ["S6PT"] }, force: [] },
    ]);
  });

  it.each(["0", "many", "-1"])("refuses --limit %s", async (limit) => {
    server = await startServer();
    const { code, stderr } = await server.rackstrap(
      "provision",
      "--execute",
      "node01",
      `--limit=${limit}`,
    );
    expect(code).toBe(2);
    expect(stderr).toContain(`--limit ${limit} is no number of nodes`);
  });
});

describe("drift", () => {
  it("lists what differs and ends with 1", async () => {
    server = await startServer();
    const { code, stdout } = await server.rackstrap("drift");
    expect(code).toBe(1);
    expect(stdout).toBe(
      "NODE    KIND     SETTING  INVENTORY  MACHINE\nnode02  differs  serial   A          B\nnode01: as the inventory says, seen 2023-11-14 22:13:20Z\n",
    );
  });

  it("asks for the named nodes alone, and ends with 0 for notes and for machines that were never seen", async () => {
    const asked: unknown[] = [];
    server = await startServer({
      drift: (nodes) => {
        asked.push(nodes);
        const note = {
          kind: "note",
          setting: "memory",
          declared: "32 GB",
          found: "16 GB",
        } as const;
        return [
          { node: "node01", seenMs: 1, differences: [note] },
          { node: "node02", differences: [] },
        ];
      },
    });
    const { code, stdout } = await server.rackstrap("drift", "node01", "node02");
    expect(code).toBe(0);
    expect(stdout).toContain("not seen yet: node02");
    await server.rackstrap("drift", "node01");
    expect(asked).toEqual([["node01", "node02"], ["node01"]]);
  });
});

describe("exit codes of results", () => {
  it.each<[string, string[], Partial<Rackstrap>, number, RegExp]>([
    [
      "a sick cluster",
      ["cluster", "status"],
      {
        cluster: async () => [
          layerView("chainfire", { verdict: "no-quorum", reasons: ["no member knows a leader"] }),
        ],
      },
      1,
      /- no member knows a leader/,
    ],
    [
      "a server that finds a fault with itself",
      ["check"],
      {
        check: async () => [
          {
            ...{ area: "boot-server", title: "assets", level: "error" },
            ...{ detail: "no bzImage", next: "build the images" },
          },
        ],
      },
      1,
      /error {4}assets: no bzImage\n +next: build the images/,
    ],
  ])("tell of %s", async (_, args, changes, code, expected) => {
    server = await startServer(changes);
    const outcome = await server.rackstrap(...args);
    expect(outcome.code).toBe(code);
    expect(outcome.stdout).toMatch(expected);
  });
});
