// How a thread works that has much to do at times and nothing at others: it obeys messages, and sleeps while no work is under way.

import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";

/** The work of a thread. */
export interface WorkerLoop<Message> {
  /** Obeys one message. */
  take(message: Message): void;
  /** Whether there is work under way. */
  isBusy(): boolean;
  /** Does what can be done now, and waits for a short while when that is nothing. */
  turn(): void;
}

/** Takes every message of `port`, also while there is work: the event loop is not run meanwhile. */
export function runWorkerLoop<Message>(port: MessagePort, loop: WorkerLoop<Message>): void {
  port.on("message", (first: Message) => {
    loop.take(first);
    while (loop.isBusy()) {
      loop.turn();
      for (;;) {
        const next = receiveMessageOnPort(port);
        if (next === undefined) break;
        loop.take(next.message as Message);
      }
    }
  });
}
