// The running server as the commands see it: finds its address and token, asks one question at a time,
// and turns whatever goes wrong into an error with an exit code. It retries nothing.

import { join } from "node:path";
import type { z } from "zod";
import { errorShape } from "../api/shapes.ts";
import { readToken, tokenFileName } from "../api/token.ts";
import { formatProblem, loadInventory } from "../inventory/load.ts";
import type { Inventory } from "../inventory/schema.ts";
import { messageOf } from "../net/error-text.ts";
import type { Secret } from "../net/secret.ts";
import { CliError, exitCodes } from "./exit.ts";
import { linesOf } from "./lines.ts";

export interface GlobalOptions {
  readonly json?: boolean;
  readonly api?: string;
  readonly tokenFile?: string;
  readonly inventory?: string;
}

export interface Server {
  get<S extends z.ZodType>(path: string, shape: S): Promise<z.output<S>>;
  post<S extends z.ZodType>(path: string, body: unknown, shape: S): Promise<z.output<S>>;
  put<S extends z.ZodType>(path: string, body: unknown, shape: S): Promise<z.output<S>>;
  delete<S extends z.ZodType>(path: string, shape: S): Promise<z.output<S>>;
  /** The values of an answer that has one on each line and need not end by itself. Ends when the signal aborts. With a body it is a POST. */
  follow<S extends z.ZodType>(
    path: string,
    shape: S,
    signal: AbortSignal,
    body?: unknown,
  ): AsyncGenerator<z.output<S>, void>;
}

// What the inventory's schema says when nothing else is known.
const defaultApi = "http://127.0.0.1:8443";
const defaultTokenFile = join("/var/lib/rackstrap", tokenFileName);
const maxBodyBytes = 16 * 1024 * 1024;
/** The slowest answers are those about a cluster whose members are silent, and about large images. */
const timeoutMs = 180_000;

/** The inventory of a command; throws with every problem of the file. */
export function requireInventory(file: string | undefined): Inventory {
  if (file === undefined)
    throw new CliError(
      exitCodes.usage,
      "no inventory is named",
      "add --inventory FILE or set RACKSTRAP_INVENTORY",
    );
  const loaded = loadInventory(file);
  if ("inventory" in loaded) return loaded.inventory;
  throw new CliError(
    exitCodes.usage,
    `the inventory has ${loaded.problems.length} problem(s)\n${loaded.problems.map(formatProblem).join("\n")}`,
    `correct it and run: rackstrap check --inventory ${file}`,
  );
}

/** The server that the options name, else the inventory's, else the one of a default installation. */
export function connect(options: GlobalOptions): Server {
  const needed = options.api === undefined || options.tokenFile === undefined;
  const inventory =
    needed && options.inventory !== undefined ? requireInventory(options.inventory) : undefined;
  const listener = inventory?.server.api;
  const api =
    options.api ??
    (listener === undefined ? defaultApi : `http://${listener.address}:${listener.port}`);
  const tokenFile =
    options.tokenFile ??
    (inventory === undefined
      ? defaultTokenFile
      : join(inventory.server.stateDirectory, tokenFileName));
  const base = parseBase(api);
  const token = loadToken(tokenFile);
  const ask = async <S extends z.ZodType>(path: string, init: RequestInit, shape: S) =>
    readAnswer(await send(base, path, token, init), shape, base);
  return {
    get: (path, shape) => ask(path, { method: "GET" }, shape),
    delete: (path, shape) => ask(path, { method: "DELETE" }, shape),
    follow: (path, shape, signal, body) => {
      const method = body === undefined ? "GET" : "POST";
      return follow(base, path, token, shape, { method, ...payload(body), signal });
    },
    post: (path, body, shape) => ask(path, { method: "POST", ...payload(body) }, shape),
    put: (path, body, shape) => ask(path, { method: "PUT", ...payload(body) }, shape),
  };
}

function payload(body: unknown): RequestInit {
  if (body === undefined) return {};
  return { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
}

function parseBase(api: string): URL {
  const url = URL.canParse(api) ? new URL(api) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol))
    throw new CliError(
      exitCodes.usage,
      `--api ${api} is not an http or https URL`,
      `write it like ${defaultApi}`,
    );
  return url;
}

function loadToken(file: string): Secret {
  try {
    return readToken(file, `name the server's own, ${tokenFileName} of its state directory`);
  } catch (error) {
    throw tokenFailure(file, error);
  }
}

/** Why the commands have no token from `file`, and what to do about it. */
export function tokenFailure(file: string, error: unknown): CliError {
  const { unreachable } = exitCodes;
  // What is wrong with a file that could be read is said with its remedy.
  if (!(error instanceof Error) || !("code" in error))
    return new CliError(unreachable, messageOf(error));
  return new CliError(
    unreachable,
    `the API token ${file} can't be read (${error.code})`,
    error.code === "EACCES"
      ? "run this as root or as the server's user"
      : "start the server (systemctl start rackstrap), or name its token with --token-file FILE or its inventory with --inventory FILE",
  );
}

interface RawAnswer {
  readonly status: number;
  readonly body: unknown;
}

async function send(base: URL, path: string, token: Secret, init: RequestInit): Promise<RawAnswer> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await readJson(await request(base, path, token, { ...init, signal }), base);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw signal.aborted ? noAnswer(base, path) : notReached(base, error);
  }
}

function request(base: URL, path: string, token: Secret, init: RequestInit): Promise<Response> {
  const headers = { ...init.headers, authorization: `Bearer ${token.reveal()}` };
  return fetch(new URL(path, base), { ...init, headers, redirect: "error" });
}

/** The server was reached, and may be at work on it still. */
function noAnswer(base: URL, path: string): CliError {
  return new CliError(
    exitCodes.unreachable,
    `no answer from the server at ${base.origin} within ${timeoutMs / 1000} s`,
    path.startsWith("/api/operations")
      ? "what was asked may still be carried out: rackstrap operations list"
      : "look at it: systemctl status rackstrap, journalctl -u rackstrap",
  );
}

function notReached(base: URL, error: unknown): CliError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return new CliError(
    exitCodes.unreachable,
    `the server at ${base.origin} can't be reached: ${codeOf(cause)}`,
    "look at it: systemctl status rackstrap, journalctl -u rackstrap; start it: systemctl start rackstrap, or by hand rackstrap serve --inventory FILE; or name another with --api URL",
  );
}

async function* follow<S extends z.ZodType>(
  base: URL,
  path: string,
  token: Secret,
  shape: S,
  init: RequestInit & { readonly signal: AbortSignal },
): AsyncGenerator<z.output<S>, void> {
  try {
    const response = await request(base, path, token, init);
    if (!response.ok || response.body === null)
      return void readAnswer(await readJson(response, base), shape, base);
    for await (const line of linesOf(response.body)) {
      const body = parseJson(line);
      yield readAnswer({ status: response.status, body }, shape, base);
    }
  } catch (error) {
    if (!init.signal.aborted) throw error instanceof CliError ? error : notReached(base, error);
  }
}

async function readJson(response: Response, base: URL): Promise<RawAnswer> {
  const { status } = response;
  const text = await readText(response);
  try {
    if (text !== undefined) return { status, body: JSON.parse(text) as unknown };
  } catch {
    // Falls through: whatever is there, it is no rackstrap.
  }
  throw notRackstrap(base, `HTTP ${status} without JSON`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function readText(response: Response): Promise<string | undefined> {
  if (response.body === null) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > maxBodyBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function readAnswer<S extends z.ZodType>({ status, body }: RawAnswer, shape: S, base: URL) {
  if (status >= 200 && status < 300) {
    const parsed = shape.safeParse(body);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw notRackstrap(base, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "wrong shape"}`);
  }
  const parsed = errorShape.safeParse(body);
  if (!parsed.success) throw notRackstrap(base, `HTTP ${status}`);
  const { message, next } = parsed.data.error;
  throw new CliError(exitCodeOfStatus(status), message, next);
}

function exitCodeOfStatus(status: number): CliError["code"] {
  if (status === 401) return exitCodes.unreachable;
  return status === 400 || status === 404 ? exitCodes.usage : exitCodes.failed;
}

function notRackstrap(base: URL, what: string): CliError {
  return new CliError(
    exitCodes.unreachable,
    `${base.origin} does not answer as this version of rackstrap does (${what})`,
    "check --api, and that server and command line are of the same version",
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : messageOf(error);
}
