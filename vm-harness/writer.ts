// A client of the cluster that writes the whole time: `node writer.ts CA_FILE DOMAIN LAYER_PORT NAME=ADDRESS…`.
// Each key is written until a member acknowledges it, by one member after the other. On SIGTERM it reads every key back and
// prints one JSON line: what was acknowledged, what is missing, and the longest time that a write took. It shares no code with the product.

import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

const [caFile = "", domain = "", port = "", ...members] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
const pauseMs = 500;
const attemptMs = 5000;

interface Reply {
  readonly status: number;
  readonly text: string;
}

function ask(member: string, method: "GET" | "PUT", key: string, body?: string): Promise<Reply> {
  const [name = "", address = ""] = member.split("=");
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const sent = request({
      ...{ host: address, port, servername: `${name}.${domain}`, agent, method, headers },
      // Read each time, as a client does whose CA may be replaced while it runs.
      ca: readFileSync(caFile, "utf8"),
      path: `/v1/kv/${key}`,
      signal: AbortSignal.timeout(attemptMs),
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += String(chunk);
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.end(body);
  });
}

/** Asks one member after the other, again and again, until one answers with 200 or `until` is over. */
async function askAny(
  method: "GET" | "PUT",
  key: string,
  body: string | undefined,
  untilMs: number,
): Promise<string | undefined> {
  for (let index = 0; Date.now() < untilMs; index++) {
    const member = members[(first + index) % members.length] ?? "";
    const reply = await ask(member, method, key, body).catch(() => undefined);
    if (reply?.status === 200) {
      first = (first + index) % members.length;
      return reply.text;
    }
    await sleep(pauseMs);
  }
  return undefined;
}

let first = 0;
let stopping = false;
process.once("SIGTERM", () => {
  stopping = true;
});

const run = `writer-${process.pid}-${Date.now()}`;
const acknowledged: { readonly key: string; readonly value: string }[] = [];
let longestMs = 0;
let unacknowledged = 0;

while (!stopping) {
  const key = `${run}-${acknowledged.length + unacknowledged}`;
  const value = Math.random().toString(36).slice(2);
  const startMs = Date.now();
  const answer = await askAny("PUT", key, JSON.stringify({ value }), startMs + 300_000);
  longestMs = Math.max(longestMs, Date.now() - startMs);
  if (answer === undefined) unacknowledged += 1;
  else acknowledged.push({ key, value });
  await sleep(pauseMs);
}

const lost: string[] = [];
for (const { key, value } of acknowledged) {
  const answer = await askAny("GET", key, undefined, Date.now() + 60_000);
  const found = answer === undefined ? undefined : (JSON.parse(answer) as { value?: string }).value;
  if (found !== value) lost.push(key);
}
const report = { acknowledged: acknowledged.length, unacknowledged, lost, longestMs };
process.stdout.write(`${JSON.stringify(report)}\n`);
agent.destroy();
