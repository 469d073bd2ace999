import { expect, test } from "vitest";
import { clean, refusalOf, retryAfterMs } from "../../../src/bmc/redfish/failure.ts";

const saying = (id: string, words = "no") => ({
  error: {
    code: "Base.1.8.GeneralError",
    "@Message.ExtendedInfo": [{ MessageId: `Base.1.8.${id}`, Message: words }],
  },
});

test.each([
  [401, undefined, "authentication"],
  [403, undefined, "authentication"],
  [400, saying("InsufficientPrivilege"), "authentication"],
  [404, undefined, "unsupported"],
  [405, undefined, "unsupported"],
  [501, undefined, "unsupported"],
  [400, saying("ActionNotSupported"), "unsupported"],
  [400, saying("PropertyUnknown"), "unsupported"],
  [400, saying("PropertyNotWritable"), "unsupported"],
  [400, saying("PropertyValueNotInList"), "unsupported"],
  [400, { error: { code: "Ami.1.0.OperationSupportedInFutureStateURI" } }, "unsupported"],
  [400, saying("SessionLimitExceeded"), "busy"],
  [403, saying("CreateLimitReachedForResource"), "busy"],
  [400, { error: { "@Message.ExtendedInfo": [{ MessageId: "IDRAC.2.8.RAC0218" }] } }, "busy"],
  [409, undefined, "busy"],
  [412, undefined, "busy"],
  [429, undefined, "busy"],
  [500, undefined, "busy"],
  [503, saying("ServiceTemporarilyUnavailable"), "busy"],
  [302, undefined, "protocol"],
  [400, undefined, "protocol"],
  [400, saying("MalformedJSON"), "protocol"],
] as const)("HTTP %i with %j is %s", (status, body, kind) => {
  expect(refusalOf(status, body, []).kind).toBe(kind);
});

test.each([
  ["nothing", undefined, "HTTP 400"],
  ["a message", saying("X", "The fan is out."), "HTTP 400: The fan is out."],
  [
    "one message where a list belongs",
    { error: { "@Message.ExtendedInfo": { Message: "One." } } },
    "HTTP 400: One.",
  ],
  ["only a general one", { error: { message: "All is lost." } }, "HTTP 400: All is lost."],
  [
    "four messages",
    { error: { "@Message.ExtendedInfo": ["a", "b", "c", "d"].map((Message) => ({ Message })) } },
    "HTTP 400: a b c",
  ],
  ["a number for a message", { error: { "@Message.ExtendedInfo": [{ Message: 7 }] } }, "HTTP 400"],
  ["something else", ["?"], "HTTP 400"],
])("of %s it says what it can", (_, body, said) => {
  expect(refusalOf(400, body, []).said).toBe(said);
});

test("the words of a BMC are bounded, without control characters and without secrets", () => {
  const { said } = refusalOf(400, saying("X", "the value 'hunter2'\r\n\u001b[2J\u202eis bad"), [
    "hunter2",
    "",
  ]);
  expect(said).toBe("HTTP 400: the value '***' [2J is bad");
  expect(clean("x".repeat(1000))).toHaveLength(301);
});

test.each([
  ["5", 5000],
  ["Thu, 01 Jan 2026 00:00:30 GMT", 30_000],
  ["Wed, 31 Dec 2025 00:00:00 GMT", 0],
  ["soon", undefined],
  [undefined, undefined],
])("Retry-After %s is %s ms", (header, ms) => {
  expect(retryAfterMs(header, Date.UTC(2026, 0))).toBe(ms);
});
