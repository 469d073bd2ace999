// The serial line of a QEMU machine: a TCP socket that is there while the machine runs, and takes one connection.

import { connect, type Socket } from "node:net";

const retryMs = 200;

export interface QemuConsole {
  /** The machine was started: there is something to hear. */
  connect(): void;
  listen(listener: (data: Buffer) => void): () => void;
  /** What is typed while nobody runs is lost. */
  type(data: Buffer): void;
}

/** `running`: whether trying again makes sense. It is connected while somebody listens. */
export function createQemuConsole(port: number, running: () => boolean): QemuConsole {
  const listeners = new Set<(data: Buffer) => void>();
  let socket: Socket | undefined;
  const open = () => {
    if (socket !== undefined || listeners.size === 0 || !running()) return;
    const opened = connect(port, "127.0.0.1");
    socket = opened;
    opened.unref();
    opened.on("data", (data) => {
      for (const listener of listeners) listener(data);
    });
    // "close" comes after it.
    opened.on("error", () => undefined);
    opened.on("close", () => {
      if (socket === opened) socket = undefined;
      setTimeout(open, retryMs).unref();
    });
  };
  return {
    connect: open,
    listen: (listener) => {
      listeners.add(listener);
      open();
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) socket?.destroy();
      };
    },
    type: (data) => socket?.write(data),
  };
}
