import { afterAll, beforeAll, expect, test } from "vitest";
import { diagnosisLines } from "../../src/cli/diagnose.ts";
import { diagnosisView } from "../api/fake-rackstrap.ts";
import { startServer, type TestServer } from "./run.ts";

const verdict = {
  ...{ stage: "services", cause: "port-taken", runbook: "E10", confidence: "certain" as const },
  means: "another program holds the service's port (address in use)",
  next: `ssh root@10.0.200.10 "${"ss -tlnp ".repeat(15)}"`,
  lines: ["bind: address already in use", `\u001b[31m${"long ".repeat(40)}`],
};

let server: TestServer;
beforeAll(async () => {
  server = await startServer({
    diagnose: async (subject) => diagnosisView(subject, subject === "node02" ? verdict : undefined),
  });
});
afterAll(() => server.close());

test("a node at which nothing is missing ends with 0", async () => {
  const { code, stdout, stderr } = await server.rackstrap("diagnose", "node01");
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^ok {7}power {5}power is well$/m);
  expect(stdout).toMatch(/^nothing is missing$/m);
  expect(code).toBe(0);
});

test("a missing stage ends with 1, in JSON too", async () => {
  const shown = await server.rackstrap("diagnose", "node02");
  expect(shown.stdout).toMatch(/^missing {2}services/m);
  expect(shown.stdout).toMatch(/^cause {4}port-taken \(certain, runbook E10\)$/m);
  expect(shown.code).toBe(1);
  const json = await server.rackstrap("diagnose", "node02", "--json");
  expect(JSON.parse(json.stdout)).toEqual(diagnosisView("node02", verdict));
  expect(json.code).toBe(1);
});

test("no line is wider than 100 columns but the command, which is copied whole", () => {
  const lines = diagnosisLines(diagnosisView("node02", verdict));
  expect(lines.filter((line) => line.length > 100)).toEqual([`next     ${verdict.next}`]);
  expect(lines.join("")).not.toContain("\u001b");
});
