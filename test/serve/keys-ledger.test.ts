import { expect, onTestFinished, test } from "vitest";
import {
  newOperation,
  newStep,
  type Operation,
  type StepStatus,
} from "../../src/operations/operation.ts";
import { createKeysLedger } from "../../src/serve/keys-ledger.ts";
import { openStore } from "../../src/store/store.ts";

const atMs = 1_000;

function store() {
  const opened = openStore(
    ":memory:",
    () => atMs,
    () => undefined,
  );
  onTestFinished(() => opened.close());
  return opened;
}

function operation(id: string, installer: StepStatus): Operation {
  const step = { ...newStep({ id: "installer", title: "" }), status: installer };
  return newOperation({ id, kind: "provision", node: "node01", createdAtMs: atMs, steps: [step] });
}

test.each<[StepStatus, boolean]>([
  ["pending", false],
  ["running", false],
  ["waiting", false],
  ["failed", false],
  ["done", true],
])("while the step that looks for the installer is %s, keys are closed: %s", (status, closed) => {
  const opened = store();
  opened.operations.create([operation("op-1", status)]);
  expect(createKeysLedger(opened).isClosed("op-1")).toBe(closed);
});

test("an operation that is not there has no keys to close", () => {
  expect(createKeysLedger(store()).isClosed("op-1")).toBe(false);
});

test("fetches are counted for each operation, and go on after a restart with what the timeline has", () => {
  const opened = store();
  opened.operations.create([operation("op-1", "waiting")]);
  const ledger = createKeysLedger(opened);
  expect([ledger.note("op-1", "served"), ledger.note("op-1", "served")]).toEqual([1, 2]);
  expect(ledger.note("op-1", "refused")).toBe(1);
  const seen = { node: "node01", mac: undefined, detail: {} };
  opened.nodes.append({ ...seen, kind: "keys-served" });
  opened.nodes.append({ ...seen, kind: "keys-served" });
  opened.nodes.append({ ...seen, kind: "keys-refused" });
  const again = createKeysLedger(opened);
  expect([again.note("op-1", "served"), again.note("op-1", "refused")]).toEqual([3, 2]);
  expect(again.note("op-2", "served")).toBe(1);
});
