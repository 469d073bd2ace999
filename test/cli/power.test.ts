import { afterEach, describe, expect, it } from "vitest";
import type { PowerJobView, PowerRequest } from "../../src/api/power-shapes.ts";
import { type Rackstrap, Refusal } from "../../src/api/service.ts";
import { powerJobView } from "../api/fake-rackstrap.ts";
import { run, startServer, type TestServer } from "./run.ts";

let server: TestServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

const began = (job: PowerJobView): PowerJobView => ({
  ...job,
  endedAtMs: undefined,
  tasks: job.tasks.map((task) => ({ ...task, status: "waiting" })),
});

const reason = "BMC 10.0.10.51: no answer: check its cable";

/** A job that has ended at the first look, badly for the nodes named. */
function ending(failed: readonly string[], asked: PowerRequest[] = []): Partial<Rackstrap> {
  let job = powerJobView("on", []);
  return {
    power: async (request) => {
      asked.push(request);
      job = powerJobView(request.action, request.nodes);
      const unknown = { state: "unknown", differs: false } as const;
      const failure = { kind: "unreachable", reason };
      job = {
        ...job,
        tasks: job.tasks.map((task) =>
          failed.includes(task.node)
            ? { ...task, status: "failed", failure, power: unknown }
            : task,
        ),
      };
      return began(job);
    },
    powerJob: () => job,
  };
}

describe("power", () => {
  it("prints a line for each change, then the table, then the whole reasons, and ends with 4", async () => {
    server = await startServer(ending(["node02"]));
    const { code, stdout, stderr } = await server.rackstrap("power", "on", "node[01-02]");
    expect({ code, stderr }).toEqual({ code: 4, stderr: "" });
    expect(stdout.replace(/on \d+\S*/, "on 1h").replaceAll(/ +/g, " ")).toBe(
      [
        "node01 done",
        "node02 failed (unreachable)",
        "",
        "NODE GROUP RESULT POWER TOOK WHY",
        "node01 - done on 1h 4s",
        "node02 - failed unknown 4s unreachable",
        `node02 failed: ${reason}`,
        "",
      ].join("\n"),
    );
  });

  it.each<[string, string[], number]>([
    ["0 when all is done", [], 0],
    ["1 when nothing is", ["node01", "node02", "node03"], 1],
    ["4 when some is", ["node03"], 4],
  ])("ends with %s", async (_, failed, code) => {
    server = await startServer(ending(failed));
    expect((await server.rackstrap("power", "off", "all")).code).toBe(code);
  });

  it.each<[string[], string[], boolean]>([
    [["all"], ["node01", "node02", "node03"], false],
    [["all", "!node02"], ["node01", "node03"], false],
    [["all", "--except", "node02", "--except", "node01"], ["node03"], false],
    [["role=control-plane", "--despite-operations"], ["node01", "node02", "node03"], true],
    [["node03", "node0?"], ["node03", "node01", "node02"], false],
  ])("of %j asks for the nodes that are meant", async (args, nodes, despiteOperations) => {
    const asked: PowerRequest[] = [];
    server = await startServer(ending([], asked));
    await server.rackstrap("power", "cycle", ...args);
    expect(asked).toEqual([{ action: "cycle", nodes, despiteOperations, despiteQuorum: false }]);
  });

  it("of nobody asks for nothing", async () => {
    const asked: PowerRequest[] = [];
    server = await startServer(ending([], asked));
    const { code, stderr } = await server.rackstrap("power", "off", "node0[1-9]");
    expect({ code, stderr, asked }).toEqual({
      code: 2,
      stderr:
        "rackstrap: no node is called node04, which node0[1-9] names\n  next: declared are: node01, node02, node03\n",
      asked: [],
    });
  });
});

describe("what power prints", () => {
  it("status prints nothing but its table", async () => {
    server = await startServer(ending([]));
    const { stdout } = await server.rackstrap("power", "status", "node01");
    expect(stdout).toMatch(
      /^NODE +GROUP +RESULT +POWER +TOOK +WHY\nnode01 +- +done +on \S+ +4s\n$/,
    );
  });

  it("with --json prints the job at its end, and its progress on stderr", async () => {
    server = await startServer(ending([]));
    const { stdout, stderr } = await server.rackstrap("power", "on", "node01", "--json");
    expect(JSON.parse(stdout)).toEqual(powerJobView("on", ["node01"]));
    expect(stderr).toBe("node01 done\n");
  });

  it("with --detach returns at once and says how to look at it", async () => {
    server = await startServer(ending([]));
    const { code, stdout } = await server.rackstrap("power", "on", "node01", "--detach");
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: "power job job-1: rackstrap power show job-1\n",
    });
  });

  it("stops watching at SIGINT with 130 and leaves the job alone", async () => {
    const cancelled: string[] = [];
    server = await startServer({
      power: async ({ nodes }) => began(powerJobView("on", nodes)),
      powerJob: () => ({
        ...began(powerJobView("on", ["node01"])),
        tasks: powerJobView("on", ["node01"]).tasks.map((task) => ({ ...task, status: "asked" })),
      }),
      cancelPower: (id) => {
        cancelled.push(id);
        return powerJobView("on", ["node01"]);
      },
    });
    const args = ["power", "on", "node01", "--api", server.url, "--token-file", server.tokenFile];
    let interrupted = false;
    const { code, stderr } = await run(args, {}, (text, interrupt) => {
      if (!interrupted && text.includes("asked")) interrupt();
      interrupted = true;
    });
    expect(code).toBe(130);
    expect(stderr).toBe("interrupted; the job goes on in the server: rackstrap power show job-1\n");
    expect(cancelled).toEqual([]);
  });

  it("says so with 1 when the server has started anew and knows nothing of the job", async () => {
    server = await startServer({
      ...ending([]),
      powerJob: () => {
        throw new Refusal("unknown", "no power job has the id job-1", "rackstrap power status all");
      },
    });
    expect(await server.rackstrap("power", "on", "node01")).toEqual({
      code: 1,
      stdout: "",
      stderr: "rackstrap: no power job has the id job-1\n  next: rackstrap power status all\n",
    });
  });
});

it.each<[string[], RegExp]>([
  [["power", "plan", "on", "all"], /^NODE +GROUP +START +POWER\nnode01 +- +\+0\.00s/],
  [["power", "show"], /^JOB +ACTION +MACHINES +DONE +BEGAN +ENDED\njob-1 +on +1 +1 +2026-01-02/],
  [["power", "show", "job-1"], /^power on job-1: 1 machine, 1 done\nNODE +GROUP/],
  [["power", "cancel", "job-1"], /^asked to stop; see rackstrap power show job-1\n$/],
])("%j answers", async (args, expected) => {
  server = await startServer();
  const { code, stdout } = await server.rackstrap(...args);
  expect(code).toBe(0);
  expect(stdout).toMatch(expected);
});
