// Requests and answers of a simulated Redfish service, without sockets.

export interface Asked {
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Parsed; undefined when there is none. */
  readonly body: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string goes out as it is. */
  readonly body?: object | string;
}

export type Body = Readonly<Record<string, unknown>>;

/** A refusal as DSP0266 has it. `message` is the name of a message in the Base registry. */
export function refuse(status: number, message: string, words: string): Answer {
  const info = { MessageId: `Base.1.8.${message}`, Message: words, Severity: "Critical" };
  const code = "Base.1.8.GeneralError";
  return {
    status,
    body: { error: { code, message: words, "@Message.ExtendedInfo": [info] } },
  };
}

export const done: Answer = { status: 204 };

/** An object, or an empty one in place of anything else. */
export function objectOf(value: unknown): Body {
  return typeof value === "object" && value !== null ? (value as Body) : {};
}
