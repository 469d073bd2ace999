// How a command ends: the exit codes, what each means, and the error that carries one.

export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  partial: 4,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** For `--help` and docs/cli.md, which a test keeps equal. */
export const exitCodeHelp: readonly (readonly [ExitCode, string])[] = [
  [0, "it was done; what was asked about is healthy"],
  [1, "it was not done, or what was asked about is not healthy"],
  [2, "the command line or the inventory is wrong, or names something that does not exist"],
  [3, "the server can't be asked: it does not answer, or its token is missing or wrong"],
  [4, "it was done for some of the nodes and not for others"],
  [130, "interrupted; operations that were started go on in the server"],
];

/** One or two lines for a person: what is wrong, and what to do next. */
export class CliError extends Error {
  readonly code: ExitCode;
  readonly next: string | undefined;

  constructor(code: ExitCode, message: string, next?: string) {
    super(message);
    this.name = "CliError";
    this.code = code;
    this.next = next;
  }
}

/** ok when all went well, failed when none did, partial in between. */
export function exitCodeFor(results: readonly boolean[]): ExitCode {
  if (results.every((ok) => ok)) return exitCodes.ok;
  return results.some((ok) => ok) ? exitCodes.partial : exitCodes.failed;
}
