// When a request to a BMC is sent again: what may be done twice until an answer comes, everything else only if it surely was not done.

import { type BmcError, type BmcFailureKind, mayPass } from "../bmc.ts";
import type { Clock } from "../clock.ts";
import { refusalOf, retryAfterMs } from "./failure.ts";
import type { HttpResponse, Lost } from "./http.ts";

export interface Repeating {
  /** Whether it is sent again when it may have reached the BMC and no answer came. */
  readonly afterLoss: boolean;
  /** Whether it is sent again when the BMC says that it is busy. */
  readonly afterBusy: boolean;
  /** It has If-Match, so 412 is an answer. */
  readonly conditional: boolean;
  readonly clock: Clock;
  /** What is blotted out of the BMC's words. */
  secrets(): readonly string[];
  fail(kind: BmcFailureKind, said: string): BmcError;
}

const waitsMs = [1000, 4000];
// A BMC that asks for more is not waited for: the caller is told that it is busy.
const maxAskedMs = 20_000;

/** Resolves with an answer of 200–299, or 412 to a conditional request. Throws a BmcError, and the signal's reason. */
export async function repeat(
  attempt: () => Promise<HttpResponse | Lost>,
  options: Repeating,
  signal: AbortSignal,
): Promise<HttpResponse> {
  for (let tries = 0; ; tries += 1) {
    const outcome = await outcomeOf(attempt, options);
    if ("answer" in outcome) return outcome.answer;
    const { error, again, askedMs = 0 } = outcome;
    const waitMs = waitsMs[tries];
    if (!again || waitMs === undefined || askedMs > maxAskedMs) throw error;
    await options.clock.sleep(Math.max(waitMs, askedMs), signal);
    signal.throwIfAborted();
  }
}

type Outcome =
  | { readonly answer: HttpResponse }
  | {
      readonly error: BmcError;
      readonly again: boolean;
      /** How long the BMC asks to wait. */
      readonly askedMs?: number | undefined;
    };

async function outcomeOf(
  attempt: () => Promise<HttpResponse | Lost>,
  options: Repeating,
): Promise<Outcome> {
  const reply = await attempt();
  return "said" in reply ? ofLoss(reply, options) : ofAnswer(reply, options);
}

function ofLoss({ kind, said, unsent }: Lost, { afterLoss, fail }: Repeating): Outcome {
  if (afterLoss || unsent) {
    const error = fail(kind, said);
    return { error, again: mayPass(error) };
  }
  return {
    error: fail("timeout", `${said}, and it may have done what it was asked`),
    again: false,
  };
}

function ofAnswer(answer: HttpResponse, options: Repeating): Outcome {
  const { status, body, headers } = answer;
  const { afterBusy, conditional, secrets, fail } = options;
  if ((status >= 200 && status <= 299) || (status === 412 && conditional)) return { answer };
  const { kind, said } = refusalOf(status, body, secrets());
  const again = kind === "busy" && afterBusy;
  return {
    error: fail(kind, said),
    again,
    askedMs: retryAfterMs(headers["retry-after"], Date.now()),
  };
}
