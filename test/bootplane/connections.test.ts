import { describe, expect, it } from "vitest";
import { createConnections } from "../../src/bootplane/connections.ts";

describe("connections", () => {
  const limits = { connections: 4, connectionsPerClient: 2 };

  it("are refused to a client that has its share, and to nobody else", () => {
    const { refusal, enter } = createConnections(limits);
    for (let own = 0; own < 2; own += 1) {
      expect(refusal("a")).toBeUndefined();
      enter("a");
    }
    expect(refusal("a")).toBe("it has 2 connections already");
    expect(refusal("b")).toBeUndefined();
  });

  it("are refused to all when there are as many as may be", () => {
    const { refusal, enter } = createConnections(limits);
    for (const client of ["a", "a", "b", "b"]) enter(client);
    expect(refusal("c")).toBe("there are 4 connections already");
  });

  it("count until they have ended, and end once", () => {
    const { refusal, enter } = createConnections(limits);
    enter("a");
    const leave = enter("a");
    leave();
    leave();
    expect(refusal("a")).toBeUndefined();
    enter("a");
    expect(refusal("a")).toBeDefined();
  });

  it("of one client that are taken over count beyond its share", () => {
    const { refusal, enter } = createConnections(limits);
    const leaves = ["a", "a", "a"].map(enter);
    leaves[0]?.();
    expect(refusal("a")).toBe("it has 2 connections already");
  });
});
