import { afterEach, describe, expect, it } from "vitest";
import type { OperationView, OrderRequest } from "../../src/api/operation-shapes.ts";
import { type Rackstrap, Refusal } from "../../src/api/service.ts";
import { nodeView, operationView, planView, startMs } from "../api/fake-rackstrap.ts";
import { run, startServer, type TestServer } from "./run.ts";

let server: TestServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** A server whose operations end at once, well except those of `failing`. */
function obliging(failing: string | undefined = undefined) {
  const ordered: OrderRequest[] = [];
  let state = "active";
  const view = ({ verb, nodes }: OrderRequest): OperationView => ({
    ...operationView(nodes[0] ?? "", { status: verb === failing ? "failed" : "done" }),
    ...{ kind: verb, nodes, endedAtMs: startMs + 1000 },
    ...(verb === failing
      ? { failure: { stage: "take", reason: "not now", next: "wait a little", carryOn: "resume" } }
      : {}),
  });
  const changes: Partial<Rackstrap> = {
    order: async (order) => {
      ordered.push(order);
      state = order.verb === "drain" ? "drained" : "active";
      return [view(order)];
    },
    nodes: () => [nodeView("node02", state)],
  };
  return { ordered, changes };
}

/** Where the server is stands in the environment: all that follows -- is the command's. */
async function maintenance({ url, tokenFile }: TestServer, ...args: readonly string[]) {
  const environment = { RACKSTRAP_API: url, RACKSTRAP_TOKEN_FILE: tokenFile };
  return await run(["maintenance", ...args], environment);
}

const verbsOf = (ordered: readonly OrderRequest[]) => ordered.map(({ verb }) => verb);

describe("maintenance", () => {
  it("without --execute prints both plans with the command between them, and runs nothing", async () => {
    server = await startServer({ draft: async (order) => planView(order, { destroys: [] }) });
    const { code, stdout } = await maintenance(server, "node02", "--", "false");
    expect(code).toBe(0);
    const lines = stdout.split("\n");
    expect(lines[0]).toBe("drain node02:");
    expect(lines.indexOf("then here: false")).toBeLessThan(lines.indexOf("undrain node02:"));
    expect(stdout.match(/nothing was changed/g)).toHaveLength(1);
  });

  it("runs the command between the two, with the node in its environment", async () => {
    const { ordered, changes } = obliging();
    server = await startServer(changes);
    const script = 'echo "on $RACKSTRAP_NODE at $RACKSTRAP_ADDRESS with $1"';
    const { code, stdout, stderr } = await maintenance(
      server,
      ...["node02", "--execute", "--force", "node02"],
      ...["--", "sh", "-c", script, "sh", "--flag"],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("on node02 at 10.0.200.11 with --flag\n");
    expect(verbsOf(ordered)).toEqual(["drain", "undrain"]);
    expect(ordered.map(({ force }) => force)).toEqual([["node02"], []]);
  });

  it("leaves the node drained when the command fails, says so, and how it comes back", async () => {
    const { ordered, changes } = obliging();
    server = await startServer(changes);
    const { code, stderr } = await maintenance(
      server,
      ...["node02", "--execute", "--", "sh", "-c", "exit 7"],
    );
    expect(code).toBe(1);
    expect(stderr).toContain("it ended with exit code 7; node node02 stays drained");
    expect(stderr).toContain(
      "next: put it back when it may be: rackstrap undrain node02 --execute",
    );
    expect(verbsOf(ordered)).toEqual(["drain"]);
  });

  it("says that the node stays drained, and how it comes back, where nothing may be ordered at the moment", async () => {
    const { changes } = obliging();
    const order = async (asked: OrderRequest) => {
      if (asked.verb === "undrain") throw new Refusal("conflict", "update node03 is running");
      return (await changes.order?.(asked)) ?? [];
    };
    server = await startServer({ ...changes, order });
    const { code, stderr } = await maintenance(server, ...["node02", "--execute", "--", "true"]);
    expect(code).toBe(1);
    expect(stderr).toContain("update node03 is running\nnode node02 stays drained\n");
    expect(stderr).toMatch(/next: .*put it back: rackstrap undrain node02 --execute\n$/);
  });

  it("does not run the command when the drain fails", async () => {
    const { ordered, changes } = obliging("drain");
    server = await startServer(changes);
    const { code, stdout } = await maintenance(
      server,
      ...["node02", "--execute", "--", "echo", "ran"],
    );
    expect(code).toBe(1);
    expect(stdout).not.toContain("\nran\n");
    expect(verbsOf(ordered)).toEqual(["drain"]);
  });
});

describe("update and rollback", () => {
  it("orders one operation for all the nodes, and ends with 1 and the reason when it fails", async () => {
    const { ordered, changes } = obliging("update");
    server = await startServer(changes);
    const { code, stdout } = await server.rackstrap(
      ...["update", "node02", "node01", "--reboot", "--execute"],
    );
    expect(code).toBe(1);
    expect(stdout).toContain("failed at take: not now\n  next: wait a little\n");
    expect(ordered).toEqual([
      { verb: "update", nodes: ["node02", "node01"], options: { reboot: true }, force: [] },
    ]);
  });

  it("orders a generation by its number, for once", async () => {
    const { ordered, changes } = obliging();
    server = await startServer(changes);
    const { code } = await server.rackstrap(
      ...["rollback", "node02", "--generation", "12", "--once", "--execute"],
    );
    expect(code).toBe(0);
    expect(ordered[0]?.options).toEqual({ generation: 12, once: true });
    const wrong = await server.rackstrap("rollback", "node02", "--generation", "last");
    expect(wrong.code).toBe(2);
  });

  it("lists the generations of a node with what it runs and what it starts with", async () => {
    server = await startServer();
    const { code, stdout } = await server.rackstrap("generations", "node02");
    expect(code).toBe(0);
    const lines = stdout.split("\n");
    expect(lines[1]).toMatch(/^1 +2026-01-02 03:04:05Z +running +\/nix\/store\/0+-\S+-1$/);
    expect(lines[2]).toMatch(/^2 .* starts with it, started with it +\/nix\/store\/\S+-2$/);
    expect((await server.rackstrap("generations", "node99")).code).toBe(2);
  });
});
