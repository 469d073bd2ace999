import { expect, test } from "vitest";
import {
  nextRestart,
  parseUnits,
  type RestartMove,
  showing,
  type Unit,
} from "../../../src/operations/certificates/services.ts";

const before = { chainfire: "c1", flaredb: "f1", iam: "i1" };

/** `c1 f2 -i`: chainfire as before, flaredb anew, iam stopped; `~` on its way, `?` does not answer yet. */
function units(text: string): Unit[] {
  const names = { c: "chainfire", f: "flaredb", i: "iam" } as const;
  return text.split(" ").map((word) => {
    const [, sign = "", letter = "c", number = ""] = /^([-~?]?)([cfi])(\d?)$/.exec(word) ?? [];
    return {
      service: names[letter as "c" | "f" | "i"],
      state: sign === "-" ? "inactive" : sign === "~" ? "moving" : "active",
      invocation: `${letter}${number}`,
      answers: sign === "",
    };
  });
}

const say = (move: RestartMove) => ("service" in move ? `${move.kind} ${move.service}` : move.kind);

test.each([
  ["c1 f1 i1", "stop iam"],
  ["c1 f1 -i", "stop flaredb"],
  ["c1 ~f1 -i", "wait flaredb"],
  ["c1 -f -i", "stop chainfire"],
  ["-c -f -i", "start chainfire"],
  ["~c2 -f -i", "wait chainfire"],
  ["?c2 -f -i", "wait chainfire"],
  ["c2 -f -i", "start flaredb"],
  ["c2 ?f2 -i", "wait flaredb"],
  ["c2 f2 -i", "start iam"],
  ["c2 f2 ?i2", "wait iam"],
  ["c2 f2 i2", "done"],
  // One that was started by itself meanwhile stays; what is behind an old one goes first.
  ["c2 f1 i2", "stop iam"],
  ["c2 f1 -i", "stop flaredb"],
  ["c1 f2 -i", "stop flaredb"],
])("of %s the next is: %s", (text, expected) => {
  expect(say(nextRestart(units(text), before))).toBe(expected);
});

test("from any mixture of states every service runs anew in the end, chainfire never without flaredb stopped", () => {
  const words = ["1", "2", "-", "~", "?"];
  for (const c of words)
    for (const f of words)
      for (const i of words) {
        const text = [c, f, i]
          .map((word, index) => {
            const letter = "cfi"[index];
            if (word === "-") return `-${letter}`;
            return word === "1" || word === "2" ? `${letter}${word}` : `${word}${letter}2`;
          })
          .join(" ");
        let state = units(text);
        let moves = 0;
        for (; moves < 20; moves++) {
          const move = nextRestart(state, before);
          if (move.kind === "done") break;
          if (move.kind === "stop" && move.service === "chainfire")
            expect(state.filter(({ state: now }) => now === "active").length, text).toBe(1);
          state = state.map((unit) => (unit.service === move.service ? after(unit, move) : unit));
        }
        expect(moves, text).toBeLessThan(20);
        expect(
          state.map(({ state: now, invocation }) => `${now} ${invocation}`),
          text,
        ).toEqual(["active c2", "active f2", "active i2"]);
      }
});

function after(unit: Unit, move: RestartMove): Unit {
  if (move.kind === "stop") return { ...unit, state: "inactive" };
  const started = { ...unit, state: "active" as const, answers: true };
  return move.kind === "start" ? { ...started, invocation: `${unit.service[0]}2` } : started;
}

test("only the first three services show certificates, each only where it runs", () => {
  expect(showing({ services: ["k8shost", "iam", "chainfire"] })).toEqual(["chainfire", "iam"]);
});

test("what systemctl show prints is read by its paragraphs, in the order asked", () => {
  const text = `LoadState=loaded
ActiveState=active
InvocationID=aa11

LoadState=not-found
ActiveState=inactive
InvocationID=

LoadState=loaded
InvocationID=
ActiveState=failed
`;
  expect(parseUnits(["chainfire", "flaredb", "iam"], text)).toEqual([
    { service: "chainfire", state: "active", invocation: "aa11" },
    { service: "flaredb", state: "absent", invocation: "" },
    { service: "iam", state: "inactive", invocation: "" },
  ]);
  const state = (active: string) =>
    parseUnits(["iam"], `LoadState=loaded\nActiveState=${active}\nInvocationID=x`)[0]?.state;
  expect(["activating", "deactivating", "reloading", "maintenance"].map(state)).toEqual([
    "moving",
    "moving",
    "active",
    "moving",
  ]);
  expect(parseUnits(["iam"], "")[0]?.state).toBe("absent");
});
