import type { Clock } from "./clock.js";

/**
 * What systemd is told through NOTIFY_SOCKET (sd_notify(3)): ready, stopping, and that the process still turns. Without
 * the variable nothing is done and nothing is loaded.
 */
export interface ServiceManager {
  ready(): void;
  stopping(): void;
  /** May be called at any rate; sends as often as WatchdogSec asks for. */
  alive(): void;
}

const NOBODY: ServiceManager = { ready() {}, stopping() {}, alive() {} };

/** Times that the watchdog is fed within its own time: one feed may be late without an alarm. */
const FEEDS_PER_WATCHDOG = 4;

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
/** Length of sun_path in sockaddr_un (unix(7)). */
const MAX_PATH_BYTES = 108;

export async function createServiceManager(
  clock: Clock,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ServiceManager> {
  const path = env.NOTIFY_SOCKET;
  if (path === undefined || path === "") return NOBODY;
  const send = await openDatagrams(path);
  const watchdogMs = Number(env.WATCHDOG_USEC ?? 0) / 1000;
  let fedAt = -Infinity;
  return {
    ready: () => send("READY=1"),
    stopping: () => send("STOPPING=1"),
    alive() {
      const now = clock.now();
      if (!(watchdogMs > 0) || now - fedAt < watchdogMs / FEEDS_PER_WATCHDOG) return;
      fedAt = now;
      send("WATCHDOG=1");
    },
  };
}

/** Node has no Unix datagram sockets; libc has. A datagram that cannot be sent is lost: systemd then acts, as it should. */
async function openDatagrams(path: string): Promise<(text: string) => void> {
  const address = Buffer.from(path);
  if (address.length > MAX_PATH_BYTES) throw new RangeError("NOTIFY_SOCKET is longer than a socket's address can be");
  // "@" stands for the zero byte of an abstract socket.
  if (address[0] === 0x40) address[0] = 0;
  const name = Buffer.concat([Buffer.alloc(2), address]);
  name.writeUInt16LE(AF_UNIX);
  const { default: koffi } = await import("koffi");
  const libc = koffi.load("libc.so.6");
  const socket = libc.func("int socket(int domain, int type, int protocol)");
  const sendto = libc.func(
    "int64 sendto(int fd, const void *data, size_t size, int flags, const void *to, uint32 length)",
  );
  const fd = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0) as number;
  if (fd < 0) throw new Error("no socket for NOTIFY_SOCKET");
  return (text) => {
    const data = Buffer.from(text);
    sendto(fd, data, data.length, MSG_DONTWAIT_NOSIGNAL, name, name.length);
  };
}
