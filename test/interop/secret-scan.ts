// Looks for secrets where they must not be: in texts, files and processes, in the forms in which they are written down.

import { createPrivateKey } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A secret by what it is, as text or octets. */
export interface Canary {
  readonly name: string;
  readonly value: string | Buffer;
}

export interface Scanner {
  /** The names of the secrets that are in it, in any form. */
  find(content: string | Buffer): readonly string[];
}

export function createScanner(canaries: readonly Canary[]): Scanner {
  const forms = canaries.flatMap(({ name, value }) =>
    formsOf(Buffer.from(value)).map((form) => ({ name, form: Buffer.from(form, "latin1") })),
  );
  return {
    find: (content) => {
      const octets = typeof content === "string" ? Buffer.from(content, "latin1") : content;
      return [...new Set(forms.flatMap(({ name, form }) => (octets.includes(form) ? [name] : [])))];
    },
  };
}

/** A key in PEM as the secrets in it: its lines one by one, and its private number in whatever form it may turn up. */
export function keyCanaries(name: string, pem: string): Canary[] {
  const lines = pem.split("\n").filter((line) => line.length >= 40 && !line.startsWith("-----"));
  return [
    // The first lines of a key in OpenSSH's form are the same for all keys, and the public half.
    ...lines
      .slice(pem.includes("OPENSSH") ? 3 : 0)
      .map((value, index) => ({ name: `${name}, line ${index + 1}`, value })),
    ...(pem.includes("OPENSSH") ? [] : [{ name: `${name}, number`, value: privateNumber(pem) }]),
  ];
}

function privateNumber(pem: string): Buffer {
  const { d = "" } = createPrivateKey(pem).export({ format: "jwk" });
  return Buffer.from(d, "base64url");
}

/** As it is, in hexadecimal, in base64 wherever it begins in what is encoded, in a URL, and in JSON. */
export function formsOf(value: Buffer): string[] {
  const hex = value.toString("hex");
  const text = value.toString("latin1");
  const base64 = [0, 1, 2].flatMap((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), value]).toString("base64");
    // The first and the last digits depend on what stands around it.
    const own = encoded.replace(/=+$/, "").slice(Math.ceil((before * 8) / 6), -2);
    return [own, own.replaceAll("+", "-").replaceAll("/", "_")];
  });
  const quoted = JSON.stringify(text).slice(1, -1);
  const all = [text, hex, hex.toUpperCase(), encodeURIComponent(text), quoted, ...base64];
  return [...new Set(all)].filter((form) => form.length >= 8);
}

/** Something that a process was seen with. */
export interface Seen {
  readonly where: "cmdline" | "environ";
  readonly pid: number;
  /** Its arguments, or its name in brackets when it ended before they were read. */
  readonly argv: string;
  readonly content: Buffer;
}

/**
 * Looks at the arguments and the environment of every process, again and again until it is told to stop. What it saw is kept,
 * each thing once, to be searched for secrets that come up later.
 */
export async function watchProcesses(
  stop: AbortSignal,
  pauseMs = 0,
): Promise<{ readonly seen: readonly Seen[]; readonly looks: number }> {
  const seen = new Map<string, Seen>();
  let looks = 0;
  while (!stop.aborted) {
    for (const name of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
      // In this order: a program that has its environment has its arguments, too.
      const environ = readProcess(name, "environ");
      const cmdline = readProcess(name, "cmdline");
      const argv = argvText(cmdline) || `[${readProcess(name, "comm").toString().trim()}]`;
      for (const where of ["cmdline", "environ"] as const) {
        const content = where === "cmdline" ? cmdline : environ;
        const key = `${name} ${where} ${argv} ${content.length}`;
        if (!seen.has(key)) seen.set(key, { where, pid: Number(name), argv, content });
      }
    }
    looks += 1;
    await sleep(pauseMs);
  }
  return { seen: [...seen.values()], looks };
}

function argvText(cmdline: Buffer): string {
  return cmdline.toString("latin1").replaceAll("\0", " ").trim();
}

function readProcess(pid: string, file: string): Buffer {
  try {
    return readFileSync(`/proc/${pid}/${file}`);
  } catch {
    return Buffer.alloc(0);
  }
}

/** Every regular file below `path`, itself included. */
export function filesBelow(path: string): string[] {
  const entry = lstatSync(path);
  if (entry.isFile()) return [path];
  return entry.isDirectory()
    ? readdirSync(path).flatMap((name) => filesBelow(join(path, name)))
    : [];
}

/** What is found below `path`, by file; empty when nothing is. */
export function findInFiles(scanner: Scanner, path: string): Record<string, readonly string[]> {
  const found = filesBelow(path).map((file) => [file, scanner.find(readFileSync(file))] as const);
  return Object.fromEntries(found.filter(([, names]) => names.length > 0));
}
