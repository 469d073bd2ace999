// The sockets that systemd has opened before the process was started. Protocol: sd_listen_fds(3).

const firstFd = 3;

/**
 * The descriptors that `.socket` units pass under `name` (`FileDescriptorName=`), in their order. `env` and `pid` are the
 * process's own.
 */
export function inheritedSockets(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number[] {
  if (env["LISTEN_PID"] !== String(pid)) return [];
  const passed = Number(env["LISTEN_FDS"] ?? 0);
  const names = (env["LISTEN_FDNAMES"] ?? "").split(":").slice(0, passed);
  return names.flatMap((given, i) => (given === name ? [firstFd + i] : []));
}
