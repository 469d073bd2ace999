// Debian's nix-instantiate as a parser and evaluator: nothing is built, no store and no network is needed.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Nix {
  /** The value of an expression, evaluated to its leaves. Rejects with what nix says. */
  evaluate(expression: string): Promise<unknown>;
  /** Rejects when one of the files is not Nix. */
  parse(files: readonly string[]): Promise<void>;
}

/** Nix with its state in `state`, an empty directory. */
export function openNix(state: string): Nix {
  const env = {
    PATH: process.env["PATH"],
    HOME: state,
    NIX_STATE_DIR: state,
    NIX_CONF_DIR: state,
    // Holds nothing and takes nothing: a path that were copied into it would fail.
    NIX_REMOTE: "dummy://",
    // The group that nix as root looks for.
    NIX_CONFIG: "build-users-group =",
  };
  const options = { env, maxBuffer: 64 * 1024 * 1024, timeout: 50_000 };
  return {
    evaluate: async (expression) => {
      const argv = ["--eval", "--strict", "--json", "-E", expression];
      const { stdout } = await run("nix-instantiate", argv, options);
      return JSON.parse(stdout);
    },
    parse: async (files) => {
      await run("nix-instantiate", ["--parse", ...files], options);
    },
  };
}
