// Makes each batch of lease changes durable, and knows whether that works. While it does not, pool clients get nothing, and
// the journal is tried again and again: machines that got no answer wait longer each time and must not be those who find out.

import { messageOf } from "../net/error-text.ts";
import type { LeaseJournal } from "./lease-table.ts";
import { commitLeases, type LeaseBook } from "./leases.ts";

export interface Storing {
  /** Makes the batch durable, or says why that failed: its changes are undone then. */
  commit(nowMs: number): string | undefined;
  /** To be called often; tries a journal that failed once more, at most once a second. */
  recover(nowMs: number): void;
}

const retryMs = 1_000;

/** The reason of a failure stands in `book.storeFailure` until the journal works again. */
export function createStoring(book: LeaseBook, journal: LeaseJournal): Storing {
  let retryAtMs = 0;
  const attempt = (work: () => void, nowMs: number): string | undefined => {
    try {
      work();
      return undefined;
    } catch (error) {
      retryAtMs = nowMs + retryMs;
      book.storeFailure = `the lease could not be stored: ${messageOf(error)}`;
      return book.storeFailure;
    }
  };
  return {
    commit: (nowMs) => attempt(() => commitLeases(book, journal, nowMs), nowMs),
    recover(nowMs) {
      if (book.storeFailure === undefined || nowMs < retryAtMs) return;
      const failure = attempt(() => book.table.recover(journal, nowMs), nowMs);
      if (failure === undefined) book.storeFailure = undefined;
    },
  };
}
