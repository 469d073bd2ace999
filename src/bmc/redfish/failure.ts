// What a BMC's refusals mean to a caller: HTTP status and Redfish messages as kinds of BmcError (DSP0266, "Error responses").

import { z } from "zod";
import type { BmcFailureKind } from "../bmc.ts";

export interface Refusal {
  readonly kind: BmcFailureKind;
  /** One line, bounded, without control characters. */
  readonly said: string;
}

const text = z.string().optional().catch(undefined);
const message = z.object({ MessageId: text, Message: text }).catch({});
const errorBody = z.object({
  error: z.object({
    code: text,
    message: text,
    "@Message.ExtendedInfo": z
      .union([z.array(message), message.transform((one) => [one])])
      .optional()
      .catch(undefined),
  }),
});

// Names of messages in the registries of DMTF and vendors, without registry and version.
// RAC0218 is iDRAC's full session table.
const busy = /LimitExceeded|LimitReached|ServiceTemporarilyUnavailable|ServiceInUnknown|RAC0218/;
const unsupported =
  /NotSupported|PropertyUnknown|NotWritable|ValueNotInList|ActionParameterUnknown|InFutureStateURI|ResourceMissing/;
const authentication = /InsufficientPrivilege|NoValidSession|PasswordChangeRequired/;

/** What an answer outside 200–299 means. `secrets` are blotted out should the BMC give them back. */
export function refusalOf(status: number, body: unknown, secrets: readonly string[]): Refusal {
  const { ids, words } = messagesOf(body);
  const said = clean(words === "" ? `HTTP ${status}` : `HTTP ${status}: ${words}`, secrets);
  return { kind: kindOf(status, ids), said };
}

function kindOf(status: number, ids: string): BmcFailureKind {
  if (busy.test(ids)) return "busy";
  if (status === 401 || status === 403 || authentication.test(ids)) return "authentication";
  if (status === 404 || status === 405 || status === 501) return "unsupported";
  // A BMC at its limit or half started answers with any of these; 412: somebody else changed it in between.
  if (status === 409 || status === 412 || status === 429 || status >= 500) return "busy";
  return status >= 400 && unsupported.test(ids) ? "unsupported" : "protocol";
}

function messagesOf(body: unknown): { ids: string; words: string } {
  const parsed = errorBody.safeParse(body);
  if (!parsed.success) return { ids: "", words: "" };
  const { code, message: general, "@Message.ExtendedInfo": extended = [] } = parsed.data.error;
  const words = extended.flatMap(({ Message }) => Message ?? []);
  return {
    ids: [code, ...extended.map(({ MessageId }) => MessageId)].join(" "),
    words: words.length > 0 ? words.slice(0, 3).join(" ") : (general ?? ""),
  };
}

const maxSaid = 300;

/** Text that came from a BMC, fit for a log and a terminal. */
export function clean(words: string, secrets: readonly string[] = []): string {
  const blotted = secrets
    .filter((secret) => secret !== "")
    .reduce((rest, secret) => rest.replaceAll(secret, "***"), words);
  const printable = blotted.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").trim();
  return printable.length > maxSaid ? `${printable.slice(0, maxSaid)}…` : printable;
}

/** Milliseconds that a Retry-After header asks for, as seconds or as a date (RFC 9110 §10.2.3); undefined when it asks for nothing. */
export function retryAfterMs(header: string | undefined, nowEpochMs: number): number | undefined {
  if (header === undefined) return undefined;
  const waitMs = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowEpochMs;
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : undefined;
}
