import { expect, test } from "vitest";
import {
  type CaStanding,
  moveOf,
  type Outgoing,
  outgoingOf,
  type RotationStep,
  rotationSteps,
} from "../../src/pki/rotation.ts";

const table: Readonly<Record<Outgoing, readonly [string, string, string]>> = {
  //          begin      switch     finish
  "in-use": ["go", "refused", "refused"],
  begun: ["done", "go", "refused"],
  switched: ["done", "done", "go"],
  retired: ["done", "done", "done"],
  unknown: ["refused", "refused", "refused"],
};

test("every step from every place is done, done already, or refused with a reason", () => {
  for (const [outgoing, expected] of Object.entries(table)) {
    const found = rotationSteps.map((step: RotationStep) => moveOf(outgoing as Outgoing, step));
    expect(
      found.map(({ kind }) => kind),
      outgoing,
    ).toEqual(expected);
    for (const move of found) if (move.kind === "refused") expect(move.why).not.toBe("");
  }
});

const one: CaStanding = { stage: "one", signing: "a", other: undefined, retired: ["z"] };
const begun: CaStanding = { ...one, stage: "begun", other: "b" };
const switched: CaStanding = { ...begun, stage: "switched", signing: "b", other: "a" };
const over: CaStanding = { ...one, signing: "b", retired: ["z", "a"] };

test.each<[string, CaStanding, string, Outgoing]>([
  ["the only one is in use", one, "a", "in-use"],
  ["one that was never here is unknown", one, "b", "unknown"],
  ["one that was replaced before is retired", one, "z", "retired"],
  ["the one that signs is being replaced by the next", begun, "a", "begun"],
  ["the next one is not being replaced", begun, "b", "unknown"],
  ["the one that signs no more is being replaced", switched, "a", "switched"],
  ["the one that took over is not being replaced", switched, "b", "unknown"],
  ["the one that is gone is retired", over, "a", "retired"],
  ["the one that took over can be replaced in its turn", over, "b", "in-use"],
  ["a rotation of another CA says nothing of one that went before", begun, "z", "unknown"],
])("%s", (_, standing, fingerprint, outgoing) => {
  expect(outgoingOf(standing, fingerprint)).toBe(outgoing);
});
