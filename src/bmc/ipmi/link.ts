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
    const answered = Promise.withResolvers<T>();
    const takes = (datagram: Buffer) => {
      const answer = question.answer(datagram);
      if (answer === undefined) return false;
      answered.resolve(answer);
      return true;
    };
    asked.add(takes);
    try {
      for (const waitMs of question.waitsMs) {
        signal?.throwIfAborted();
        transport.send(question.datagram());
        const answer = await within(answered.promise, waitMs, signal);
        if (answer !== undefined) return answer;
      }
      signal?.throwIfAborted();
      return undefined;
    } finally {
      asked.delete(takes);
    }
  }

  async function within<T>(
    answer: Promise<T>,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<T | undefined> {
    const over = new AbortController();
    const either = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
    try {
      return await Promise.race([answer, clock.sleep(waitMs, either).then(() => undefined)]);
    } finally {
      over.abort();
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
