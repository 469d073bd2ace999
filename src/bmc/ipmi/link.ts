// One BMC's datagrams: questions that are asked again until they are answered, and what comes unasked. Nothing of IPMI.

import type { Clock } from "../clock.ts";

/** Where datagrams to one BMC go, and come from. */
export interface Transport {
  send(datagram: Buffer): void;
  close(): void;
}

export interface Question<T> {
  /** Made anew for each sending: a repeated IPMI message has a session sequence number of its own. */
  readonly datagram: () => Buffer;
  /** The answer in a datagram, or undefined when that is about something else or not to be believed. */
  readonly answer: (datagram: Buffer) => T | undefined;
  /** How long to wait after each sending, so also how often it is sent. */
  readonly waitsMs: readonly number[];
}

export interface Link {
  /** Resolves with the answer, or with undefined when none came in time. Rejects only when the signal aborts. */
  ask<T>(question: Question<T>, signal?: AbortSignal): Promise<T | undefined>;
  /** Sends without waiting for anything. */
  send(datagram: Buffer): void;
  /** Called with each datagram that answered no question. */
  listen(listener: (datagram: Buffer) => void): void;
  close(): void;
}

/** Joins a link to a transport. `connect` is given what is to be called with each datagram from the BMC. */
export function createLink(
  connect: (receive: (datagram: Buffer) => void) => Transport,
  clock: Clock,
): Link {
  const asked = new Set<(datagram: Buffer) => boolean>();
  let listener: ((datagram: Buffer) => void) | undefined;
  const transport = connect((datagram) => {
    for (const takes of asked) if (takes(datagram)) return;
    listener?.(datagram);
  });

  async function ask<T>(question: Question<T>, signal?: AbortSignal): Promise<T | undefined> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const takes = (datagram: Buffer) => {
      const answer = question.answer(datagram);
      if (answer === undefined) return false;
      resolve(answer);
      return true;
    };
    const leave = () => reject(signal?.reason as Error);
    asked.add(takes);
    signal?.addEventListener("abort", leave, { once: true });
    try {
      for (const waitMs of question.waitsMs) {
        transport.send(question.datagram());
        const answer = await within(promise, waitMs);
        if (answer !== undefined) return answer;
      }
      return undefined;
    } finally {
      asked.delete(takes);
      signal?.removeEventListener("abort", leave);
    }
  }

  async function within<T>(answer: Promise<T>, waitMs: number): Promise<T | undefined> {
    const over = new AbortController();
    try {
      return await Promise.race([answer, clock.sleep(waitMs, over.signal).then(() => undefined)]);
    } finally {
      // With a reason, so that no error with a stack is made for every datagram.
      over.abort("answered");
    }
  }

  return {
    ask,
    send: transport.send,
    listen: (next) => {
      listener = next;
    },
    close: transport.close,
  };
}
